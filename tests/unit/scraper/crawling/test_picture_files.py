"""Pictures that are kept, and what of them is not."""

from __future__ import annotations

import contextlib
import struct
import zlib
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps, PngImagePlugin

from core.errors import DataError
from models.classifier.decode import open_picture
from models.classifier.survey import survey
from scraper.crawling.picture_files import PictureFiles, PictureReader, UnusablePicture, checked_picture, picture_stem

READER = PictureReader(survey, open_picture)


def checked(data: bytes) -> tuple[bytes, str]:
    return checked_picture(data, READER)


def encoded(kind: str, *, mode: str = "RGB", size: tuple[int, int] = (12, 8), **options: object) -> bytes:
    out = BytesIO()
    Image.new(mode, size, 90).save(out, kind, **options)
    return out.getvalue()


def opened(data: bytes) -> Image.Image:
    image: Image.Image = Image.open(BytesIO(data))
    image.load()
    return image


@pytest.mark.parametrize(("kind", "ending"), [("JPEG", ".jpg"), ("PNG", ".png"), ("WEBP", ".webp"), ("GIF", ".gif")])
def test_a_plain_picture_keeps_its_bytes(kind: str, ending: str) -> None:
    """Nothing is lost by writing it anew."""
    data = encoded(kind, mode="L" if kind == "GIF" else "RGB")
    assert checked(data) == (data, ending)


@pytest.mark.parametrize("kind", ["AVIF", "BMP"])
def test_other_readable_formats_become_jpeg(kind: str) -> None:
    """A corpus holds formats that every tool opens."""
    content, ending = checked(encoded(kind))
    assert (opened(content).format, ending) == ("JPEG", ".jpg")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_what_a_camera_tells_goes_and_which_way_is_up_stays(kind: str) -> None:
    """Place, owner and serial number are not kept; the pixels are turned as the camera meant."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x013B] = "Anna Example"
    exif.get_ifd(0x8825)[1] = "N"
    content, _ = checked(encoded(kind, exif=exif))
    assert opened(content).size == (8, 12)
    assert b"Anna" not in content
    assert len(opened(content).getexif()) == 0


def test_comments_and_texts_go() -> None:
    """A name may stand in a comment as well."""
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Author", "Anna Example")
    assert b"Anna" not in checked(encoded("PNG", pnginfo=texts))[0]
    assert b"Anna" not in checked(encoded("JPEG", comment=b"by Anna Example"))[0]


def test_transparency_stays() -> None:
    """A drawing on nothing is not laid on black."""
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Author", "Anna")
    content, ending = checked(encoded("PNG", mode="RGBA", pnginfo=texts))
    assert (opened(content).mode, ending) == ("RGBA", ".png")


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_of(width: int, height: int, pixels: bytes) -> bytes:
    """Return a PNG that announces a size and holds what it likes."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def test_a_picture_that_unpacks_to_gigabytes_is_refused_by_its_header() -> None:
    """A hundred kilobytes that announce 40,000 by 40,000 pixels are not unpacked."""
    with pytest.raises(UnusablePicture, match="50 million pixels"):
        checked(png_of(40_000, 40_000, zlib.compress(b"\0" * 1_000_000)))
    with pytest.raises(UnusablePicture, match="50 million pixels"):
        checked(png_of(8_000, 8_000, zlib.compress(b"\0" * 1_000_000)))


def test_a_packed_text_block_that_unpacks_to_much_is_dropped() -> None:
    """The other way to hide a bomb in a PNG is in its texts: they go unread."""
    plain = encoded("PNG")
    bomb = chunk(b"zTXt", b"Author\0\0" + zlib.compress(b"a" * 100_000_000))
    assert checked(plain[:33] + bomb + plain[33:]) == (plain, ".png")


@pytest.mark.parametrize(
    "data", [b"", b"PK\x03\x04zip", b"<html>login</html>", b"\xff\xd8\xff", b"GIF89a", b"%PDF-1.4"]
)
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    """An error page under the name of a photograph is not kept."""
    with pytest.raises(UnusablePicture):
        checked(data)


@settings(max_examples=30)
@given(st.sampled_from(["JPEG", "PNG", "WEBP"]), st.floats(0.1, 0.95))
def test_a_half_written_picture_is_refused(kind: str, share: float) -> None:
    """What a broken connection left is not learnt from."""
    out = BytesIO()
    Image.effect_noise((64, 64), 80.0).convert("RGB").save(out, kind)
    data = out.getvalue()
    with pytest.raises(UnusablePicture):
        checked(data[: int(len(data) * share)])


@settings(max_examples=60)
@given(st.binary(max_size=400), st.integers(0, 300))
def test_wild_bytes_are_refused_or_kept_and_nothing_else(noise: bytes, at: int) -> None:
    """No decoder's exception reaches the crawl."""
    data = encoded("JPEG")
    with contextlib.suppress(UnusablePicture):
        checked(data[:at] + noise + data[at:])


def exif_of(tags: list[tuple[int, int, int, int]], orientation: int | None) -> bytes:
    """Return an EXIF block of tags that say what they like."""
    entries = [struct.pack("<HHII", *tag) for tag in tags]
    if orientation is not None:
        entries.insert(len(entries) // 2, struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0))
    return b"II*\x00" + struct.pack("<IH", 8, len(entries)) + b"".join(entries) + bytes(4)


def carrying(kind: str, exif: bytes) -> bytes:
    """Return a small picture that carries a block as its EXIF, whatever that holds."""
    plain = encoded(kind)
    if kind == "PNG":
        return plain[:33] + chunk(b"eXIf", exif) + plain[33:]
    if kind == "JPEG":
        content = b"Exif\0\0" + exif
        return plain[:2] + b"\xff\xe1" + struct.pack(">H", len(content) + 2) + content + plain[2:]
    extended = b"VP8X" + struct.pack("<I", 10) + b"\x08\0\0\0" + b"\x0b\0\0\x07\0\0"
    body = b"WEBP" + extended + plain[12:] + b"EXIF" + struct.pack("<I", len(exif)) + exif + bytes(len(exif) & 1)
    return b"RIFF" + struct.pack("<I", len(body)) + body


NUMBERS = st.one_of(st.integers(0, 2**32 - 1), st.sampled_from([0, 1, 2**16, 2**31 - 1, 2**31, 2**32 - 1]))
TAGS = st.tuples(
    st.one_of(st.sampled_from([0x0112, 0x011A, 0x0132, 0x8769, 0x8825, 0xA005, 0x927C]), st.integers(0, 65535)),
    st.integers(0, 14),
    NUMBERS,
    NUMBERS,
)


@settings(max_examples=300)
@given(
    st.sampled_from(["JPEG", "PNG", "WEBP"]),
    st.one_of(
        st.builds(exif_of, st.lists(TAGS, max_size=8), st.one_of(st.none(), st.integers(0, 65535))),
        st.binary(max_size=60),
        st.sampled_from([b"x", b"", b"II*\0", b"MM\0*\xff\xff\xff\xff", b"II*\0\x08\0\0\0\xff\xff"]),
    ),
)
@example("PNG", b"x")
def test_broken_exif_costs_the_picture_nothing(kind: str, exif: bytes) -> None:
    """It is kept, upright as far as the block can be read, and without the block."""
    content, _ = checked(carrying(kind, exif))
    kept = opened(content)
    assert kept.size in {(12, 8), (8, 12)}
    assert len(kept.getexif()) == 0


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(10))
def test_a_picture_is_turned_as_pillow_turns_it(kind: str, orientation: int) -> None:
    """Our own reading of the one tag that counts agrees with the library's."""
    data = carrying(kind, exif_of([(0x0132, 2, 1, 0)], orientation))
    expected = ImageOps.exif_transpose(opened(data)).size
    assert opened(checked(data)[0]).size == expected


def test_a_picture_that_cannot_be_written_is_refused() -> None:
    """A JPEG has at most 65,500 pixels a side; a turned PNG may have more."""
    wide = chunk(b"eXIf", exif_of([], 3))
    data = png_of(65_520, 1, zlib.compress(bytes(65_521)))
    with pytest.raises(UnusablePicture, match="cannot be written"):
        checked(data[:33] + wide + data[33:])


def test_an_upright_photograph_keeps_its_pixels_as_they_were_packed() -> None:
    """Only what tells of its owner is cut out."""
    plain = encoded("JPEG")
    secret = b"\xff\xe1" + struct.pack(">H", 2 + 6 + 20) + b"Exif\0\0" + b"Anna Example, number"
    assert checked(plain[:2] + secret + plain[2:] + b"Anna's other picture") == (plain, ".jpg")


def test_a_picture_is_found_again_under_the_name_of_its_post(tmp_path: Path) -> None:
    """That is why a kill after it was written costs no second fetch."""
    files = PictureFiles(tmp_path, READER)
    stem = picture_stem("site", "1")
    assert files.find(stem) is None
    kept = files.keep(stem, encoded("JPEG"))
    assert files.find(stem) == kept
    assert picture_stem("site", "2") != stem
    assert picture_stem("sit", "e:1") == picture_stem("sit", "e:1")


def test_links_that_lead_out_are_refused(tmp_path: Path) -> None:
    """Nothing is written or taken outside of the corpus."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "pictures").symlink_to(outside)
    with pytest.raises(DataError, match="leads elsewhere"):
        PictureFiles(tmp_path / "a", READER)
    stem = picture_stem("site", "1")
    files = PictureFiles(tmp_path / "b", READER)
    files.folder.mkdir(parents=True)
    (files.folder / stem[:2]).symlink_to(outside)
    with pytest.raises(DataError, match="leads elsewhere"):
        files.keep(stem, encoded("JPEG"))
    assert list(outside.iterdir()) == []
