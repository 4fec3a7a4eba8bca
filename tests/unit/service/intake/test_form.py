"""Multipart bodies in any chunks, whole or broken."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from itertools import pairwise

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.intake.form import MAX_PARTS, Part, PartBounds, post_of_parts, read_multipart
from service.problems import Refusal

BOUNDS = PartBounds({"image": (1000, "image_too_large")}, default_bytes=100)
BOUNDARY = "multipart/form-data; boundary=b"


async def _stream(chunks: Iterable[bytes]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


def _read(chunks: Iterable[bytes], content_type: str = BOUNDARY) -> list[Part]:
    return asyncio.run(read_multipart(_stream(chunks), content_type, BOUNDS))


def _code(chunks: Iterable[bytes], content_type: str = BOUNDARY) -> str:
    with pytest.raises(Refusal) as caught:
        _read(chunks, content_type)
    return caught.value.code


def _outcome(chunks: Iterable[bytes]) -> str:
    try:
        _read(chunks)
    except Refusal as refusal:
        return refusal.code
    return "read"


def _body(*parts: tuple[str, bytes]) -> bytes:
    lines = [b"--b\r\nContent-Disposition: form-data; %s\r\n\r\n%s\r\n" % (h.encode(), data) for h, data in parts]
    return b"".join(lines) + b"--b--\r\n"


@given(st.binary(max_size=90), st.text(max_size=20), st.lists(st.integers(0, 400), max_size=6))
def test_any_cut_of_the_stream_gives_the_same_parts(data: bytes, text: str, cuts: list[int]) -> None:
    """What httpx sends is read back, wherever the network cuts it."""
    request = httpx.Request("POST", "http://t", files={"image": ("a.jpg", data, "image/jpeg")}, data={"caption": text})
    body, content_type = request.read(), request.headers["content-type"]
    edges = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    parts = _read([body[a:b] for a, b in pairwise(edges)], content_type)
    found = {part.name: part for part in parts}
    assert bytes(found["image"].data) == data
    assert (found["image"].filename, found["image"].content_type) == ("a.jpg", "image/jpeg")
    assert (bytes(found["caption"].data), found["caption"].filename) == (text.encode("utf-8"), None)


@given(
    st.binary(max_size=300),
    st.sampled_from([b"", b"--b\r\n", b"--b\r\nContent-Disposition: form-data; name=x\r\n\r\n"]),
)
def test_wild_bytes_are_refused_in_order(noise: bytes, start: bytes) -> None:
    """No input leads to anything but parts or a refusal."""
    assert _outcome([start + noise]) in ("read", "malformed_body", "body_too_large", "image_too_large")


@pytest.mark.parametrize(
    "content_type",
    ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=" + "b" * 500],
)
def test_a_boundary_is_needed(content_type: str) -> None:
    """Without one, or with one of absurd length, the body cannot be read."""
    assert _code([_body(('name="caption"', b"x"))], content_type) == "malformed_body"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello",
        b"--b\r\n",
        _body(('name="caption"', b"x"))[:-6],
        _body(("", b"x")),
        b"--b\r\nContent-Type: text/plain\r\n\r\nx\r\n--b--\r\n",
        b'--b\r\nContent-Disposition: attachment; name="caption"\r\n\r\nx\r\n--b--\r\n',
    ],
)
def test_broken_framing_is_refused(body: bytes) -> None:
    """A body that stops early or whose parts have no names is malformed."""
    assert _code([body]) == "malformed_body"


def test_a_part_over_its_bound_is_refused_while_it_streams() -> None:
    """The rest is never asked for."""
    asked: list[int] = []

    def chunks() -> Iterable[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
        for i in range(100):
            asked.append(i)
            yield b"x" * 600

    assert _code(chunks()) == "image_too_large"
    assert asked == [0, 1]


def test_other_parts_have_a_bound_too() -> None:
    """A caption of megabytes is a body that is too large."""
    assert _code([_body(('name="caption"', b"x" * 101))]) == "body_too_large"


def test_the_number_of_parts_is_bounded() -> None:
    """Thousands of empty parts cost memory as well."""
    assert len(_read([_body(*[('name="seeds"', b"x")] * MAX_PARTS)])) == MAX_PARTS
    assert _code([_body(*[('name="seeds"', b"x")] * (MAX_PARTS + 1))]) == "body_too_large"


def test_lists_of_commas_are_refused_before_they_are_split() -> None:
    """Sixty parts of 120,000 commas once took 0.7 s of the event loop."""
    parts = [Part("seeds", None, "", bytearray(b"," * 120_000)) for _ in range(60)]
    began = time.thread_time()
    with pytest.raises(Refusal) as caught:
        post_of_parts(parts)
    assert caught.value.code == "body_too_large"
    assert time.thread_time() - began < 0.1
