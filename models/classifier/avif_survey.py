"""The walk through an AVIF (ISO 23008-12 over AV1): the size of each coded picture inside, whatever the boxes say.

A decoder allocates what the AV1 sequence header announces and scales it to what the box ``ispe`` says afterwards, so
both are read and have to agree. Items that are no picture, and tracks, are hidden from the decoder.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from core.images import SurveyedPicture
from models.classifier.bounds import broken, check_cost, check_pixels, contradictory, not_read, overfilled

MAX_BOXES = 1_000
MAX_TABLE_BYTES = 65_536
"""Of one table of items; libavif takes time by the square of their number."""
MAX_PICTURES = 300
"""Coded pictures: tiles, transparency, thumbnail, gain map."""
MAX_UNITS = 2_000
"""AV1 units in one of them."""
BYTES_PER_PIXEL = 16.5
_SEQUENCE, _FRAME_HEADER, _FRAME = 1, 3, 6

Box = tuple[bytes, int, int]
"""Type, and where its content begins and ends."""


def survey_avif(data: bytes) -> SurveyedPicture:
    """Return what an AVIF holds.

    Raises:
        UnsupportedImage: its picture is made up in a way that is not read.
        UndecodableImage: it is broken, its boxes contradict the picture inside, or there are too many of them.
        ImageTooLarge: it has too many pixels.
    """
    try:
        return _survey(data)
    except (struct.error, IndexError, KeyError) as error:
        raise broken("AVIF") from error


def _survey(data: bytes) -> SurveyedPicture:
    top = list(_boxes(data, 0, len(data)))
    metas = [box for box in top if box[0] == b"meta"]
    if len(metas) != 1 or top[0][0] != b"ftyp":
        raise broken("AVIF")
    boxes = list(_boxes(data, metas[0][1] + 4, metas[0][2]))
    parts = {box[0]: box for box in boxes}
    if len(parts) < len([kind for kind, _, _ in boxes if kind != b"free"]):
        raise broken("AVIF")
    for name in (b"iinf", b"iloc", b"iref", b"grpl"):
        if name in parts and parts[name][2] - parts[name][1] > MAX_TABLE_BYTES:
            raise overfilled("AVIF", "items")
    kinds, hidden = _items(data, parts[b"iinf"])
    sizes = _sizes(data, parts[b"iprp"])
    primary = _primary(data, parts[b"pitm"])
    if kinds[primary] not in (b"av01", b"grid"):
        raise not_read("AVIF", "A picture made of other pictures")
    width, height = sizes[primary]
    check_pixels(width, height)
    pictures = [item for item, kind in kinds.items() if kind == b"av01"]
    if len(pictures) > MAX_PICTURES:
        raise overfilled("AVIF", "pictures")
    n_coded, places = 0, _places(data, parts)
    for item in pictures:
        coded_size, n_frames = _coded(b"".join(data[start:end] for start, end in places[item]))
        check_pixels(*coded_size)
        if coded_size != sizes[item]:
            raise contradictory("AVIF")
        n_coded += coded_size[0] * coded_size[1] * n_frames
    # A picture and its transparency at full size: more than that is counted as if the picture were larger.
    n_pixels = max(width * height, n_coded // 2)
    decoding_bytes = int(n_pixels * BYTES_PER_PIXEL)
    check_cost("AVIF", width * height, decoding_bytes)
    hidden += [start - 4 for kind, start, _ in top if kind == b"moov"]
    slim = bytearray(data)
    for at in hidden:
        slim[at : at + 4] = b"free"
    if slim[8:12] == b"avis":
        slim[8:12] = b"avif"
    # 1: which way is up is a property of the picture (irot, imir), and Pillow tells it once the file is open.
    return SurveyedPicture("AVIF", width, height, bytes(slim), 1, True, decoding_bytes, confined=True)


def _boxes(data: bytes, start: int, end: int) -> Iterator[Box]:
    for _ in range(MAX_BOXES):
        if start + 8 > end:
            return
        size, kind = struct.unpack_from(">I4s", data, start)
        content = start + 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, content)
            content += 8
        stop = end if size == 0 else start + size
        if stop < content or stop > end:
            raise broken("AVIF")
        yield kind, content, stop
        start = stop
    raise overfilled("AVIF", "boxes")


def _items(data: bytes, box: Box) -> tuple[dict[int, bytes], list[int]]:
    """Return the kind of each item, and where the kinds of those stand that a decoder has no need of."""
    start = box[1] + (6 if data[box[1]] == 0 else 8)
    kinds: dict[int, bytes] = {}
    hidden = []
    for kind, content, _ in _many_boxes(data, start, box[2]):
        version = data[content]
        if kind != b"infe" or version not in (2, 3):
            raise broken("AVIF")
        item, at = (
            (struct.unpack_from(">H", data, content + 4)[0], content + 8)
            if version == 2
            else (struct.unpack_from(">I", data, content + 4)[0], content + 10)
        )
        if item in kinds:
            raise broken("AVIF")
        kinds[item] = data[at : at + 4]
        if kinds[item] in (b"Exif", b"mime"):
            hidden.append(at)
    return kinds, hidden


def _many_boxes(data: bytes, start: int, end: int) -> Iterator[Box]:
    while start + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, start)
        if size < 8 or start + size > end:
            raise broken("AVIF")
        yield kind, start + 8, start + size
        start += size


def _primary(data: bytes, box: Box) -> int:
    return int(struct.unpack_from(">H" if data[box[1]] == 0 else ">I", data, box[1] + 4)[0])


def _sizes(data: bytes, box: Box) -> dict[int, tuple[int, int]]:
    """Return the size that the boxes announce for each item."""
    properties: list[Box] = []
    sizes: dict[int, tuple[int, int]] = {}
    n_bytes = 0
    children = list(_boxes(data, box[1], box[2]))
    if [kind for kind, _, _ in children].count(b"ipco") != 1:
        raise broken("AVIF")
    for kind, start, end in children:
        if kind == b"ipco":
            properties = list(_boxes(data, start, end))
    for kind, start, end in children:
        if kind != b"ipma":
            continue
        n_bytes += end - start
        if n_bytes > MAX_TABLE_BYTES:
            raise overfilled("AVIF", "items")
        wide, version = data[start + 3] & 1, data[start]
        (n_items,) = struct.unpack_from(">I", data, start + 4)
        at = start + 8
        for _ in range(n_items):
            if at >= end:
                raise broken("AVIF")
            (item,) = struct.unpack_from(">H" if version == 0 else ">I", data, at)
            at += 2 if version == 0 else 4
            n_links, at = data[at], at + 1
            for _ in range(n_links):
                number = struct.unpack_from(">H", data, at)[0] & 0x7FFF if wide else data[at] & 0x7F
                at += 2 if wide else 1
                name, content, _ = properties[number - 1] if number else (b"", 0, 0)
                if name == b"ispe":
                    size = struct.unpack_from(">II", data, content + 4)
                    if sizes.setdefault(item, size) != size:
                        raise contradictory("AVIF")
    return sizes


def _places(data: bytes, parts: dict[bytes, Box]) -> dict[int, list[tuple[int, int]]]:
    """Return the pieces of the file that each item's content lies in."""
    _, at, end = parts[b"iloc"]
    version = data[at]
    sizes = data[at + 4], data[at + 5]
    offset_bytes, length_bytes = sizes[0] >> 4, sizes[0] & 15
    base_bytes, index_bytes = sizes[1] >> 4, (sizes[1] & 15 if version else 0)
    wide = 4 if version == 2 else 2
    n_items = int.from_bytes(data[at + 6 : at + 6 + wide], "big")
    at += 6 + wide
    places: dict[int, list[tuple[int, int]]] = {}
    total = 0

    def number(n_bytes: int) -> int:
        nonlocal at
        at += n_bytes
        if at > end:
            raise broken("AVIF")
        return int.from_bytes(data[at - n_bytes : at], "big")

    for _ in range(n_items):
        item = number(wide)
        method = number(2) & 15 if version else 0
        number(2)
        base = number(base_bytes)
        if item in places or method > 1:
            raise broken("AVIF")
        places[item] = []
        origin, limit = (parts[b"idat"][1], parts[b"idat"][2]) if method else (0, len(data))
        for _ in range(number(2)):
            number(index_bytes)
            start = origin + base + number(offset_bytes)
            length = number(length_bytes)
            total += length
            if not length or start + length > limit or total > len(data):
                raise broken("AVIF")
            places[item].append((start, start + length))
    return places


def _coded(content: bytes) -> tuple[tuple[int, int], int]:
    """Return the size and the number of frames of one coded picture, by its AV1 units."""
    at, n_frames = 0, 0
    size: tuple[int, int] | None = None
    for _ in range(MAX_UNITS):
        if at >= len(content):
            if size is None or not n_frames:
                raise broken("AVIF")
            return size, n_frames
        head = content[at]
        at += 2 if head & 4 else 1
        length = len(content) - at
        if head & 2:
            length, at = _leb128(content, at)
        if at + length > len(content):
            raise broken("AVIF")
        kind = head >> 3 & 15
        if kind == _SEQUENCE:
            found = _sequence_size(content[at : at + min(length, 1024)])
            if size not in (None, found):
                raise contradictory("AVIF")
            size = found
        n_frames += kind in (_FRAME_HEADER, _FRAME)
        at += length
    raise overfilled("AVIF", "units")


def _leb128(content: bytes, at: int) -> tuple[int, int]:
    value = 0
    for number in range(8):
        value |= (content[at + number] & 0x7F) << 7 * number
        if not content[at + number] & 0x80:
            return value, at + number + 1
    raise broken("AVIF")


class _Bits:
    """The bits of an AV1 header, first to last."""

    def __init__(self, content: bytes) -> None:
        self._value = int.from_bytes(content, "big")
        self._left = 8 * len(content)

    def read(self, n_bits: int) -> int:
        self._left -= n_bits
        if self._left < 0:
            raise broken("AVIF")
        return self._value >> self._left & ((1 << n_bits) - 1)

    def skip_variable(self) -> None:
        """Pass over a number coded as ``uvlc``."""
        zeros = 0
        while not self.read(1):
            zeros += 1
        if zeros < 32:
            self.read(zeros)


def _sequence_size(content: bytes) -> tuple[int, int]:
    """Return the largest frame of a sequence (AV1 specification, 5.5.1)."""
    bits = _Bits(content)
    bits.read(4)  # seq_profile, still_picture
    if bits.read(1):  # reduced_still_picture_header
        bits.read(5)
    else:
        delay_bits = 0
        if bits.read(1):  # timing_info_present_flag
            bits.read(64)
            if bits.read(1):  # equal_picture_interval
                bits.skip_variable()
            if bits.read(1):  # decoder_model_info_present_flag
                delay_bits = bits.read(5) + 1
                bits.read(42)
        has_display_delay = bits.read(1)
        for _ in range(bits.read(5) + 1):
            bits.read(12)
            if bits.read(5) > 7:  # seq_level_idx
                bits.read(1)
            if delay_bits and bits.read(1):
                bits.read(2 * delay_bits + 1)
            if has_display_delay and bits.read(1):
                bits.read(4)
    width_bits, height_bits = bits.read(4) + 1, bits.read(4) + 1
    return bits.read(width_bits) + 1, bits.read(height_bits) + 1
