"""Nothing of a test post is seen in training."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import DataError
from core.posts import Post, Split
from pipelines.config.training import CorpusConfig
from pipelines.corpus.posts import read_posts
from pipelines.training.split import assign_splits, overlapping_authors, run
from pipelines.workshop.progress import SilentProgress
from pipelines.workshop.stage import StageContext
from tests.unit.pipelines.posts_on_disk import record, write_lines

CONFIG = CorpusConfig(
    min_hashtags=2, deduplicate=("train", "val"), min_train=5, min_val=1, val_share=0.2, test_share=0.2
)


def post(number: int, **changes: object) -> Post:
    """Return a post without author, time or split."""
    return replace(Post(str(number), "walks", "", ("sea", f"tag{number}x")), **changes)  # type: ignore[arg-type]


def test_a_given_split_is_taken_as_it_is() -> None:
    """Figures on published splits stay comparable."""
    posts = [post(n, split=split, author="a") for n, split in enumerate(get_args(Split))]
    assert assign_splits(posts, CONFIG, seed=1) == posts


def test_posts_of_one_author_go_to_one_split() -> None:
    """People repeat themselves."""
    posts = [post(n, author=f"author {n % 40}") for n in range(400)]
    assigned = assign_splits(posts, CONFIG, seed=1)
    assert {one.split for one in assigned} == {"train", "val", "test"}
    assert overlapping_authors(assigned) == set()


def test_a_post_without_a_split_follows_its_author() -> None:
    """A newly collected post does not carry an author across."""
    assigned = assign_splits([post(1, author="a", split="test"), post(2, author="a")], CONFIG, seed=1)
    assert assigned[1].split == "test"


def test_an_author_who_stands_in_two_splits_is_refused_where_a_post_is_to_be_placed() -> None:
    """There is no split for that post that keeps the others apart."""
    posts = [post(1, author="a", split="train"), post(2, author="a", split="test"), post(3, author="a")]
    with pytest.raises(DataError, match=r"post 3 .* stand in test and train"):
        assign_splits(posts, CONFIG, seed=1)


def test_the_newest_posts_of_a_source_are_tested_on() -> None:
    """Of each source by itself, because sources were collected at different times."""
    old = [post(n, source="old", time=f"2001-01-{n + 1:02d}") for n in range(20)]
    new = [post(n + 50, source="new", time=f"2020-01-{n + 1:02d}T10:00:00+02:00") for n in range(20)]
    assigned = assign_splits(old + new, CONFIG, seed=1)
    for source in ("old", "new"):
        order = [one.split for one in assigned if one.source == source]
        assert order == ["train"] * 12 + ["val"] * 4 + ["test"] * 4


def test_posts_of_one_instant_stay_together() -> None:
    """A burst of posts is one occasion."""
    assigned = assign_splits([post(n, time="2020-01-01") for n in range(10)], CONFIG, seed=1)
    assert len({one.split for one in assigned}) == 1


def test_equal_blocks_of_hashtags_go_to_one_split() -> None:
    """The same block is pasted under post after post, in any order."""
    posts = [post(n, hashtags=(f"tag{n % 30}x", "sea")) for n in range(300)]
    posts += [replace(one, post_id=f"again {one.post_id}", hashtags=one.hashtags[::-1]) for one in posts]
    splits: dict[frozenset[str], set[str | None]] = {}
    for one in assign_splits(posts, CONFIG, seed=1):
        splits.setdefault(frozenset(one.hashtags), set()).add(one.split)
    assert all(len(found) == 1 for found in splits.values())


def test_shares_are_about_what_was_asked_for() -> None:
    """A fifth each, give or take the luck of hashing."""
    counts = Counter(one.split for one in assign_splits([post(n) for n in range(2000)], CONFIG, seed=3))
    assert 330 < counts["test"] < 470
    assert 330 < counts["val"] < 470


AUTHORS = st.none() | st.sampled_from("abcdef")


@given(authors=st.lists(AUTHORS, min_size=1, max_size=30), seed=st.integers(0, 5))
def test_where_a_post_goes_does_not_depend_on_its_neighbours(authors: list[str | None], seed: int) -> None:
    """Posts collected later leave the split of earlier ones alone."""
    posts = [post(number, author=author) for number, author in enumerate(authors)]
    assigned = assign_splits(posts, CONFIG, seed)
    assert assign_splits(posts[:1], CONFIG, seed) == assigned[:1]
    assert overlapping_authors(assigned) == set()


def context(folder: Path, config: CorpusConfig = CONFIG) -> StageContext[CorpusConfig]:
    """Return what the stage gets when its data lies in ``folder``."""
    out = folder / "out"
    out.mkdir()
    inputs = {"posts": folder / "posts", "data": folder}
    if (folder / "multimodal").is_dir():
        inputs["multimodal"] = folder / "multimodal"
    return StageContext(out, folder, folder, inputs, config, SilentProgress(), 1)


def test_the_stage_writes_each_split_once_and_says_what_it_left_out(tmp_path: Path) -> None:
    """Training loses equal posts; test keeps them, as they come."""
    train = [record(n, split="train") for n in range(8)]
    tests = [record(n + 20, split="test", caption="x", hashtags=["sea", "sun"]) for n in range(3)]
    equal = record(90, split="train", caption=train[0]["caption"], hashtags=train[0]["hashtags"])
    write_lines(tmp_path / "posts" / "a.jsonl.gz", [*train, equal, *tests, record(50, split="val"), "broken"])
    (tmp_path / "multimodal").mkdir()
    (tmp_path / "multimodal" / "1.jpg").write_bytes(b"jpeg")
    write_lines(tmp_path / "multimodal" / "posts.jsonl", [record(1, image="1.jpg"), record(2)])
    stage = context(tmp_path)
    run(stage)
    counts = {
        name: len(list(read_posts(stage.out / f"{name}.jsonl.gz", tmp_path)))
        for name in ("train", "val", "test", "multimodal")
    }
    assert counts == {"train": 8, "val": 1, "test": 3, "multimodal": 1}
    summary = json.loads((stage.out / "summary.json").read_text())
    assert {split: one["posts"] for split, one in summary["splits"].items()} == counts
    assert summary["splits"]["train"]["equal_posts_left_out"] == 1
    assert summary["splits"]["test"]["equal_posts_left_out"] == 0
    assert summary["malformed_lines"] == {"a.jsonl.gz": 1}


def test_too_few_posts_are_refused_with_the_number_needed(tmp_path: Path) -> None:
    """A model of four posts would only look like one."""
    write_lines(tmp_path / "posts" / "a.jsonl", [record(n, split="train") for n in range(4)])
    with pytest.raises(DataError, match="only 4 training posts, at least 5 are needed"):
        run(context(tmp_path))


def test_a_corpus_without_validation_posts_is_refused(tmp_path: Path) -> None:
    """The ranker learns from posts that the tables have not seen."""
    write_lines(tmp_path / "posts" / "a.jsonl", [record(n, split="train") for n in range(9)])
    with pytest.raises(DataError, match="only 0 validation posts, at least 1 "):
        run(context(tmp_path))
