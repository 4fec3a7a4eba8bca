"""The walk through a JPEG (ITU T.81, annex B): what it holds before a decoder sees it.

A progressive JPEG may repeat its scans without end, and each costs the codec a pass over all coefficients though it may
take 89 bytes in the file. So scans are counted, by the markers that libjpeg itself would act on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from core.errors import UndecodableImage
from core.images import SurveyedPicture
from models.classifier.bounds import (
    broken,
    check_cost,
    check_pixels,
    exif_orientation,
    not_read,
    overfilled,
)

MAX_SEGMENTS = 1_000
"""Before the first scan, and again behind it; cameras write some dozens, 15 MB of full segments are 230."""
MAX_FILLING = 65_536
"""Bytes between segments, all together."""
MAX_SCANS = 100
MAX_SCANNED_SAMPLES = 1_500_000_000
"""Samples that all scans go over; as encoders write it, 50 megapixels of full colour take 700 million."""

_CHUNK = 1 << 20
_SOI, _EOI, _SOS, _COM = 0xD8, 0xD9, 0xDA, 0xFE
_EXIF, _XMP, _ICC = b"Exif\x00\x00", b"http://ns.adobe.com/xap/1.0/\x00", b"ICC_PROFILE\x00"
_BARE = frozenset({0x01, *range(0xD0, 0xD8)})
"""Markers without a segment."""
_TABLES = frozenset({0xC4, 0xDB, 0xDD, 0xDC})
_READ_FRAMES = frozenset({0xC0, 0xC1, 0xC2})
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SEGMENTS = _TABLES | {0xCC, _SOS, _COM, *range(0xE0, 0xF0)}
_IS_MARKER = np.ones(256, dtype=bool)
_IS_MARKER[[0x00, 0xFF, *_BARE]] = False


@dataclass(slots=True)
class _Header:
    """What stands before the first scan.

    Attributes:
        kept: the segments that the pixels and their colours need.
        frame: the frame header, without its length.
        progressive: whether the coefficients come in several passes.
        exif: the first EXIF block.
        xmp: the first XMP block.
        has_notes: whether a segment was left out.
        at: where the first scan begins.
    """

    kept: list[bytes] = field(default_factory=lambda: [b"\xff\xd8"])
    frame: bytes = b""
    progressive: bool = False
    exif: bytes = b""
    xmp: bytes = b""
    has_notes: bool = False
    at: int = 0


def survey_jpeg(data: bytes, keep_side: int | None) -> SurveyedPicture:
    """Return what a JPEG holds; ``keep_side`` as ``models.classifier.decode.decode`` takes it.

    Raises:
        UnsupportedImage: it is coded in a way that no camera uses.
        UndecodableImage: it is broken, or holds too many segments or scans.
        ImageTooLarge: it has too many pixels.
    """
    header = _header(data)
    height, width = int.from_bytes(header.frame[1:3], "big"), int.from_bytes(header.frame[3:5], "big")
    if not width or not height:
        raise broken("JPEG")
    check_pixels(width, height)
    samples = _samples(header.frame, width, height)
    n_samples = sum(samples.values())
    pixels, n_scans, has_more = _pixels(data, header.at, samples)
    scale = draft_scale(width, height, keep_side)
    image_bytes = 4 * (width // scale + 1) * (height // scale + 1)
    orientation = exif_orientation(header.exif, header.xmp)
    coefficients = 2 * n_samples if header.progressive or n_scans > 1 else 0
    # Coefficients are kept until the picture is whole; only then it is turned, or brought to other colours.
    copied = image_bytes if orientation != 1 or header.frame[5] == 4 else 0
    decoding_bytes = image_bytes + max(coefficients, copied)
    check_cost("JPEG", width * height, decoding_bytes)
    has_notes = header.has_notes or has_more
    return SurveyedPicture(
        "JPEG",
        width,
        height,
        b"".join([*header.kept, *pixels]) if has_notes else data,
        orientation,
        has_notes,
        decoding_bytes,
    )


def draft_scale(width: int, height: int, keep_side: int | None) -> int:
    """Return how many times smaller each side is decoded: 1, 2, 4 or 8, both sides at least ``keep_side``."""
    possible = 1 if keep_side is None else min(width // keep_side, height // keep_side)
    return next((scale for scale in (8, 4, 2) if possible >= scale), 1)


def _header(data: bytes) -> _Header:
    header, at, filling = _Header(), 2, 0
    for _ in range(MAX_SEGMENTS):
        kind, found = _next_marker(data, at)
        filling += found - at - 2
        if filling > MAX_FILLING:
            raise overfilled("JPEG", "filling bytes")
        at = found
        if kind == _SOS:
            if not header.frame:
                raise broken("JPEG")
            header.at = at - 2
            header.has_notes |= filling > 0
            return header
        if kind in _BARE:
            filling += 2
            continue
        end = at + int.from_bytes(data[at : at + 2], "big")
        if kind in (_SOI, _EOI) or end < at + 2 or end > len(data):
            raise broken("JPEG")
        _take(header, kind, data[at + 2 : end])
        at = end
    raise overfilled("JPEG", "segments")


def _next_marker(data: bytes, at: int) -> tuple[int, int]:
    """Return the kind of the next marker, and where what follows it begins."""
    end = at + MAX_FILLING + 2
    while True:
        if data[at : at + 1] != b"\xff":
            at = data.find(b"\xff", at, end)
        if at < 0 or at >= min(end, len(data) - 1):
            raise overfilled("JPEG", "filling bytes") if end < len(data) else broken("JPEG")
        if data[at + 1] == 0xFF:
            at += len(filled := data[at:end]) - len(filled.lstrip(b"\xff")) - 1
            if at + 1 >= end:
                raise overfilled("JPEG", "filling bytes")
        if at + 1 < len(data) and data[at + 1]:
            return data[at + 1], at + 2
        at += 2


def _take(header: _Header, kind: int, content: bytes) -> None:
    """Note what a segment before the first scan says."""
    needed = kind in _TABLES
    if kind in _FRAMES:
        if kind not in _READ_FRAMES:
            raise not_read("JPEG", "Arithmetic, lossless or hierarchical coding")
        if header.frame or len(content) < 6 or len(content) < 6 + 3 * content[5]:
            raise broken("JPEG")
        header.frame, header.progressive, needed = content, kind == 0xC2, True
    elif kind == 0xE1 and content.startswith(_EXIF):
        header.exif = header.exif or content
    elif kind == 0xE1 and content.startswith(_XMP):
        header.xmp = header.xmp or content
    elif kind == 0xE0:
        needed = content.startswith(b"JFIF\x00")
    elif kind == 0xE2:
        needed = content.startswith(_ICC)
    elif kind == 0xEE:
        needed = content.startswith(b"Adobe")
    if needed:
        header.kept.append(b"\xff%c%b%b" % (kind, (len(content) + 2).to_bytes(2, "big"), content))
    else:
        header.has_notes = True


def _samples(frame: bytes, width: int, height: int) -> dict[int, int]:
    """Return how many coefficients each component has, filled up to whole blocks, by its name in the file."""
    factors = [(frame[7 + 3 * k] >> 4, frame[7 + 3 * k] & 15) for k in range(frame[5])]
    names = [frame[6 + 3 * k] for k in range(frame[5])]
    if not 1 <= len(set(names)) == len(names) <= 4 or not all(1 <= h <= 4 and 1 <= v <= 4 for h, v in factors):
        raise broken("JPEG")
    across, down = (8 * max(pair[axis] for pair in factors) for axis in (0, 1))
    n_units = -(-width // across) * -(-height // down)
    return {name: 64 * n_units * h * v for name, (h, v) in zip(names, factors, strict=True)}


def _pixels(data: bytes, start: int, samples: dict[int, int]) -> tuple[list[bytes], int, bool]:
    """Return the scans with their tables, how many there are, and whether something beside them was left out."""
    kept: list[bytes] = []
    n_scans, n_scanned, copied = 0, 0, start
    for n_segments, (at, kind) in enumerate(_markers(data, start)):
        if kind == _EOI:
            kept.append(data[copied : at + 2])
            return kept, n_scans, bool(kept[:-1]) or at + 2 < len(data)
        if kind == _SOI or kind in _FRAMES:
            raise UndecodableImage("The JPEG picture holds more than one frame. Save it again and resend it.")
        if kind == _SOS:
            n_scans += 1
            names = data[at + 5 : at + 5 + 2 * data[at + 4] : 2] if at + 4 < len(data) else b""
            n_scanned += sum(samples.get(name, 0) for name in names)
        if n_scans > MAX_SCANS or n_scanned > MAX_SCANNED_SAMPLES:
            raise overfilled("JPEG", "scans")
        if n_segments > MAX_SEGMENTS:
            raise overfilled("JPEG", "segments")
        if kind == _COM or 0xE0 <= kind < 0xF0:
            kept.append(data[copied:at])
            copied = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    kept.append(data[copied:])
    return kept, n_scans, bool(kept[:-1])


def _markers(data: bytes, start: int) -> Iterator[tuple[int, int]]:
    """Yield where each marker from ``start`` on stands and its kind, without those inside of segments."""
    reached = start
    for base in range(start, len(data) - 1, _CHUNK):
        block = np.frombuffer(data, np.uint8, min(_CHUNK + 1, len(data) - base), base)
        found: NDArray[np.int64] = np.flatnonzero(block[:-1] == 0xFF)
        found = found[_IS_MARKER[block[found + 1]]]
        number = 0
        while (number := max(number, int(np.searchsorted(found, reached - base)))) < len(found):
            at, kind = base + int(found[number]), int(block[found[number] + 1])
            yield at, kind
            length = int.from_bytes(data[at + 2 : at + 4], "big") if kind in _SEGMENTS else 0
            reached = at + 2 + length
