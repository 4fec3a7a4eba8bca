"""Where a name may hide in a picture file, and that it does not come through; the pixels do, all of them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from models.classifier.decode import open_picture
from models.classifier.survey import survey
from scraper.crawling.picture_files import ENDINGS, PictureReader, checked_picture
from scraper.crawling.picture_metadata import without_notes

READER = PictureReader(survey, open_picture)
SECRET = b"Anna Example, 1 Long Lane, serial 4711"
Hide = Callable[[bytes], bytes]


def noise(mode: str, seed: int = 0, size: tuple[int, int] = (40, 24)) -> Image.Image:
    """Return a picture in which no two pixels need be alike."""
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 4), dtype=np.uint8)
    return Image.fromarray(pixels, "RGBA").convert(mode)


def encoded(kind: str, image: Image.Image, **options: object) -> bytes:
    """Return a picture file."""
    out = BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def pixels_of(data: bytes) -> tuple[str, bytes]:
    """Return the first frame's colours."""
    with Image.open(BytesIO(data)) as image:
        return image.mode, image.convert("RGBA").tobytes()


def segment(kind: int, content: bytes) -> bytes:
    """Return a segment of a JPEG."""
    return b"\xff" + bytes([kind]) + struct.pack(">H", len(content) + 2) + content


def chunk(kind: bytes, content: bytes) -> bytes:
    """Return a chunk of a PNG."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def riff(kind: bytes, content: bytes) -> bytes:
    """Return a chunk of a WebP."""
    return kind + struct.pack("<I", len(content)) + content + bytes(len(content) & 1)


def in_jpeg(kind: int, head: bytes = b"") -> Hide:
    """Hide it in a segment before the pixels."""
    return lambda data: data[:2] + segment(kind, head + SECRET) + data[2:]


def jfif_thumbnail(data: bytes) -> bytes:
    """Hide it where a thumbnail of 13 by 1 pixels stands."""
    assert data[2:4] == b"\xff\xe0"
    thumbnail = SECRET.ljust(39)[:39]
    return data[:2] + segment(0xE0, data[6:18] + b"\x0d\x01" + thumbnail) + data[20:]


def adobe_tail(data: bytes) -> bytes:
    """Hide it behind the fields of APP14 of a picture whose colours need it."""
    at = data.index(b"\xff\xee")
    return data[:at] + segment(0xEE, data[at + 4 : at + 16] + SECRET) + data[at + 16 :]


def comment_behind_first_scan(data: bytes) -> bytes:
    """Hide it between two scans of a progressive picture."""
    at = data.index(b"\xff\xda", data.index(b"\xff\xda") + 2)
    return data[:at] + segment(0xFE, SECRET) + data[at:]


def in_png(kind: bytes, content: bytes = SECRET) -> Hide:
    """Hide it in a chunk behind the header."""
    return lambda data: data[:33] + chunk(kind, content) + data[33:]


def before_iend(kind: bytes) -> Hide:
    """Hide it in a chunk behind the pixels."""
    return lambda data: data[:-12] + chunk(kind, SECRET) + data[-12:]


def behind_packed_rows(data: bytes) -> bytes:
    """Hide it in the packed stream, behind the last row."""
    at = data.index(b"IDAT") - 4
    (length,) = struct.unpack_from(">I", data, at)
    rows = zlib.decompress(data[at + 8 : at + 8 + length])
    return data[:at] + chunk(b"IDAT", zlib.compress(rows + SECRET, 0)) + data[at + 12 + length :]


def behind_stream(data: bytes) -> bytes:
    """Hide it behind the packed stream."""
    return before_iend(b"IDAT")(data)


def gif_extension(label: bytes, name: bytes = b"") -> Hide:
    """Hide it in an extension before the frame."""
    block = b"!" + label + name + bytes([len(SECRET)]) + SECRET + b"\x00"
    return lambda data: data[: (at := 13 + 3 * 256)] + block + data[at:]


def gif_control(data: bytes) -> bytes:
    """Hide it in a second block of the control extension."""
    at = 13 + 3 * 256
    return data[:at] + b"!\xf9\x04\x00\x00\x00\x00" + bytes([len(SECRET)]) + SECRET + b"\x00" + data[at:]


def behind_gif_frame(data: bytes) -> bytes:
    """Hide it in a comment behind the frame."""
    assert data.endswith(b";")
    return data[:-1] + b"!\xfe" + bytes([len(SECRET)]) + SECRET + b"\x00;"


def in_webp(kind: bytes) -> Hide:
    """Hide it in a chunk behind the frame."""

    def hide(data: bytes) -> bytes:
        body = data[12:] + riff(kind, SECRET)
        return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body

    return hide


def behind_animation(data: bytes) -> bytes:
    """Hide it behind the fields that say how an animation plays."""
    at = data.index(b"ANIM")
    body = data[12:at] + riff(b"ANIM", data[at + 8 : at + 14] + SECRET) + data[at + 14 :]
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def trailer(data: bytes) -> bytes:
    """Hide it behind the end."""
    return data + SECRET


PLAIN = {
    "JPEG": encoded("JPEG", noise("RGB")),
    "scans": encoded("JPEG", noise("RGB"), progressive=True),
    "CMYK": encoded("JPEG", noise("CMYK")),
    "PNG": encoded("PNG", noise("RGB")),
    "GIF": encoded("GIF", noise("L")),
    "WEBP": encoded("WEBP", noise("RGB"), lossless=True),
    "frames": encoded("WEBP", noise("RGB"), lossless=True, save_all=True, append_images=[noise("RGB", 1)]),
}
KINDS = {"scans": "JPEG", "CMYK": "JPEG", "frames": "WEBP"}
PLACES: dict[str, tuple[str, Hide]] = {
    "JPEG APP0 JFXX": ("JPEG", in_jpeg(0xE0, b"JFXX\x00\x10")),
    "JPEG APP0 thumbnail": ("JPEG", jfif_thumbnail),
    "JPEG APP1 XMP": ("JPEG", in_jpeg(0xE1, b"http://ns.adobe.com/xap/1.0/\x00")),
    "JPEG APP2 FPXR": ("JPEG", in_jpeg(0xE2, b"FPXR\x00")),
    "JPEG APP2 MPF": ("JPEG", in_jpeg(0xE2, b"MPF\x00")),
    "JPEG APP11": ("JPEG", in_jpeg(0xEB, b"JP\x00\x01")),
    "JPEG APP13": ("JPEG", in_jpeg(0xED, b"Photoshop 3.0\x00")),
    "JPEG APP14 tail": ("CMYK", adobe_tail),
    "JPEG COM": ("JPEG", in_jpeg(0xFE)),
    "JPEG COM after SOS": ("scans", comment_behind_first_scan),
    "JPEG behind EOI": ("JPEG", trailer),
    "JPEG second picture": ("JPEG", lambda data: data + in_jpeg(0xFE)(data)),
    "PNG tEXt": ("PNG", in_png(b"tEXt", b"Author\x00" + SECRET)),
    "PNG private chunk": ("PNG", in_png(b"caNv")),
    "PNG palette": ("PNG", in_png(b"PLTE", SECRET + b"x")),
    "PNG chunk behind pixels": ("PNG", before_iend(b"zzZz")),
    "PNG behind rows": ("PNG", behind_packed_rows),
    "PNG behind stream": ("PNG", behind_stream),
    "PNG behind IEND": ("PNG", trailer),
    "GIF comment": ("GIF", gif_extension(b"\xfe")),
    "GIF XMP": ("GIF", gif_extension(b"\xff", b"\x0bXMP DataXMP")),
    "GIF control": ("GIF", gif_control),
    "GIF comment at the end": ("GIF", behind_gif_frame),
    "GIF trailer": ("GIF", trailer),
    "WebP EXIF": ("WEBP", in_webp(b"EXIF")),
    "WebP unknown chunk": ("WEBP", in_webp(b"ANNA")),
    "WebP animation": ("frames", behind_animation),
    "WebP trailer": ("WEBP", trailer),
}


@pytest.mark.parametrize("place", PLACES)
def test_what_is_hidden_goes_and_the_pixels_stay(place: str) -> None:
    """In each place that a decoder passes over; the file stays of its kind, and once clean it stays as it is."""
    kind, hide = PLACES[place]
    hiding = hide(PLAIN[kind])
    assert SECRET in hiding
    content, ending = checked_picture(hiding, READER)
    assert SECRET not in content
    assert SECRET[5:20] not in content
    assert pixels_of(content) == pixels_of(hiding)
    assert ending == ENDINGS[KINDS.get(kind, kind)]
    assert checked_picture(content, READER)[0] == content


@settings(max_examples=120)
@given(
    st.sampled_from(["JPEG", "PNG", "GIF", "WEBP"]),
    st.sampled_from(["1", "L", "P", "LA", "RGB", "RGBA", "CMYK", "I;16"]),
    st.integers(0, 2**32 - 1),
    st.tuples(st.integers(1, 33), st.integers(1, 33)),
    st.data(),
)
def test_no_pixel_changes(kind: str, mode: str, seed: int, size: tuple[int, int], data: st.DataObject) -> None:
    """Of any kind of picture that can be written, plain or with something hidden in it."""
    image = noise("L", seed, size).convert("I;16") if mode == "I;16" else noise(mode, seed, size)
    options = {"JPEG": {"progressive": bool(seed % 2)}, "WEBP": {"lossless": bool(seed % 2)}}.get(kind, {})
    try:
        plain = encoded(kind, image, **options)
    except (OSError, ValueError):  # the format has no such colours
        return
    hide = data.draw(st.sampled_from([trailer, lambda content: content]))
    picture = survey(hide(plain))
    content = without_notes(picture.data, picture.format)
    assert pixels_of(content) == pixels_of(plain)
    assert content == without_notes(content, picture.format)
    if hide is not trailer and kind in ("JPEG", "PNG"):
        assert content == plain


@pytest.mark.parametrize("mode", ["L", "RGB", "P", "1"])
def test_an_interlaced_png_is_counted_by_its_passes(mode: str) -> None:
    """Each pass has rows of its own; none of them is taken for something hidden."""
    for size in ((1, 1), (3, 5), (8, 8), (17, 9)):
        image = noise(mode, 1, size)
        rows = _interlaced_rows(image)
        bits = {"L": 8, "RGB": 24, "P": 8, "1": 1}[mode]
        head = struct.pack(">IIBBBBB", *size, 1 if mode == "1" else 8, 2 if bits == 24 else 0, 0, 0, 1)
        whole = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
        assert without_notes(whole, "PNG") == whole
        hiding = behind_packed_rows(whole)
        assert SECRET not in without_notes(hiding, "PNG")
        assert pixels_of(without_notes(hiding, "PNG")) == pixels_of(whole)


def _interlaced_rows(image: Image.Image) -> bytes:
    """Return unfiltered rows of the seven passes."""
    pixels = np.asarray(image.convert("RGB" if image.mode == "RGB" else "L"))
    rows = b""
    for left, top, across, down in (
        *((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4)),
        *((0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)),
    ):
        part = pixels[top::down, left::across]
        if part.size:
            packed = [np.packbits(row > 127) if image.mode == "1" else row for row in part]
            rows += b"".join(b"\x00" + row.tobytes() for row in packed)
    return rows
