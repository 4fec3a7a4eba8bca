"""No file of at most 15 MB takes more than 3 seconds of processor time or 400 MB to decode, whatever it holds."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import warnings
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from core.errors import BadInput
from core.images import MAX_DECODING_BYTES, MAX_PIXELS
from models.classifier import confined
from models.classifier.decode import decode
from models.classifier.survey import survey
from tests.support import hostile_pictures as hostile
from tests.support.decoding_cost import MAX_CPU_S, MAX_MB

ROOT = Path(__file__).resolve().parents[4]


def cost(data: bytes, tmp_path: Path) -> dict[str, float | str]:
    """Return what decoding one file took in a process of its own, its children counted."""
    file = tmp_path / "file"
    file.write_bytes(data)
    told = subprocess.run(
        [sys.executable, "-m", "tests.support.decoding_cost", str(file)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    result: dict[str, float | str] = json.loads(told.stdout.splitlines()[-1])
    return result


@pytest.mark.parametrize("name", hostile.REFUSED)
def test_what_would_cost_too_much_is_refused(name: str, tmp_path: Path) -> None:
    """Before it costs anything."""
    spent = cost(hostile.REFUSED[name](), tmp_path)
    assert spent["answer"] in {"UndecodableImage", "UnsupportedImage", "ImageTooLarge"}
    assert float(spent["cpu_s"]) < MAX_CPU_S
    assert float(spent["mb"]) < MAX_MB


@pytest.mark.parametrize("name", hostile.READ)
def test_what_is_read_stays_within_bounds(name: str, tmp_path: Path) -> None:
    """The dearest of each kind that is decoded."""
    spent = cost(hostile.READ[name](), tmp_path)
    assert spent["answer"] == "RGB"
    assert float(spent["cpu_s"]) < MAX_CPU_S
    assert float(spent["mb"]) < MAX_MB


def test_a_photograph_of_48_megapixels_is_read(tmp_path: Path) -> None:
    """As phones take it, progressive or not, upright or not; also in full, as training reads it."""
    exif = Image.Exif()
    exif[0x0112] = 6
    noise = Image.effect_noise((1000, 750), 60.0).resize((8_000, 6_000), Image.Resampling.BILINEAR).convert("RGB")
    for progressive in (False, True):
        data = hostile.saved(noise, "JPEG", quality=70, progressive=progressive, exif=exif)
        spent = cost(data, tmp_path)
        assert spent["answer"] == "RGB"
        assert float(spent["cpu_s"]) < MAX_CPU_S
        assert float(spent["mb"]) < MAX_MB
    assert survey(data).orientation == 6


@pytest.mark.parametrize("kind", ["AVIF", "WEBP"])
def test_a_child_returns_the_pixels_that_the_codec_finds(kind: str) -> None:
    """Those decoded apart are the same as those decoded here."""
    noise = np.random.default_rng(0).integers(0, 256, (300, 1_000, 4), dtype=np.uint8)
    data = hostile.saved(Image.fromarray(noise, mode="RGBA"), kind, lossless=True, exact=True)
    picture = survey(data)
    assert picture.confined
    assert np.array_equal(np.asarray(confined.decode_confined(picture)), np.asarray(Image.open(BytesIO(data))))


def test_a_child_that_takes_too_long_is_ended_and_the_next_picture_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller gets an answer; another child is started."""
    picture = survey(hostile.small("AVIF"))
    child = confined._CHILDREN.take()
    child.process.send_signal(signal.SIGSTOP)
    confined._CHILDREN.give_back(child)
    with monkeypatch.context() as patched:
        patched.setattr(confined, "WALL_S", 0.2)
        with pytest.raises(BadInput, match="too long"):
            confined.decode_confined(picture)
    assert child.process.poll() is not None
    assert confined.decode_confined(picture).size == (64, 64)


def test_tables_that_unpack_to_hundreds_of_megabytes_are_not_unpacked() -> None:
    """A WebP of a megapixel that has 65,536 sets of codes: the child may not have the memory, and lives on."""
    with pytest.raises(BadInput, match="WEBP"):
        decode(hostile.webp_of_tables(1_024, 1_024))
    assert decode(hostile.small("WEBP", lossless=True)).size == (64, 64)


def test_broken_tags_warn_nobody() -> None:
    """4,000 lines of log for one upload, and as much memory for ever, were the answer before."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        decode(hostile.READ["JPEG with 4,000 broken tags"]())
        decode(hostile.png_with(hostile.chunk(b"eXIf", hostile.exif_of_tags(2_000)[6:])))
    assert caught == []


def jpeg_of_two_frames() -> bytes:
    """Return a JPEG with a second frame header before its scan."""
    second = hostile.segment(0xC0, b"\x08\x00\x08\x00\x08\x01\x01\x11\x00")
    return hostile.small("JPEG").replace(b"\xff\xda", second + b"\xff\xda", 1)


def webp_of_another_canvas() -> bytes:
    """Return a WebP of 64 by 64 pixels on a canvas of 16 by 16."""
    plain = hostile.small("WEBP")
    return plain[:12] + b"VP8X\x0a\x00\x00\x00" + bytes(4) + b"\x0f\x00\x00\x0f\x00\x00" + plain[12:]


@pytest.mark.parametrize("make", [jpeg_of_two_frames, webp_of_another_canvas, lambda: hostile.avif_that_lies(64, 32)])
def test_a_container_that_contradicts_itself_is_refused(make: hostile.Make) -> None:
    """Whatever a decoder would make of it."""
    with pytest.raises(BadInput, match="broken"):
        survey(make())


def test_a_scan_hidden_from_the_count_is_hidden_from_the_codec() -> None:
    """What stands in a comment between scans, or behind the end, is no scan, and is cut out."""
    plain = hostile.small("JPEG")
    hiding = b"\xff\xfe\x00\x0a\xff\xda\xff\xd9\xff\xda\xff\xda"
    picture = survey(plain[:-2] + hiding + b"\xff\xd9" + b"\xff\xda" * 1_000)
    assert picture.data == plain
    assert picture.has_notes


HEADS = {
    "JPEG": hostile.small("JPEG"),
    "PNG": hostile.small("PNG"),
    "GIF": hostile.small("GIF"),
    "WEBP": hostile.small("WEBP"),
    "AVIF": hostile.small("AVIF"),
    "BMP": hostile.small("BMP"),
}


@settings(max_examples=400)
@given(st.sampled_from(sorted(HEADS)), st.data())
def test_wild_bytes_are_refused_in_words(name: str, data: st.DataObject) -> None:
    """A container with any bytes at any place is walked or refused; nothing else is raised."""
    plain = HEADS[name]
    at = data.draw(st.integers(2, len(plain)))
    wild = data.draw(st.binary(max_size=24))
    with contextlib.suppress(BadInput):
        picture = survey(plain[:at] + wild + plain[at + data.draw(st.sampled_from([0, len(wild)])) :])
        assert 0 < picture.width * picture.height <= MAX_PIXELS
        assert picture.decoding_bytes <= MAX_DECODING_BYTES


def test_a_child_that_the_system_ends_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that has used up its processor time, say: its picture is refused, and the next one is read."""
    begun = confined._Child
    busy = "import resource, sys; resource.setrlimit(resource.RLIMIT_CPU, (1, -1))\nwhile True: pass"

    def spinning() -> confined._Child:
        child = begun()
        child.end()
        child.process = subprocess.Popen([sys.executable, "-c", busy], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        return child

    confined._CHILDREN.end()
    with monkeypatch.context() as patched:
        patched.setattr(confined, "_Child", spinning)
        with pytest.raises(BadInput, match="too long"):
            confined.decode_confined(survey(hostile.small("AVIF")))
    assert confined.decode_confined(survey(hostile.small("AVIF"))).size == (64, 64)
