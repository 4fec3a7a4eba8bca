"""Picture files to begin mutations from: each container that is read, those that are not, and known ways to harm."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from functools import cache, partial
from io import BytesIO

import numpy as np
from PIL import Image, ImageCms

from tests.support import hostile_pictures

SIDE = 24


def _photo(mode: str = "RGB", size: tuple[int, int] = (SIDE, SIDE)) -> Image.Image:
    noise = np.random.default_rng(7).integers(0, 256, (size[1], size[0], 4), dtype=np.uint8)
    if mode == "I;16":
        return Image.fromarray(noise[..., 0].astype(np.uint16) * 257)
    return Image.fromarray(noise, mode="RGBA").convert(mode)


def _saved(image: Image.Image, kind: str, **named: object) -> bytes:
    file = BytesIO()
    image.save(file, kind, **named)
    return file.getvalue()


def _exif(orientation: int, extra: bytes = b"") -> bytes:
    exif = Image.Exif()
    exif[274] = orientation
    if extra:
        exif[37510] = extra
    return exif.tobytes()


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _png(width: int, height: int, data: bytes, *, depth: int = 8, colour: int = 2, before: bytes = b"") -> bytes:
    """Return a PNG whose header says what it likes."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = _chunk(b"IDAT", zlib.compress(data, 9))
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + before + body + _chunk(b"IEND", b"")


def _jpeg_of_size(width: int, height: int) -> bytes:
    """Return a JPEG whose frame header announces another size than its scan has."""
    data = bytearray(_saved(_photo(), "JPEG"))
    place = data.index(b"\xff\xc0")
    data[place + 5 : place + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def _gif_of_size(width: int, height: int) -> bytes:
    data = bytearray(_saved(_photo("P"), "GIF"))
    data[6:10] = struct.pack("<HH", width, height)
    return bytes(data)


def _bmp_of_size(width: int, height: int) -> bytes:
    data = bytearray(_saved(_photo(), "BMP"))
    data[18:26] = struct.pack("<ii", width, height)
    return bytes(data)


def _webp_of_size(width: int, height: int) -> bytes:
    extended = struct.pack("<I", 0)[:4] + struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    body = b"WEBP" + b"VP8X" + struct.pack("<I", 10) + extended + _saved(_photo(), "WEBP")[12:]
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _avif_of_size(width: int, height: int) -> bytes:
    data = bytearray(_saved(_photo(), "AVIF"))
    place = data.index(b"ispe")
    data[place + 8 : place + 16] = struct.pack(">II", width, height)
    return bytes(data)


def _exif_bomb(n_entries: int, loops: bool) -> bytes:
    """Return a JPEG with a TIFF directory of many entries, each a gigabyte by its own account, or one that loops."""
    entry = struct.pack("<HHII", 37510, 7, 1_000_000_000, 8)
    directory = struct.pack("<H", n_entries & 0xFFFF) + entry * n_entries
    tiff = b"II*\x00" + struct.pack("<I", 8) + directory + struct.pack("<I", 8 if loops else 0)
    block = b"Exif\x00\x00" + tiff
    plain = _saved(_photo(), "JPEG")
    return plain[:2] + b"\xff\xe1" + struct.pack(">H", min(len(block) + 2, 65535)) + block[:65533] + plain[2:]


def _icc() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def _turned(orientation: int) -> bytes:
    return _saved(_photo(), "JPEG", exif=_exif(orientation))


def _frames(n: int) -> dict[str, object]:
    return {"save_all": True, "append_images": [_photo().rotate(10 * k) for k in range(1, n)], "loop": 0}


Make = Callable[[], bytes]

READ: dict[str, Make] = {
    "jpeg": lambda: _saved(_photo(), "JPEG"),
    "jpeg, progressive": lambda: _saved(_photo(), "JPEG", progressive=True),
    "jpeg, grey": lambda: _saved(_photo("L"), "JPEG"),
    "jpeg, CMYK": lambda: _saved(_photo("CMYK"), "JPEG"),
    "jpeg, one pixel": lambda: _saved(_photo(size=(1, 1)), "JPEG"),
    "jpeg, one row": lambda: _saved(_photo(size=(3000, 1)), "JPEG"),
    "jpeg, ICC": lambda: _saved(_photo(), "JPEG", icc_profile=_icc()),
    "jpeg, broken ICC": lambda: _saved(_photo(), "JPEG", icc_profile=_icc()[:200] + b"\xff" * 500),
    **{f"jpeg, EXIF {n}": partial(_turned, n) for n in (0, 2, 3, 5, 6, 8, 9, 65535)},
    "jpeg, EXIF of 60 kB": lambda: _saved(_photo(), "JPEG", exif=_exif(6, b"x" * 60_000)),
    "jpeg, EXIF bomb": lambda: _exif_bomb(2000, loops=False),
    "jpeg, EXIF loop": lambda: _exif_bomb(3, loops=True),
    "png": lambda: _saved(_photo(), "PNG"),
    "png, alpha": lambda: _saved(_photo("RGBA"), "PNG"),
    "png, palette": lambda: _saved(_photo("P"), "PNG", transparency=3),
    "png, grey and alpha": lambda: _saved(_photo("LA"), "PNG"),
    "png, 1 bit": lambda: _saved(_photo("1"), "PNG"),
    "png, 16 bit": lambda: _saved(_photo("I;16"), "PNG"),
    "png, 16 bit RGB": lambda: _png(4, 4, (b"\x00" + b"\x12\x34" * 12) * 4, depth=16),
    "png, interlaced by name": lambda: _png(4, 4, b"\x00" * 64)[:28] + b"\x01" + _png(4, 4, b"\x00" * 64)[29:],
    "png, animated": lambda: _saved(_photo(), "PNG", **_frames(3)),
    "png, one pixel": lambda: _saved(_photo(size=(1, 1)), "PNG"),
    "png, zlib bomb in text": lambda: _png(
        2, 2, b"\x00" * 14, before=_chunk(b"zTXt", b"k\x00\x00" + zlib.compress(bytes(30_000_000), 9))
    ),
    "png, zlib bomb in ICC": lambda: _png(
        2, 2, b"\x00" * 14, before=_chunk(b"iCCP", b"k\x00\x00" + zlib.compress(bytes(30_000_000), 9))
    ),
    "png, more data than pixels": lambda: _png(8, 8, bytes(20_000_000)),
    "png, large and empty": lambda: _png(3000, 3000, bytes(3000 * 9001)),
    "webp": lambda: _saved(_photo(), "WEBP"),
    "webp, lossless": lambda: _saved(_photo("RGBA"), "WEBP", lossless=True),
    "webp, animated": lambda: _saved(_photo(), "WEBP", **_frames(3)),
    "webp, EXIF": lambda: _saved(_photo(), "WEBP", exif=_exif(6)),
    "gif": lambda: _saved(_photo("P"), "GIF"),
    "gif, animated": lambda: _saved(_photo("P"), "GIF", **_frames(4)),
    "gif, transparent": lambda: _saved(_photo("P"), "GIF", transparency=1),
    "avif": lambda: _saved(_photo(), "AVIF"),
    "avif, alpha": lambda: _saved(_photo("RGBA"), "AVIF"),
    "bmp": lambda: _saved(_photo(), "BMP"),
    "bmp, palette": lambda: _saved(_photo("P"), "BMP"),
    "bmp, 1 bit": lambda: _saved(_photo("1"), "BMP"),
    "bmp, alpha": lambda: _saved(_photo("RGBA"), "BMP"),
}
"""Containers that are read."""

LYING: dict[str, Make] = {
    "jpeg of 20k x 20k": lambda: _jpeg_of_size(20_000, 20_000),
    "jpeg of 65535 x 65535": lambda: _jpeg_of_size(65_535, 65_535),
    "jpeg without a pixel": lambda: _jpeg_of_size(0, 0),
    "png of 20k x 20k": lambda: _png(20_000, 20_000, bytes(100_000)),
    "png of 7000 x 7000, cut short": lambda: _png(7000, 7000, bytes(1_000_000)),
    "png without a pixel": lambda: _png(0, 0, b""),
    "png, huge": lambda: _png(2**31 - 1, 2**31 - 1, b"\x00"),
    "gif of 65535 x 65535": lambda: _gif_of_size(65_535, 65_535),
    "webp of 16384 x 16384": lambda: _webp_of_size(16_384, 16_384),
    "avif of 20k x 20k": lambda: _avif_of_size(20_000, 20_000),
    "bmp of 20k x 20k": lambda: _bmp_of_size(20_000, 20_000),
    "bmp upside down": lambda: _bmp_of_size(SIDE, -SIDE),
    "bmp of a negative width": lambda: _bmp_of_size(-SIDE, SIDE),
}
"""Headers that announce what is not there."""

SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>'
ZIP = b"PK\x03\x04" + bytes(26) + b"PK\x05\x06" + bytes(18)

REFUSED: dict[str, Make] = {
    "nothing": lambda: b"",
    "svg": lambda: SVG,
    "svg, compressed": lambda: zlib.compress(SVG, wbits=31),
    "svg of entities": lambda: b'<!DOCTYPE s [<!ENTITY a "' + b"&b;" * 50 + b'">]><svg>&a;</svg>',
    "heic": lambda: struct.pack(">I", 24) + b"ftypheic" + bytes(4) + b"mif1heic" + bytes(400),
    "tiff": lambda: _saved(_photo(), "TIFF"),
    "ico": lambda: _saved(_photo(), "ICO"),
    "psd": lambda: b"8BPS\x00\x01" + bytes(400),
    "pdf": lambda: _saved(_photo(), "PDF"),
    "postscript": lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(x) run\n",
    "jpeg 2000": lambda: b"\x00\x00\x00\x0cjP  \r\n\x87\n" + bytes(300),
    "mp4": lambda: struct.pack(">I", 24) + b"ftypisom" + bytes(400),
    "html": lambda: b"<html><script>alert(1)</script></html>",
    "zip": lambda: ZIP,
    "elf": lambda: b"\x7fELF" + bytes(500),
    "pickle": lambda: b"\x80\x04cos\nsystem\n",
    "zeros": lambda: bytes(100_000),
}
"""Containers that are not read."""

POLYGLOTS: dict[str, Make] = {
    "jpeg and zip": lambda: _saved(_photo(), "JPEG") + ZIP,
    "gif and script": lambda: b"GIF89a/*" + _saved(_photo("P"), "GIF")[8:] + b"*/=1;alert(1)",
    "png and html": lambda: _png(2, 2, b"\x00" * 14, before=_chunk(b"tEXt", b"k\x00<script>alert(1)</script>")),
    "bmp and postscript": lambda: _saved(_photo(), "BMP") + b"\n%!PS\n(x) run",
    "jpeg with the head of a png": lambda: b"\x89PNG\r\n\x1a\n" + _saved(_photo(), "JPEG"),
    "png with the head of a jpeg": lambda: b"\xff\xd8\xff" + _saved(_photo(), "PNG"),
    "webp with the inside of a gif": lambda: b"RIFF\xff\xff\x00\x00WEBP" + _saved(_photo("P"), "GIF"),
    "avif that is an mp4": lambda: struct.pack(">I", 24) + b"ftypavif" + bytes(4) + b"isommp42" + bytes(400),
}
"""Files that are two things at once."""


HOSTILE: dict[str, Make] = {
    "jpeg of 1,800 scans": lambda: hostile_pictures.jpeg_of_scans(2_000, 1_800),
    "jpeg of 20 scans that refine": lambda: hostile_pictures.jpeg_of_scans(2_000, 20, refining=True),
    "jpeg of broken tags": lambda: hostile_pictures.jpeg_with(
        hostile_pictures.segment(0xE1, hostile_pictures.exif_of_tags(4_000, orientation=6))
    ),
    "jpeg of empty segments": lambda: hostile_pictures.jpeg_with(hostile_pictures.segment(0xE5, b"") * 30_000),
    "png of profiles": lambda: hostile_pictures.png_of_profiles(100_000),
    "png of empty chunks": lambda: hostile_pictures.png_with(hostile_pictures.chunk(b"prVt", b"") * 10_000),
    "gif of comments": lambda: hostile_pictures.gif_of_comments(100_000),
    "bmp of runs": lambda: hostile_pictures.bmp_of_runs(100_000),
    "webp of frames": lambda: hostile_pictures.webp_of_frames(100_000),
    "webp of tables": lambda: hostile_pictures.webp_of_tables(1_024, 1_024),
    "avif that lies": lambda: hostile_pictures.avif_that_lies(1_024, 64),
    "avif of items": lambda: hostile_pictures.avif_of_items(2_000),
}
"""Small to send and dear to decode, or once so."""


@cache
def seeds() -> dict[str, bytes]:
    """Return every file by its name."""
    return {name: make() for name, make in {**READ, **LYING, **REFUSED, **POLYGLOTS, **HOSTILE}.items()}
