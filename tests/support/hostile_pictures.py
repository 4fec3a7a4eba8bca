"""Picture files that are small to send and dear to decode, or that lie about what is in them: each a way to harm."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from io import BytesIO

from PIL import Image

MB = 1_000_000
SIDE = 7_071
"""Of a square picture of just under 50 megapixels."""


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    """Return a picture as a file."""
    out = BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def small(kind: str, **options: object) -> bytes:
    """Return an honest picture of 64 by 64 pixels."""
    return saved(Image.new("P" if kind == "GIF" else "RGB", (64, 64), 90), kind, **options)


# ---- JPEG --------------------------------------------------------------------------------------------


def segment(kind: int, content: bytes) -> bytes:
    """Return one segment of a JPEG."""
    return b"\xff%c%b%b" % (kind, struct.pack(">H", len(content) + 2), content)


def _scan(components: tuple[int, ...], first: int, last: int, high: int, low: int, bits: bytes) -> bytes:
    header = b"%c%b%c%c%c" % (
        len(components),
        b"".join(bytes([component, 0]) for component in components),
        first,
        last,
        high << 4 | low,
    )
    return segment(0xDA, header) + bits


def jpeg_of_scans(side: int, n_scans: int, *, refining: bool = False, full: bool = False) -> bytes:
    """Return a progressive JPEG whose every scan says nothing, about all of its blocks.

    Args:
        side: of the square picture, in pixels.
        n_scans: how often the codec goes over its coefficients.
        refining: whether the scans refine what came before, which takes the codec longest.
        full: whether the colours are stored at full size as well.
    """
    factors = (0x11, 0x11, 0x11) if full else (0x22, 0x11, 0x11)
    frame = b"\x08" + struct.pack(">HH", side, side) + b"\x03"
    frame += b"".join(bytes([number + 1, sampling, 0]) for number, sampling in enumerate(factors))
    n_blocks = (-(-side // 8)) ** 2
    # One code of one bit: a run of 2**14 blocks without a coefficient; its length takes 14 more bits.
    table = segment(0xC4, b"\x10" + bytes([1]) + bytes(15) + b"\xe0")
    bits = "".join("0" + "1" * 14 for _ in range(-(-n_blocks // (2**15 - 1))))
    bits += "1" * (-len(bits) % 8)
    runs = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\x00")
    scan = _scan((1,), 1, 63, 1, 0, runs) if refining else _scan((1,), 1, 63, 0, 0, runs)
    start = _scan((1, 2, 3), 0, 0, 0, 1, bytes(-(-n_blocks * 3 // 8)))
    dc_table = segment(0xC4, b"\x00" + bytes([1]) + bytes(15) + b"\x00")
    head = b"\xff\xd8" + segment(0xDB, b"\x00" + bytes([1]) * 64) + segment(0xC2, frame) + dc_table + table
    return head + start + scan * n_scans + b"\xff\xd9"


def jpeg_with(before: bytes) -> bytes:
    """Return a small JPEG with something between its first two bytes and the rest."""
    plain = small("JPEG")
    return plain[:2] + before + plain[2:]


def exif_of_tags(n_tags: int, *, orientation: int | None = None) -> bytes:
    """Return an EXIF block of tags whose values lie outside of it; each is a warning of Pillow's."""
    tags = b"".join(struct.pack("<HHII", 40_000 + number % 20_000, 2, 100, 2**31 - number) for number in range(n_tags))
    if orientation is not None:
        tags = struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0) + tags
        n_tags += 1
    return b"Exif\x00\x00II*\x00" + struct.pack("<IH", 8, n_tags) + tags + bytes(4)


# ---- PNG ---------------------------------------------------------------------------------------------


def chunk(kind: bytes, content: bytes) -> bytes:
    """Return one chunk of a PNG."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width: int, height: int, *, depth: int = 8, colour: int = 2, row_filter: int = 0, before: bytes = b"") -> bytes:
    """Return a PNG of zeros with all its pixels, its rows filtered in one way."""
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    row = bytes([row_filter]) + bytes(-(-width * channels * depth // 8))
    packer = zlib.compressobj(9)
    packed = b"".join([*(packer.compress(row) for _ in range(height)), packer.flush()])
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = before + (chunk(b"PLTE", bytes(768)) if colour == 3 else b"") + chunk(b"IDAT", packed)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + body + chunk(b"IEND", b"")


def png_with(before: bytes) -> bytes:
    """Return a small PNG with chunks before its pixels."""
    plain = small("PNG")
    return plain[:33] + before + plain[33:]


def png_of_profiles(n_bytes: int) -> bytes:
    """Return a PNG of many colour profiles, each a megabyte once unpacked."""
    profile = chunk(b"iCCP", b"a\x00\x00" + zlib.compress(bytes(MB), 9))
    return png_with(profile * (n_bytes // len(profile)))


# ---- GIF, BMP, WebP, AVIF ----------------------------------------------------------------------------


def gif_of_comments(n_bytes: int, length: int = 1) -> bytes:
    """Return a GIF of many comments before its first frame."""
    plain = small("GIF")
    start = 13 + (3 << (plain[10] & 7) + 1)
    comment = b"!\xfe" + (bytes([length]) + b"a" * length) + b"\x00"
    return plain[:start] + comment * (n_bytes // len(comment)) + plain[start:]


def gif_of_blocks(n_bytes: int) -> bytes:
    """Return a GIF whose pixels come in blocks of one byte."""
    plain = small("GIF")
    return plain[:-2] + b"\x01\x00" * (n_bytes // 2) + b"\x00;"


def bmp_of_runs(n_bytes: int) -> bytes:
    """Return a BMP whose pixels are coded as runs, each of no length."""
    header = struct.pack("<IiiHHIIiiII", 40, 7_000, 7_000, 1, 8, 1, 0, 0, 0, 256, 0)
    head = b"BM" + struct.pack("<IHHI", 54 + 1024 + n_bytes, 0, 0, 54 + 1024) + header + bytes(1024)
    return head + b"\x01\x07" * (n_bytes // 2)


def webp_of_frames(n_bytes: int) -> bytes:
    """Return an animated WebP of very many frames of one pixel."""
    pixel = saved(Image.new("RGB", (1, 1)), "WEBP", lossless=True)[12:]
    frame = bytes(12) + b"\x64\x00\x00\x02" + pixel
    body = b"VP8X" + struct.pack("<I", 10) + b"\x02" + bytes(9) + b"ANIM" + struct.pack("<I", 6) + bytes(6)
    frames = b"ANMF" + struct.pack("<I", len(frame)) + frame
    body += frames * (n_bytes // len(frames))
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


class _Bits:
    """Bits, lowest first, as a lossless WebP holds them."""

    def __init__(self) -> None:
        self.bits: list[str] = []

    def put(self, value: int, n_bits: int) -> None:
        self.bits.append(f"{value:0{n_bits}b}"[::-1])

    def to_bytes(self) -> bytes:
        text = "".join(self.bits)
        text += "0" * (-len(text) % 8)
        return int(text[::-1], 2).to_bytes(len(text) // 8, "little")


def webp_of_tables(width: int, height: int) -> bytes:
    """Return a lossless WebP with 65,536 sets of Huffman codes, which take the codec some 5 kB each."""
    bits = _Bits()
    bits.put(0x2F, 8)
    bits.put(width - 1, 14)
    bits.put(height - 1, 14)
    bits.put(0, 4)  # no alpha, version 0
    bits.put(0, 1)  # no transform
    bits.put(0, 1)  # no colour cache
    bits.put(1, 1)  # sets of codes by place
    n_bits = next(n for n in range(2, 10) if -(-width >> n) * -(-height >> n) <= 200_000)
    bits.put(n_bits - 2, 3)
    bits.put(0, 1)  # no colour cache in the map of sets
    for alphabet, even in ((280, True), (256, True), (256, False), (256, False), (40, False)):
        if not even:
            bits.put(0b0001, 4)  # simple: one symbol of one bit, 0
            continue
        # 256 symbols of 8 bits each, in an alphabet that may have more: lengths 8 and 0 by codes of one bit.
        bits.put(0, 1)
        order = (17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8)
        bits.put(len(order) - 4, 4)
        for length in order:
            bits.put(int(length in (0, 8)), 3)
        bits.put(0, 1)  # as many lengths as the alphabet has
        for symbol in range(alphabet):
            bits.put(int(symbol < 256), 1)
    across, down = -(-width // 2**n_bits), -(-height // 2**n_bits)
    for number in range(across * down):
        number %= 65_536
        # green is the low byte, red the high one; a code's bits come highest first
        bits.bits.append(f"{number & 255:08b}{number >> 8:08b}")
    for _ in range(65_536):
        bits.bits.append("1000" * 5)
    coded = bits.to_bytes()
    body = b"VP8L" + struct.pack("<I", len(coded)) + coded + bytes(len(coded) & 1)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def avif_that_lies(side: int, announced: int) -> bytes:
    """Return an AVIF whose boxes announce a small picture and whose AV1 frame is a large one."""
    data = bytearray(saved(Image.new("RGB", (side, side), 90), "AVIF", speed=10))
    at = data.index(b"ispe") + 8
    data[at : at + 8] = struct.pack(">II", announced, announced)
    return bytes(data)


def avif_of_items(n_items: int) -> bytes:
    """Return an AVIF with a long table of items."""
    entry = struct.pack(">I4sIHH4sx", 21, b"infe", 0x02000000, 9, 0, b"mime")
    items = struct.pack(">IH", 0, n_items & 0xFFFF) + entry * n_items
    table = struct.pack(">I4s", 8 + len(items), b"iinf") + items
    data = small("AVIF")
    at = data.index(b"iinf") - 4
    (old,) = struct.unpack_from(">I", data, at)
    meta = data.index(b"meta") - 4
    (length,) = struct.unpack_from(">I", data, meta)
    grown = struct.pack(">I", length - old + len(table))
    return data[:meta] + grown + data[meta + 4 : at] + table + data[at + old :]


Make = Callable[[], bytes]

REFUSED: dict[str, Make] = {
    "JPEG of 1,800 empty scans": lambda: jpeg_of_scans(SIDE, 1_800),
    "JPEG of 168,000 empty scans": lambda: jpeg_of_scans(SIDE, 168_000),
    "JPEG of fill bytes": lambda: jpeg_with(b"\xff" * (15 * MB - 1_000)),
    "JPEG of empty segments": lambda: jpeg_with(segment(0xE5, b"") * (15 * MB // 4 - 1_000)),
    "PNG of empty private chunks": lambda: png_with(chunk(b"prVt", b"") * (15 * MB // 12 - 1_000)),
    "BMP of runs": lambda: bmp_of_runs(15 * MB - 2_000),
    "GIF of comments": lambda: gif_of_comments(15 * MB - 2_000),
    "PNG of 50 megapixels, 16 bits and transparency": lambda: png(SIDE, SIDE, depth=16, colour=6),
    "PNG of one row of 50 megapixels": lambda: png(50_000_000, 1, colour=6),
    "WebP of 50 megapixels": lambda: saved(Image.new("RGB", (SIDE, SIDE)), "WEBP", lossless=True, method=0),
    "AVIF of 67 megapixels that says 256 by 256": lambda: avif_that_lies(8_192, 256),
    "AVIF of 700,000 items": lambda: avif_of_items(700_000),
    "WebP of a megapixel and 65,536 tables": lambda: webp_of_tables(1_024, 1_024),
    "WebP of 24 megapixels and 65,536 tables": lambda: webp_of_tables(6_000, 4_000),
}
"""Each was answered before, or cost seconds or hundreds of megabytes before it was refused."""
READ: dict[str, Make] = {
    "PNG of colour profiles": lambda: png_of_profiles(15 * MB - 2_000),
    "PNG of packed texts": lambda: png_with(chunk(b"zTXt", b"a\x00\x00" + zlib.compress(bytes(30 * MB), 9)) * 400),
    "JPEG with 4,000 broken tags": lambda: jpeg_with(segment(0xE1, exif_of_tags(4_000))),
    "GIF of blocks of one byte": lambda: gif_of_blocks(15 * MB - 2_000),
    "animated WebP of many frames": lambda: webp_of_frames(15 * MB - 2_000),
    "GIF of 50 megapixels": lambda: saved(Image.new("P", (SIDE, SIDE)), "GIF"),
    "PNG of 50 megapixels, transparency": lambda: png(SIDE, SIDE, colour=6, row_filter=4),
    "PNG of 31 megapixels, 16 bits and transparency": lambda: png(5_590, 5_590, depth=16, colour=6, row_filter=4),
    "JPEG of 50 megapixels, as many scans as are read": lambda: jpeg_of_scans(SIDE, 24, refining=True),
    "JPEG of 50 megapixels, full colour, refined": lambda: jpeg_of_scans(SIDE, 11, refining=True, full=True),
    "WebP of 24 megapixels, transparency": lambda: saved(
        Image.linear_gradient("L").resize((6_000, 4_000)).convert("RGBA"), "WEBP", method=0
    ),
    "WebP of 24 megapixels": lambda: saved(Image.new("RGB", (6_000, 4_000)), "WEBP", lossless=True, method=0),
}
"""Within bounds once the container is walked, and answered."""
