"""What is there twice goes once, and a reviewer sees why."""

from __future__ import annotations

import json
from pathlib import Path

from tests.unit.pipelines.corpora_on_disk import (
    CONFIG,
    caption,
    kept_ids,
    record,
    run_clean,
    some_records,
    write_shard,
)


def test_the_page_of_samples_shows_captions_and_obeys_none(tmp_path: Path) -> None:
    """A caption with markup is text on the reviewers' page and in the report."""
    evil = "</p><script>alert(1)</script><img src=x onerror=alert(2)>"
    write_shard(
        tmp_path / "corpus",
        [
            record(1),
            record(2, caption=evil, hashtags=["f4f", "l4l", "followforfollow"]),
            record(3, id=evil, hashtags=[]),
        ],
    )
    report = run_clean(tmp_path / "corpus", tmp_path / "clean")
    page = (report.folder / "samples.html").read_text()
    assert "<script" not in page
    assert "<img" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "default-src 'none'" in page
    samples = [json.loads(line) for line in (report.folder / "samples.jsonl").open()]
    assert {one["rule"] for one in samples} == {"follow-trade", "few-hashtags"}


def test_samples_are_few_and_each_copy_stands_beside_its_original(tmp_path: Path) -> None:
    """A reviewer sees why a post was called a copy."""
    copies = [record(100 + n, caption=record(1)["caption"], hashtags=record(1)["hashtags"]) for n in range(9)]
    write_shard(tmp_path / "corpus", [record(1), *copies])
    report = run_clean(tmp_path / "corpus", tmp_path / "clean", samples=3)
    samples = [json.loads(line) for line in (report.folder / "samples.jsonl").open()]
    assert len(samples) == 3
    assert all(one["like"].startswith("walks:1: ") for one in samples)


def test_no_samples_means_none(tmp_path: Path) -> None:
    """Whoever may not keep what was dropped keeps nothing of it."""
    write_shard(tmp_path / "corpus", some_records())
    report = run_clean(tmp_path / "corpus", tmp_path / "clean", samples=0)
    assert (report.folder / "samples.jsonl").read_text() == ""
    assert "Muscheln" not in (report.folder / "samples.html").read_text()


def test_an_author_s_same_words_are_kept_twice_and_no_oftener(tmp_path: Path) -> None:
    """One author repeating a caption under other hashtags; another author's same words are not touched by the rule."""
    mine = [record(n, author="one", caption="good morning everybody", hashtags=[f"day{n}"]) for n in range(5)]
    other = [record(9, author="two", caption="good morning everybody", hashtags=["dayx"])]
    write_shard(tmp_path / "corpus", [*mine, *other])
    report = run_clean(tmp_path / "corpus", tmp_path / "clean")
    assert kept_ids(tmp_path / "clean") == ["walks:0", "walks:1", "walks:9"]
    assert report.dropped == {"author-repeats": 3}


def test_a_flood_of_one_hour_is_cut_where_it_begins(tmp_path: Path) -> None:
    """Posts of one author above the hour's limit go; those of other hours and without a time of day stay."""
    flood = [record(n, author="bot", time=f"2024-05-01T10:{n:02d}:20Z") for n in range(40)]
    later = [record(50, author="bot", time="2024-05-01T11:00:20Z")]
    undated = [record(60 + n, author="slow", time="2024-05-02") for n in range(40)]
    write_shard(tmp_path / "corpus", [*flood, *later, *undated])
    report = run_clean(tmp_path / "corpus", tmp_path / "clean")
    assert report.dropped == {"author-flood": 40 - CONFIG.authors.max_per_hour}
    assert kept_ids(tmp_path / "clean")[:30] == [f"walks:{n}" for n in range(30)]


def test_near_captions_of_strangers_go_and_short_sayings_stay(tmp_path: Path) -> None:
    """A long caption is a copy by its words; a short one only with its hashtags."""
    long, short = caption(1, 30), "be your own kind of beautiful"
    write_shard(
        tmp_path / "corpus",
        [
            record(1, caption=long, hashtags=["sea"]),
            record(2, caption=f"{long} friends", hashtags=["other", "tags"]),
            record(3, caption=short, hashtags=["makeup", "beauty", "updo"]),
            record(4, caption=short, hashtags=["happy", "love", "picoftheday"]),
            record(5, caption=f"{short} :)", hashtags=["makeup", "beauty", "updo"]),
        ],
    )
    report = run_clean(tmp_path / "corpus", tmp_path / "clean")
    assert kept_ids(tmp_path / "clean") == ["walks:1", "walks:3", "walks:4"]
    assert report.dropped == {"same-post": 1, "near-caption": 1}


def test_equal_pairs_of_hashtags_without_a_caption_stay(tmp_path: Path) -> None:
    """Two people tag a dog alike by chance; a block of five is pasted."""
    pairs = [record(n, caption="", hashtags=["dog", "cat"]) for n in range(2)]
    blocks = [record(10 + n, caption="", hashtags=list("abcde")) for n in range(2)]
    write_shard(tmp_path / "corpus", [*pairs, *blocks])
    report = run_clean(tmp_path / "corpus", tmp_path / "clean")
    assert kept_ids(tmp_path / "clean") == ["walks:0", "walks:1", "walks:10"]
    assert report.dropped == {"same-post": 1}


def test_a_post_dropped_for_another_reason_takes_no_copy_with_it(tmp_path: Path) -> None:
    """The copy of a post whose author flooded is the first that is left."""
    flood = [record(n, author="bot", time=f"2024-05-01T10:{n:02d}:20Z") for n in range(31)]
    copy = record(99, caption=f"{flood[30]['caption']}", hashtags=[*flood[30]["hashtags"], "more"])
    write_shard(tmp_path / "corpus", [*flood, copy])
    run_clean(tmp_path / "corpus", tmp_path / "clean")
    assert "walks:30" not in kept_ids(tmp_path / "clean")
    assert "walks:99" in kept_ids(tmp_path / "clean")
