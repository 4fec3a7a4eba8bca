"""Pictures beside the shards: checked, without what a camera tells of its owner, and written whole or not at all.

A file's name comes from the post alone, so that a picture that is there already is not fetched again after a kill.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image

from core.atomic import storage_errors, write_atomic
from core.errors import BadInput, DataError, ImageTooLarge
from core.images import MAX_PIXELS, SurveyedPicture
from scraper.crawling.picture_metadata import without_notes

ENDINGS = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp", "GIF": ".gif"}
_REENCODED_QUALITY = 92
FOLDER = "pictures"


class UnusablePicture(Exception):
    """The bytes are not a picture to learn from; the message says why."""


@dataclass(frozen=True, slots=True)
class PictureReader:
    """How a picture file is read: the same way, within the same bounds, as training and serving read it.

    Attributes:
        survey: what a file holds; raises BadInput.
        open: its first frame, decoded and upright, in the colours it is stored in; raises BadInput.
    """

    survey: Callable[[bytes], SurveyedPicture]
    open: Callable[[SurveyedPicture], Image.Image]


def checked_picture(data: bytes, reader: PictureReader) -> tuple[bytes, str]:
    """Return a picture's bytes without metadata, and its file ending.

    It is decoded once, so that nothing broken is kept. Where a camera noted which way is up, the pixels are turned;
    what else it noted (place, owner, serial number) goes, as do comments, further frames and whatever lies behind the
    picture. A picture that stands upright keeps its pixels as they were packed.

    Raises:
        UnusablePicture: it is not in a format that training reads, too large, or broken.
    """
    try:
        picture = reader.survey(data)
        image = reader.open(picture)
    except ImageTooLarge as error:
        raise UnusablePicture(f"more than {MAX_PIXELS // 1_000_000} million pixels, or more than is decoded") from error
    except BadInput as error:
        raise UnusablePicture("no picture, or a broken one") from error
    if picture.format in ENDINGS and picture.orientation == 1:
        return without_notes(picture.data, picture.format), ENDINGS[picture.format]
    try:
        return _encoded(image)
    except Exception as error:  # a profile or a size that the encoder does not take
        raise UnusablePicture("cannot be written as JPEG or PNG") from error


def picture_stem(source: str, post_id: str) -> str:
    """Return the name of a post's picture without ending: 40 hex digits."""
    return hashlib.sha256(f"{source}:{post_id}".encode("utf-8", "surrogatepass")).hexdigest()[:40]


class PictureFiles:
    """The pictures of a corpus.

    Args:
        corpus: the folder that theirs lies in.
        reader: how they are read.

    Raises:
        DataError: their folder is a link that leads elsewhere.
    """

    def __init__(self, corpus: Path, reader: PictureReader) -> None:
        self.folder = corpus / FOLDER
        self._reader = reader
        if self.folder.is_symlink():
            raise DataError(f"{self.folder} is a link that leads elsewhere; pictures lie in the corpus itself")

    def find(self, stem: str) -> str | None:
        """Return the picture's path relative to the pictures' folder, or None when it is not there."""
        for ending in ENDINGS.values():
            relative = f"{stem[:2]}/{stem}{ending}"
            path = self.folder / relative
            if path.is_file() and not path.is_symlink() and not path.parent.is_symlink():
                return relative
        return None

    def keep(self, stem: str, data: bytes) -> str:
        """Write a picture that was checked, and return its path relative to the pictures' folder.

        Raises:
            UnusablePicture: it cannot be used.
            StorageError: there is no room.
            DataError: the folder it belongs into leads out of the corpus.
        """
        content, ending = checked_picture(data, self._reader)
        folder = self.folder / stem[:2]
        with storage_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        if folder.is_symlink():
            raise DataError(f"{folder} is a link that leads elsewhere; pictures lie in the corpus itself")
        write_atomic(folder / f"{stem}{ending}", content)
        return f"{stem[:2]}/{stem}{ending}"


def _encoded(image: Image.Image) -> tuple[bytes, str]:
    """Return a picture written anew from its pixels: JPEG, or PNG where it has transparency."""
    out = BytesIO()
    if image.has_transparency_data:
        clean = image.convert("RGBA")
        clean.info = {}
        clean.save(out, "PNG")
        return out.getvalue(), ".png"
    clean = image.convert("RGB")
    profile = image.info.get("icc_profile") if image.mode == "RGB" else None
    clean.info = {}
    clean.save(out, "JPEG", quality=_REENCODED_QUALITY, icc_profile=profile)
    return out.getvalue(), ".jpg"
