"""Pictures of a corpus are looked at without trust, and each look-alike is kept once."""

from __future__ import annotations

import io
import os
import struct
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from pipelines.cleaning.pictures import distances, find_picture, look_at, perceptual_hash
from tests.unit.pipelines.corpora_on_disk import (
    CONFIG,
    jpeg,
    kept_ids,
    photograph,
    read_records,
    record,
    run_clean,
    write_picture,
    write_shard,
)

PICTURES = CONFIG.pictures


def png_of_size(width: int, height: int) -> bytes:
    """Return a PNG file of a few hundred bytes that announces a picture of this size."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")
    )


def verdict_on(tmp_path: Path, content: bytes) -> str:
    """Return the verdict on one file."""
    path = tmp_path / "picture"
    path.write_bytes(content)
    return look_at(path, PICTURES).verdict


@pytest.mark.parametrize(
    ("content", "verdict"),
    [
        (jpeg(photograph(1)), ""),
        (jpeg(photograph(1))[:2000], "broken"),
        (jpeg(photograph(1))[:-400], "broken"),
        (b"\xff\xd8\xff", "broken"),
        (b"", "no-picture"),
        (b"GIF, but not really", "no-picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no-picture"),
        (jpeg(photograph(1, (99, 300))), "tiny"),
        (jpeg(photograph(1, (100, 300))), ""),
        (jpeg(Image.new("RGB", (300, 300), (200, 30, 30))), "blank"),
        (png_of_size(40_000, 40_000), "too-large"),
        (png_of_size(5_000, 5_000), "broken"),
    ],
)
def test_a_file_is_what_it_is(tmp_path: Path, content: bytes, verdict: str) -> None:
    """Half-written, truncated, tiny, even and outsized files are told apart; a bomb is not decoded."""
    assert verdict_on(tmp_path, content) == verdict


def test_a_file_above_the_bound_is_not_read(tmp_path: Path) -> None:
    """Its size is enough."""
    path = tmp_path / "picture"
    path.write_bytes(jpeg(photograph(1)))
    assert look_at(path, replace(PICTURES, max_bytes=path.stat().st_size)).verdict == ""
    found = look_at(path, replace(PICTURES, max_bytes=path.stat().st_size - 1))
    assert (found.verdict, found.content) == ("too-large", 0)


def test_a_pipe_is_no_picture_and_nobody_waits_for_it(tmp_path: Path) -> None:
    """Opening a pipe to read would wait until someone writes."""
    os.mkfifo(tmp_path / "pipe")
    assert look_at(tmp_path / "pipe", PICTURES).verdict == "outside-the-corpus"


def test_a_folder_and_nothing_are_no_pictures(tmp_path: Path) -> None:
    """A record may name anything."""
    assert look_at(tmp_path, PICTURES).verdict in ("broken", "outside-the-corpus")
    assert look_at(tmp_path / "nothing", PICTURES).verdict == "missing"


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd",
        "../../secret.jpg",
        "../..",
        "..",
        "../pictures/../../secret.jpg",
        "a\x00b",
        "x" * 5000 + "/../../../y",
    ],
)
def test_no_name_leads_out_of_the_corpus(tmp_path: Path, name: str) -> None:
    """Whatever a record says, what is found lies in the corpus or is not found."""
    corpus = (tmp_path / "corpus").resolve()
    (corpus / "posts").mkdir(parents=True)
    found = find_picture(name, corpus / "posts", corpus)
    assert found is None or found.is_relative_to(corpus)
    if "x" not in name:
        assert found is None


def test_links_are_followed_before_they_are_judged(tmp_path: Path) -> None:
    """A link inside the corpus is a picture of it; one that leads out is refused and counted."""
    corpus = tmp_path / "corpus"
    inside = write_picture(corpus, "ab01.jpg", jpeg(photograph(1)))
    (tmp_path / "secret.jpg").write_bytes(jpeg(photograph(2)))
    (corpus / "pictures" / "ab" / "in.jpg").symlink_to("ab01.jpg")
    (corpus / "pictures" / "ab" / "out.jpg").symlink_to(tmp_path / "secret.jpg")
    (corpus / "pictures" / "up").symlink_to(tmp_path)
    write_shard(
        corpus,
        [
            record(1, image="../pictures/ab/in.jpg"),
            record(2, image="../pictures/ab/out.jpg"),
            record(3, image="../pictures/up/secret.jpg"),
            record(4, image=str(tmp_path / "secret.jpg")),
        ],
    )
    report = run_clean(corpus, tmp_path / "clean")
    assert report.pictures_dropped == {"outside-the-corpus": 3}
    assert [one.get("image") for one in read_records(tmp_path / "clean")] == [inside, None, None, None]
    assert not [path for path in (tmp_path / "clean").rglob("*") if path.is_symlink()]


def test_a_post_outlives_its_picture(tmp_path: Path) -> None:
    """Its words and hashtags still teach; every picture is kept or counted."""
    corpus = tmp_path / "corpus"
    good = jpeg(photograph(1))
    names = {
        "ab01.jpg": good,
        "ab02.jpg": good,
        "ab03.jpg": jpeg(photograph(1, (480, 360)), 40),
        "ab04.jpg": good[:1500],
        "ab05.png": png_of_size(40_000, 40_000),
        "ab06.jpg": jpeg(photograph(2)),
    }
    records = [record(n, image=write_picture(corpus, name, content)) for n, (name, content) in enumerate(names.items())]
    write_shard(corpus, [*records, record(50, image="../pictures/ab/gone.jpg"), record(51)])
    report = run_clean(corpus, tmp_path / "clean")
    assert report.n_kept == 8
    assert report.n_with_picture == 2
    assert report.pictures_dropped == {"missing": 1, "too-large": 1, "broken": 1, "same-picture": 1, "near-picture": 1}
    kept = [one for one in read_records(tmp_path / "clean") if "image" in one]
    assert [(one["id"], one["image"]) for one in kept] == [
        ("walks:0", "../pictures/ab/ab01.jpg"),
        ("walks:5", "../pictures/ab/ab06.jpg"),
    ]
    assert (tmp_path / "clean" / "pictures" / "ab" / "ab01.jpg").read_bytes() == good
    assert sorted(path.name for path in (tmp_path / "clean" / "pictures" / "ab").iterdir()) == ["ab01.jpg", "ab06.jpg"]
    page = (report.folder / "samples.html").read_text()
    assert page.count('src="data:image/jpeg;base64,') == 4  # two copies, each beside what it repeats


def test_a_picture_from_elsewhere_in_the_corpus_joins_the_pictures(tmp_path: Path) -> None:
    """A data folder may keep pictures under any name; the clean corpus keeps them in one place."""
    corpus = tmp_path / "corpus"
    (corpus / "posts" / "media").mkdir(parents=True)
    (corpus / "posts" / "media" / "a.JPG").write_bytes(jpeg(photograph(1)))
    write_shard(corpus, [record(1, image="media/a.JPG")])
    run_clean(corpus, tmp_path / "clean")
    name = read_records(tmp_path / "clean")[0]["image"]
    assert name.startswith("../pictures/")
    assert name.endswith(".jpg")
    assert (tmp_path / "clean" / "posts" / name).resolve().read_bytes() == jpeg(photograph(1))


def test_a_picture_of_a_dropped_post_does_not_count(tmp_path: Path) -> None:
    """The copy's picture is judged as if the dropped post had never had it."""
    corpus = tmp_path / "corpus"
    first = write_picture(corpus, "ab01.jpg", jpeg(photograph(1)))
    second = write_picture(corpus, "ab02.jpg", jpeg(photograph(1)))
    spam = record(1, image=first, hashtags=["f4f", "l4l", "followforfollow"])
    write_shard(corpus, [spam, record(2, image=second)])
    report = run_clean(corpus, tmp_path / "clean")
    assert kept_ids(tmp_path / "clean") == ["walks:2"]
    assert report.pictures_dropped == {}


def altered(image: Image.Image) -> dict[str, Image.Image]:
    """Return copies of a picture as they circulate."""
    return {
        "saved again": Image.open(io.BytesIO(jpeg(image, 30))),
        "smaller": image.resize((image.width // 2, image.height // 2)),
        "brighter": ImageEnhance.Brightness(image).enhance(1.1),
        "grey": image.convert("L"),
    }


def test_copies_look_alike_and_photographs_do_not(photographs: Path) -> None:
    """Copies of real photographs lie within the distance, different photographs far outside."""
    images = [Image.open(path).convert("RGB") for path in sorted(photographs.glob("*.jpg"))]
    assert len(images) >= 5
    looks = [perceptual_hash(image) for image in images]
    for image, look in zip(images, looks, strict=True):
        for name, copy in altered(image).items():
            assert distances(look, perceptual_hash(copy)[None])[0] <= PICTURES.max_distance, name
    for at, look in enumerate(looks):
        others = np.stack([other for number, other in enumerate(looks) if number != at])
        assert distances(look, others).min() > 1.4 * PICTURES.max_distance
