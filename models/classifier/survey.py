"""The walk through a picture file's container, before any decoder sees it.

Decoders cannot be stopped, and take time and memory by what a file announces and by how many parts it has, not by its
bytes: so the parts are counted here, the size is read where the codec itself will read it, and the decoder gets a file
that holds nothing beside the first frame. A walk takes time by the bytes alone, about 50 ms for 15 MB of anything.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

from core.errors import UndecodableImage, UnsupportedImage
from core.images import READABLE, SurveyedPicture
from models.classifier.avif_survey import survey_avif
from models.classifier.bounds import (
    broken,
    check_cost,
    check_pixels,
    contradictory,
    exif_orientation,
    not_read,
    overfilled,
)
from models.classifier.jpeg_survey import survey_jpeg

MAX_CHUNKS = 50_000
"""Of a PNG; 15 MB in chunks of 8 kB, as libpng writes them, are 1,800."""
MAX_PNG_BYTES = 250_000_000
"""Unpacked, before 16 bits become 8."""
MAX_PROFILE_BYTES = 1_000_000
"""A profile of colours, packed; a longer one is left out."""
MAX_BLOCKS = 150_000
"""Of a GIF; 15 MB in blocks of 255 bytes are 59,000."""
MAX_GIF_PARTS = 10_000
"""Before the first frame: extensions, and bytes of no meaning."""
MAX_WEBP_CHUNKS = 1_000
"""Walked; what stands behind them is no part of the first frame."""
WEBP_BYTES_PER_PIXEL = 16.5
_SMALL_CHUNKS = {b"gAMA": 4, b"cHRM": 32, b"sRGB": 1, b"pHYs": 9}
"""What else a PNG's colours need, and how long each is."""
_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_BMP_HEADERS = frozenset({12, 40, 52, 56, 64, 108, 124})
_BMP_RUN_LENGTHS = frozenset({1, 2})


def sniff_format(data: bytes) -> str | None:
    """Return Pillow's name of the format that the first bytes announce, or None when it is not one that we read."""
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:8] == b"ftyp" and any(brand in data[8:64] for brand in (b"avif", b"avis")):
        return "AVIF"
    if data.startswith(b"BM"):
        return "BMP"
    return None


def survey(data: bytes, *, keep_side: int | None = None) -> SurveyedPicture:
    """Return what one picture file holds, when it is within bounds.

    Args:
        data: the whole file; its name and declared type play no part.
        keep_side: as ``models.classifier.decode.decode`` takes it.

    Raises:
        UnsupportedImage: the content is of no format, or of a kind of one, that we read.
        UndecodableImage: the container is truncated, broken, contradicts itself, or has too many parts.
        ImageTooLarge: more than 50 megapixels, or more than its kind can be decoded from within the bound on memory.
    """
    format_name = sniff_format(data)
    if format_name is None:
        raise UnsupportedImage(f"The file is not a picture that can be read. Send {READABLE}.")
    try:
        return survey_jpeg(data, keep_side) if format_name == "JPEG" else _SURVEYS[format_name](data)
    except (struct.error, IndexError) as error:  # cut short within a number
        raise broken(format_name) from error


def _within(
    format_name: str,
    size: tuple[int, int],
    data: bytes,
    bytes_per_pixel: float,
    *,
    turned: int = 1,
    notes: bool,
    confined: bool = False,
) -> SurveyedPicture:
    """Return a picture that takes ``bytes_per_pixel`` at its peak, or refuse it."""
    check_pixels(*size)
    n_pixels = size[0] * size[1]
    decoding_bytes = int(n_pixels * bytes_per_pixel)
    check_cost(format_name, n_pixels, decoding_bytes)
    return SurveyedPicture(format_name, *size, data, turned, notes, decoding_bytes, confined)


# ---- PNG ---------------------------------------------------------------------------------------------


def _survey_png(data: bytes) -> SurveyedPicture:
    kept = [data[:8]]
    header, exif, xmp = b"", b"", b""
    transparent, ended, n_chunks = False, len(data), 0
    seen: set[bytes] = set()
    for kind, at, length in _png_chunks(data):
        n_chunks += 1
        end = at + 12 + length
        if kind == b"IEND":
            ended = end
            break
        if kind == b"IHDR":
            if header or n_chunks > 1 or length != 13:
                raise broken("PNG")
            header = data[at + 8 : at + 21]
        elif kind == b"eXIf":
            exif = exif or data[at + 8 : end - 4]
            continue
        elif kind == b"iTXt" and data.startswith(b"XML:com.adobe.xmp\x00\x00", at + 8):
            xmp = xmp or data[at + 8 : end - 4]
            continue
        elif kind != b"IDAT":
            packed = kind == b"iCCP" and length <= MAX_PROFILE_BYTES
            if kind in seen or not (kind in (b"PLTE", b"tRNS") or packed or _SMALL_CHUNKS.get(kind) == length):
                continue
            transparent |= kind == b"tRNS"
            seen.add(kind)
        kept.append(data[at:end])
    if len(header) != 13:
        raise broken("PNG")
    width, height, depth, colour, _, _, _ = struct.unpack(">IIBBBBB", header)
    if not width or not height or colour not in _PNG_CHANNELS or depth not in (1, 2, 4, 8, 16):
        raise broken("PNG")
    check_pixels(width, height)
    n_bytes = height * (1 + -(-width * depth * _PNG_CHANNELS[colour] // 8))
    turned = exif_orientation(exif, xmp)
    stored = {0: depth // 8 or 1, 3: 1}.get(colour, 4)
    converted = 0 if colour == 2 and not transparent and turned == 1 else 4
    has_notes = len(kept) <= n_chunks or ended < len(data)
    kept.append(b"\x00\x00\x00\x00IEND\xaeB\x60\x82")
    check_cost("PNG", width * height, n_bytes, MAX_PNG_BYTES)
    whole = b"".join(kept) if has_notes and ended <= len(data) else data
    return _within("PNG", (width, height), whole, stored + converted, turned=turned, notes=has_notes)


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield each chunk's kind, where it begins and how long its content is; the last may be cut short."""
    at = 8
    for _ in range(MAX_CHUNKS):
        if at + 12 > len(data):
            return
        length, kind = struct.unpack_from(">I4s", data, at)
        yield kind, at, length
        at += 12 + length
    raise overfilled("PNG", "chunks")


# ---- GIF ---------------------------------------------------------------------------------------------


def _survey_gif(data: bytes) -> SurveyedPicture:
    if len(data) < 13:
        raise broken("GIF")
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    start = 13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
    at, control, has_notes, n_blocks = start, b"", False, 0
    for _ in range(MAX_GIF_PARTS):
        kind = data[at : at + 1]
        if kind == b",":
            break
        if kind == b"!":
            end, n_blocks = _after_blocks(data, at + 2, n_blocks)
            if data[at + 1] == 0xF9:
                control = data[at:end]
            else:
                has_notes = True
            at = end
            continue
        at, has_notes = at + 1, True
        if not kind or kind == b";":
            raise broken("GIF")
    else:
        raise overfilled("GIF", "comments")
    if at + 10 > len(data):
        raise broken("GIF")
    left, top, across, down, flags = struct.unpack_from("<4HB", data, at + 1)
    size = max(width, left + across), max(height, top + down)
    if not size[0] or not size[1]:
        raise broken("GIF")
    pixels = at + 11 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
    try:
        end, _ = _after_blocks(data, pixels, 0)
    except UndecodableImage:
        end = len(data)  # cut short: the decoder says so, or has read enough
    has_notes |= data[end : end + 1] != b";" or end + 1 < len(data)
    slim = b"".join((data[:start], control, data[at:end], b";")) if has_notes else data
    return _within("GIF", size, slim, 5, notes=has_notes)


def _after_blocks(data: bytes, at: int, n_blocks: int) -> tuple[int, int]:
    """Return where a row of blocks has ended, and how many there were by then with the ``n_blocks`` before it."""
    try:
        for number in range(n_blocks, MAX_BLOCKS):
            length = data[at]
            at += 1 + length
            if not length:
                return at, number + 1
    except IndexError as error:
        raise broken("GIF") from error
    raise overfilled("GIF", "blocks")


# ---- WebP --------------------------------------------------------------------------------------------


def _survey_webp(data: bytes) -> SurveyedPicture:
    (size,) = struct.unpack_from("<I", data, 4)
    kept: dict[bytes, bytes] = {}
    exif, xmp, has_notes = b"", b"", size + 8 < len(data)
    for kind, content in _webp_chunks(data, 12, min(len(data), size + 8)):
        if kind == b"EXIF":
            exif = exif or content
        elif kind == b"XMP ":
            xmp = xmp or content
        if kind in kept or kind not in (b"VP8X", b"ICCP", b"ANIM", b"ANMF", b"ALPH", b"VP8 ", b"VP8L"):
            has_notes = True
        elif kind != b"ICCP" or len(content) <= MAX_PROFILE_BYTES:
            kept[kind] = content
        if kind in (b"VP8 ", b"VP8L") and b"VP8X" not in kept:
            break
    frame = kept
    if b"ANMF" in kept:
        place = kept[b"ANMF"][:16]
        if len(place) < 16 or b"VP8X" not in kept:
            raise broken("WebP")
        frame = {}
        for kind, content in _webp_chunks(kept[b"ANMF"], 16, len(kept[b"ANMF"])):
            if kind in (b"ALPH", b"VP8 ", b"VP8L"):
                frame.setdefault(kind, content)
        kept[b"ANMF"] = place + _webp_joined(frame)
        for kind in (b"ALPH", b"VP8 ", b"VP8L"):
            kept.pop(kind, None)
    coded = _webp_size(frame)
    canvas = coded
    if b"VP8X" in kept:
        extended = kept[b"VP8X"]
        if len(extended) < 10:
            raise broken("WebP")
        canvas = 1 + int.from_bytes(extended[4:7], "little"), 1 + int.from_bytes(extended[7:10], "little")
        check_pixels(*canvas)
        announced = canvas
        if b"ANMF" in kept:
            left, top, across, down = (int.from_bytes(place[k : k + 3], "little") for k in (0, 3, 6, 9))
            announced = across + 1, down + 1
            if 2 * left + announced[0] > canvas[0] or 2 * top + announced[1] > canvas[1]:
                raise contradictory("WebP")
        if announced != coded:
            raise contradictory("WebP")
        flags = extended[0] & 0x12 | (0x20 if b"ICCP" in kept else 0)
        kept[b"VP8X"] = bytes([flags]) + extended[1:]
    slim = _webp_joined(kept)
    if has_notes or len(slim) + 12 != len(data):
        slim = b"RIFF" + struct.pack("<I", len(slim) + 4) + b"WEBP" + slim
    else:
        slim = data
    turned = exif_orientation(exif, xmp)
    return _within(
        "WEBP",
        canvas,
        slim,
        WEBP_BYTES_PER_PIXEL,
        turned=turned,
        notes=slim is not data,
        confined=b"VP8L" in frame or b"ALPH" in frame,  # transparency is packed as a lossless picture is
    )


def _webp_chunks(data: bytes, at: int, end: int) -> Iterator[tuple[bytes, bytes]]:
    for _ in range(MAX_WEBP_CHUNKS):
        if at + 8 > end:
            return
        kind, length = struct.unpack_from("<4sI", data, at)
        yield kind, data[at + 8 : min(end, at + 8 + length)]
        at += 8 + length + (length & 1)


def _webp_joined(chunks: dict[bytes, bytes]) -> bytes:
    return b"".join(
        kind + struct.pack("<I", len(content)) + content + bytes(len(content) & 1) for kind, content in chunks.items()
    )


def _webp_size(frame: dict[bytes, bytes]) -> tuple[int, int]:
    """Return the size that a coded frame itself announces."""
    lossy, lossless = frame.get(b"VP8 "), frame.get(b"VP8L")
    if lossy is not None and lossless is None and lossy[3:6] == b"\x9d\x01\x2a" and len(lossy) >= 10:
        width, height = struct.unpack_from("<HH", lossy, 6)
        if width & 0x3FFF and height & 0x3FFF:
            return width & 0x3FFF, height & 0x3FFF
    if lossless is not None and lossy is None and lossless[:1] == b"\x2f" and len(lossless) >= 5:
        bits = int.from_bytes(lossless[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    raise broken("WebP")


# ---- BMP ---------------------------------------------------------------------------------------------


def _survey_bmp(data: bytes) -> SurveyedPicture:
    header = data[14:54]
    length = int.from_bytes(header[:4], "little")
    if length not in _BMP_HEADERS or len(header) < min(length, 40):
        raise broken("BMP")
    if length == 12:
        width, height, _, bits = struct.unpack_from("<HHHH", header, 4)
        packing = 0
    else:
        width, height, _, bits, packing = struct.unpack_from("<iiHHI", header, 4)
        height = abs(height)
    if width <= 0 or not height or bits not in (1, 2, 4, 8, 16, 24, 32):
        raise broken("BMP")
    if packing in _BMP_RUN_LENGTHS:
        raise not_read("BMP", "Run-length coding")
    check_pixels(width, height)
    if (width * bits + 31) // 32 * 4 * height > len(data):
        raise UndecodableImage("The BMP picture is truncated or broken. Save it again and resend it.")
    stored = {16: 4, 24: 4, 32: 8}.get(bits, 5)
    return _within("BMP", (width, height), data, stored, notes=False)


_SURVEYS: dict[str, Callable[[bytes], SurveyedPicture]] = {
    "PNG": _survey_png,
    "GIF": _survey_gif,
    "WEBP": _survey_webp,
    "AVIF": survey_avif,
    "BMP": _survey_bmp,
}
