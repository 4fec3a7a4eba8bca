"""Picture files in, upright 8-bit RGB out; everything that is not a picture we read is refused before it costs much."""

from __future__ import annotations

import warnings
from io import BytesIO

import numpy as np
from PIL import Image

from core.errors import UndecodableImage
from core.images import SurveyedPicture
from models.classifier.bounds import exif_orientation
from models.classifier.confined import decode_confined
from models.classifier.survey import survey

SIXTEEN_BIT_MODES = ("I", "I;16", "I;16L", "I;16B", "I;16N")
STRIP_PIXELS = 250_000
ALPHA_MODES = ("RGBA", "RGBa", "LA", "La", "PA")
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What turns a picture upright, by how EXIF numbers which way is up."""

# A warning tells the operator nothing, and Python remembers each new text for as long as the process lives.
warnings.filterwarnings("ignore", module=r"PIL\.")


def decode(picture: bytes | SurveyedPicture, *, keep_side: int | None = None) -> Image.Image:
    """Return one picture file as an upright RGB picture, transparency laid over white.

    Args:
        picture: the whole file, its name and declared type play no part; or what ``survey`` said of it, given the same
            ``keep_side``.
        keep_side: a JPEG may be decoded at a half, quarter or eighth of its size as long as both sides keep at least
            this many pixels; None decodes in full.

    Returns:
        The first frame, EXIF orientation applied, mode RGB.

    Raises:
        UnsupportedImage, UndecodableImage, ImageTooLarge: as ``models.classifier.survey.survey`` says, or the pixels
            themselves are broken.
    """
    if isinstance(picture, bytes):
        picture = survey(picture, keep_side=keep_side)
    image = open_picture(picture, keep_side=keep_side)
    try:
        return _to_rgb(image)
    except Exception as error:
        raise _broken(picture) from error


def open_picture(picture: SurveyedPicture, *, keep_side: int | None = None) -> Image.Image:
    """Return a surveyed picture decoded and upright, in the colours that it is stored in.

    Raises:
        UndecodableImage: it is truncated or broken, or its codec finds another size in it than the survey.
    """
    image = decode_confined(picture) if picture.confined else _open_here(picture, keep_side)
    turned = picture.orientation
    if picture.format == "AVIF":
        turned = exif_orientation(image.info.get("exif", b""))
    return image.transpose(UPRIGHT[turned]) if turned in UPRIGHT else image


def _open_here(picture: SurveyedPicture, keep_side: int | None) -> Image.Image:
    try:
        image = Image.open(BytesIO(picture.data), formats=[picture.format])
    except Exception as error:  # a decoder fed with hostile bytes may raise nearly anything
        raise UndecodableImage(
            f"The {picture.format} header is broken. Save the picture again and resend it."
        ) from error
    if image.size != (picture.width, picture.height):
        raise _broken(picture)
    try:
        if keep_side is not None and picture.format == "JPEG":
            image.draft(None, (keep_side, keep_side))
        image.load()
    except Exception as error:
        raise _broken(picture) from error
    return image


def _broken(picture: SurveyedPicture) -> UndecodableImage:
    return UndecodableImage(f"The {picture.format} picture is truncated or broken. Save it again and resend it.")


def _to_rgb(image: Image.Image) -> Image.Image:
    """Return the picture as RGB, made strip by strip: half-way forms of a whole one would take three times its size."""
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    whole = Image.new("RGB", image.size, None)  # not filled, which would take long in one go
    n_rows = max(1, STRIP_PIXELS // image.width)
    for top in range(0, image.height, n_rows):
        strip = image.crop((0, top, image.width, min(image.height, top + n_rows)))
        whole.paste(_strip_to_rgb(strip), (0, top))
    return whole


def _strip_to_rgb(image: Image.Image) -> Image.Image:
    if image.mode in SIXTEEN_BIT_MODES:
        # Pillow clips these to 255 instead of scaling, which would turn nearly every pixel white.
        values = np.clip(np.asarray(image, dtype=np.int64), 0, 65535) >> 8
        return Image.fromarray(values.astype(np.uint8), mode="L").convert("RGB")
    if image.mode in ALPHA_MODES or "transparency" in image.info:
        layered = image.convert("RGBA")
        paper = Image.new("RGBA", layered.size, (255, 255, 255, 255))
        return Image.alpha_composite(paper, layered).convert("RGB")
    return image.convert("RGB")
