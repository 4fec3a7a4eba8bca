"""Pictures beside the shards: checked, without what a camera tells of its owner, and written whole or not at all.

A file's name comes from the post alone, so that a picture that is there already is not fetched again after a kill.
"""

from __future__ import annotations

import hashlib
import warnings
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageOps

from core.atomic import storage_errors, write_atomic
from core.errors import DataError
from core.images import MAX_PIXELS, PILLOW_FORMATS

ENDINGS = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp", "GIF": ".gif"}
_REENCODED_QUALITY = 92
FOLDER = "pictures"


class UnusablePicture(Exception):
    """The bytes are not a picture to learn from; the message says why."""


def checked_picture(data: bytes) -> tuple[bytes, str]:
    """Return a picture's bytes without metadata, and its file ending.

    It is decoded once, so that nothing broken is kept; a picture that announces more than ``MAX_PIXELS`` is not decoded
    at all. Where a camera noted which way is up, the pixels are turned; what else it noted (place, owner, serial
    number) goes. A JPEG without any of it keeps its bytes.

    Raises:
        UnusablePicture: it is not in a format that training reads, too large, or broken.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image: Image.Image = Image.open(BytesIO(data), formats=PILLOW_FORMATS)
        if image.width * image.height > MAX_PIXELS:
            raise UnusablePicture(f"more than {MAX_PIXELS // 1_000_000} million pixels")
        name = image.format or ""
        image.load()
    except UnusablePicture:
        raise
    except Image.DecompressionBombError as error:
        raise UnusablePicture(f"more than {MAX_PIXELS // 1_000_000} million pixels") from error
    except Exception as error:  # a decoder fed with hostile bytes may raise nearly anything
        raise UnusablePicture("no picture, or a broken one") from error
    if name in ENDINGS and not _tells_more(image, data):
        return data, ENDINGS[name]
    return _encoded(image)


def picture_stem(source: str, post_id: str) -> str:
    """Return the name of a post's picture without ending: 40 hex digits."""
    return hashlib.sha256(f"{source}:{post_id}".encode("utf-8", "surrogatepass")).hexdigest()[:40]


class PictureFiles:
    """The pictures of a corpus.

    Raises:
        DataError: their folder is a link that leads elsewhere.
    """

    def __init__(self, corpus: Path) -> None:
        self.folder = corpus / FOLDER
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
        content, ending = checked_picture(data)
        folder = self.folder / stem[:2]
        with storage_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        if folder.is_symlink():
            raise DataError(f"{folder} is a link that leads elsewhere; pictures lie in the corpus itself")
        write_atomic(folder / f"{stem}{ending}", content)
        return f"{stem[:2]}/{stem}{ending}"


def _tells_more(image: Image.Image, data: bytes) -> bool:
    """Return whether a file holds more than pixels, a profile of colours and how it was packed."""
    if image.format == "JPEG":
        return any(kind in (0xE1, 0xED, 0xFE) for kind in _jpeg_segments(data))
    harmless = {"icc_profile", "transparency", "gamma", "dpi", "interlace", "loop", "background", "version", "duration"}
    harmless |= {"timestamp", "extension", "srgb", "chromaticity", "aspect", "default_image"}
    return bool(set(image.info) - harmless) or len(image.getexif()) > 0


def _jpeg_segments(data: bytes) -> list[int]:
    """Return the kinds of the segments before a JPEG's pixels (ITU T.81, annex B)."""
    kinds, at = [], 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        kind = data[at + 1]
        if kind == 0xFF:  # fill byte
            at += 1
            continue
        if kind == 0xDA:
            break
        kinds.append(kind)
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return kinds


def _encoded(image: Image.Image) -> tuple[bytes, str]:
    """Return a picture written anew from its pixels: JPEG, or PNG where it has transparency."""
    upright = ImageOps.exif_transpose(image)
    out = BytesIO()
    if upright.has_transparency_data:
        clean = upright.convert("RGBA")
        clean.info = {}
        clean.save(out, "PNG")
        return out.getvalue(), ".png"
    clean = upright.convert("RGB")
    profile = image.info.get("icc_profile") if image.mode == "RGB" else None
    clean.info = {}
    clean.save(out, "JPEG", quality=_REENCODED_QUALITY, icc_profile=profile)
    return out.getvalue(), ".jpg"
