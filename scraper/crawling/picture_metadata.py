"""What parts of a picture file say beside its pixels, taken out of the parts that stay.

The walk that every picture goes through (``models/classifier/survey.py``) leaves out whole segments, chunks and
trailers. Parts that the pixels need have room of their own for a thumbnail or a note, and that is emptied here: what is
behind a JPEG's fields in its APP0 and APP14, a PNG's packed pixels, a GIF's control block, a WebP's
animation. No pixel
changes, and none is packed anew unless something was packed behind the last.

A profile of colours stays as it is. So does what may follow the last pixel inside of a JPEG's scan, a GIF's blocks or a
WebP's frame: only decoding would find where that is.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

_JFIF_BYTES = 14
"""Up to the thumbnail's size, which becomes 0 by 0."""
_ADOBE_BYTES = 12
_CONTROL_BYTES = 8
_WEBP_BYTES = {b"ANIM": 6}
_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_TRNS_BYTES = {0: 2, 2: 6, 3: 256}
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""First column, first row, step across and step down of each pass of an interlaced PNG."""


def without_notes(data: bytes, format_name: str) -> bytes:
    """Return a picture file that was surveyed without notes in the parts that its pixels need; the same pixels."""
    emptied = {"JPEG": _jpeg, "PNG": _png, "GIF": _gif, "WEBP": _webp}.get(format_name)
    return data if emptied is None else emptied(data)


def _jpeg(data: bytes) -> bytes:
    kept, at = [data[:2]], 2
    while data[at : at + 1] == b"\xff" and data[at + 1] != 0xDA:
        kind, end = data[at + 1], at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        content = data[at + 4 : end]
        if kind == 0xE0:
            content = content[: _JFIF_BYTES - 2] + b"\x00\x00"
        elif kind == 0xEE:
            content = content[:_ADOBE_BYTES]
        kept.append(b"\xff%c%b%b" % (kind, (len(content) + 2).to_bytes(2, "big"), content))
        at = end
    kept.append(data[at:])
    return b"".join(kept)


def _png(data: bytes) -> bytes:
    header, parts, pixels = b"", [], []
    for kind, content in _png_chunks(data):
        if kind == b"IHDR":
            header = content
        elif kind == b"IDAT":
            pixels.append(content)
            continue
        elif kind == b"PLTE" and (header[9] in (2, 6) or len(content) > 768):
            continue
        elif kind == b"tRNS":
            content = content[: _TRNS_BYTES.get(header[9], 0)]
        if kind == b"IEND":
            parts += _pixel_chunks(pixels, header)
        parts.append(_png_chunk(kind, content))
    slim = b"".join((data[:8], *parts))
    return data if len(slim) == len(data) else slim


def _pixel_chunks(pixels: list[bytes], header: bytes) -> list[bytes]:
    """Return the chunks of packed pixels: as they are, or packed anew where they hold more than the pixels."""
    packed, n_bytes = b"".join(pixels), _png_bytes(header)
    stream = zlib.decompressobj()
    try:
        unpacked = stream.decompress(packed, n_bytes)
        rest = b"" if stream.eof else stream.decompress(stream.unconsumed_tail, 1)
    except zlib.error:  # behind the pixels; what is broken before them was refused
        return [_png_chunk(b"IDAT", chunk) for chunk in pixels]
    if len(unpacked) < n_bytes or (stream.eof and not rest and not stream.unused_data):
        return [_png_chunk(b"IDAT", chunk) for chunk in pixels]
    return [_png_chunk(b"IDAT", zlib.compress(unpacked))]


def _png_bytes(header: bytes) -> int:
    """Return how many bytes a PNG's pixels unpack to, each row with the byte of its filter."""
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    bits = depth * _PNG_CHANNELS[colour]
    passes = _ADAM7 if interlaced else ((0, 0, 1, 1),)
    sides = [(-(-(width - left) // across), -(-(height - top) // down)) for left, top, across, down in passes]
    return sum(rows * (1 + (columns * bits + 7) // 8) for columns, rows in sides if columns > 0 and rows > 0)


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 8
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        yield kind, data[at + 8 : at + 8 + length]
        at += 12 + length


def _png_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _gif(data: bytes) -> bytes:
    """Return a GIF whose control block, which may stand before the frame, has its one block of four bytes alone."""
    at = 13 + (3 << (data[10] & 7) + 1 if data[10] & 0x80 else 0)
    if data[at : at + 3] != b"!\xf9\x04":
        return data
    end = at + 2
    while data[end]:
        end += 1 + data[end]
    return data[: at + _CONTROL_BYTES - 1] + b"\x00" + data[end + 1 :]


def _webp(data: bytes) -> bytes:
    parts, at = [], 12
    while at + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, at)
        content = data[at + 8 : at + 8 + length][: _WEBP_BYTES.get(kind, length)]
        parts.append(kind + struct.pack("<I", len(content)) + content + bytes(len(content) & 1))
        at += 8 + length + (length & 1)
    slim = b"".join(parts)
    return b"RIFF" + struct.pack("<I", len(slim) + 4) + b"WEBP" + slim
