"""The data folder that training gets from a clean corpus."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.errors import DataError
from pipelines.config.training import load_config
from pipelines.corpus.posts import FolderPosts, Tally
from pipelines.growing.arrange import IDS, MULTIMODAL, SUMMARY, ArrangeConfig, deal_together, run
from pipelines.workshop.progress import SilentProgress
from pipelines.workshop.stage import StageContext
from tests.support.social_sites.world import picture_bytes

DEFAULT = load_config()
CONFIG = ArrangeConfig(DEFAULT.corpus, replace(DEFAULT.grow, multimodal_share=0.0, min_multimodal=5))
HOLDING_OUT = replace(CONFIG, grow=replace(CONFIG.grow, multimodal_share=0.25))
TAGS = {"pets": ("dog", "cat"), "food": ("cake",)}


def line(number: int, tag: str, *, author: str | None = "some", image: bool = True, **more: Any) -> dict[str, Any]:
    return {
        "id": f"site:{number}",
        "source": "site",
        "caption": f"number {number} #{tag} #photo",
        "author": None if author is None else f"{tag}-{number % 12}" if author == "some" else author,
        "time": f"2025-{1 + number % 12:02d}-03T10:00:00+00:00",
        "query_tag": tag,
        **({"image": f"../pictures/ab/{number}.jpg"} if image else {}),
        **more,
    }


def corpus_of(folder: Path, lines: Sequence[dict[str, Any]]) -> Path:
    (folder / "posts").mkdir(parents=True)
    (folder / "pictures" / "ab").mkdir(parents=True)
    for record in lines:
        if "image" in record:
            number = int(record["id"].partition(":")[2])
            content = picture_bytes(number) + str(number).encode()
            (folder / "pictures" / "ab" / f"{number}.jpg").write_bytes(content)
    text = "".join(json.dumps(record) + "\n" for record in lines)
    (folder / "posts" / "site-00001.jsonl").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def clean(tmp_path: Path) -> Path:
    """A clean corpus of two topics with a dozen authors each."""
    return corpus_of(
        tmp_path / "clean",
        [line(number, tag) for at, tag in enumerate(["dog", "cat", "cake"]) for number in range(40 * at, 40 * at + 40)],
    )


def arrange(
    tmp_path: Path,
    clean: Path,
    config: ArrangeConfig = CONFIG,
    topics: Mapping[str, Sequence[str]] = TAGS,
) -> Path:
    lexicon = tmp_path / "lexicon.json"
    entries = {topic: {"collect": list(tags), "seeds": [*tags, "photo"]} for topic, tags in topics.items()}
    lexicon.write_text(json.dumps({"topics": entries}), encoding="utf-8")
    out, work, cache = (tmp_path / name for name in ("out", "work", "cache"))
    for folder in (out, work, cache):
        folder.mkdir(exist_ok=True)
    inputs = {"clean": clean, "topic_lexicon": lexicon}
    run(StageContext(out, work, cache, inputs, config, SilentProgress(), 7))
    return out


def rows(out: Path) -> list[dict[str, str]]:
    with (out / "topics" / "labels.csv").open(encoding="utf-8", newline="") as table:
        return list(csv.DictReader(table))


def posts(path: Path) -> list[dict[str, Any]]:
    return [json.loads(text) for text in path.read_text(encoding="utf-8").splitlines()]


def test_the_result_is_a_data_folder_that_training_reads(tmp_path: Path, clean: Path) -> None:
    """Posts with a split, pictures by topic, and the lexicon of those topics."""
    out = arrange(tmp_path, clean)
    read = list(FolderPosts(out / "posts", Tally()).posts())
    assert {post.post_id for post in read} == {f"site:{number}" for number in range(120)}
    assert {post.split for post in read} == {"train", "val", "test"}
    assert {(row["topics"], row["split"]) for row in rows(out)} == {
        (topic, split) for topic in TAGS for split in ("train", "val", "test")
    }
    assert all((out / "topics" / row["path"]).is_file() for row in rows(out))
    assert set(json.loads((out / "topic_lexicon.json").read_text(encoding="utf-8"))["topics"]) == set(TAGS)
    assert len((out / IDS).read_text(encoding="utf-8").splitlines()) == 120


def test_a_post_and_its_picture_stand_on_the_same_side(tmp_path: Path, clean: Path) -> None:
    """What a picture taught is not asked of its caption."""
    out = arrange(tmp_path, clean)
    split_of = {post["id"]: post["split"] for post in posts(out / "posts" / "site.jsonl")}
    for row in rows(out):
        assert split_of[f"site:{Path(row['path']).stem}"] == row["split"]


def test_no_author_stands_on_two_sides(tmp_path: Path, clean: Path) -> None:
    """Neither in posts, nor in pictures, nor between them and what is held out."""
    out = arrange(tmp_path, clean, HOLDING_OUT)
    sides: dict[str, set[str]] = {}
    for post in posts(out / "posts" / "site.jsonl"):
        sides.setdefault(post["author"], set()).add(post["split"])
    for post in posts(out / MULTIMODAL / "posts.jsonl"):
        sides.setdefault(post["author"], set()).add(MULTIMODAL)
    assert len(sides) > 20
    assert all(len(found) == 1 for found in sides.values())


def test_what_is_held_out_is_nowhere_else_and_has_several_sources(tmp_path: Path, clean: Path) -> None:
    """Picture weights are learnt leaving one source out."""
    out = arrange(tmp_path, clean, HOLDING_OUT)
    held_out = posts(out / MULTIMODAL / "posts.jsonl")
    assert len(held_out) >= 5
    assert len({post["source"] for post in held_out}) > 1
    assert all((out / MULTIMODAL / post["image"]).is_file() for post in held_out)
    ids = {post["id"] for post in held_out}
    assert not ids & {post["id"] for post in posts(out / "posts" / "site.jsonl")}
    assert not {one.removeprefix("site:") for one in ids} & {Path(row["path"]).stem for row in rows(out)}


def test_too_few_pictures_are_not_held_out(tmp_path: Path, clean: Path) -> None:
    """A handful would neither teach nor tell."""
    config = replace(HOLDING_OUT, grow=replace(HOLDING_OUT.grow, min_multimodal=500))
    out = arrange(tmp_path, clean, config)
    assert not (out / MULTIMODAL).exists()
    assert len(posts(out / "posts" / "site.jsonl")) == 120


def test_without_authors_the_newest_posts_test(tmp_path: Path) -> None:
    """As in use: what is asked is newer than what was learnt."""
    lines = [
        {**line(number, "dog", author=None, image=False), "time": f"2025-01-01T00:00:{number:02d}+00:00"}
        for number in range(50)
    ]
    corpus = corpus_of(tmp_path / "clean", lines)
    found = list(FolderPosts(corpus / "posts", Tally()).posts())
    dealt = deal_together(found, {}, {"dog": "pets"}, CONFIG, 7)
    latest = {split: max(post.time or "" for of, post in dealt if of == split) for split, _ in dealt}
    assert latest["train"] < latest["val"] < latest["test"]


def test_a_split_that_tears_an_author_apart_is_refused(tmp_path: Path, clean: Path) -> None:
    """Posts that came with splits of their own are taken by their word, and checked."""
    lines = [line(number, "dog", author="anna", split=split) for number, split in enumerate(["train", "test"] * 20)]
    corpus = corpus_of(tmp_path / "torn", lines)
    with pytest.raises(DataError, match="more than one split"):
        arrange(tmp_path, corpus)


def test_a_topic_with_too_few_pictures_is_left_out_and_told(tmp_path: Path) -> None:
    """Nothing can be learnt from three pictures, and the others are not held up by it."""
    tags = [("dog", 40), ("cake", 40), ("house", 3)]
    lines = [line(100 * at + number, tag) for at, (tag, count) in enumerate(tags) for number in range(count)]
    corpus = corpus_of(tmp_path / "clean", lines)
    out = arrange(tmp_path, corpus, topics={**TAGS, "architecture": ("house",)})
    assert {row["topics"] for row in rows(out)} == {"pets", "food"}
    assert json.loads((out / SUMMARY).read_text(encoding="utf-8"))["topics_left_out"] == ["architecture"]
    assert set(json.loads((out / "topic_lexicon.json").read_text(encoding="utf-8"))["topics"]) == {"pets", "food"}


def test_with_too_few_pictures_at_all_it_says_what_there_is(tmp_path: Path) -> None:
    """The counts tell what to collect more of; other pictures may be given."""
    corpus = corpus_of(tmp_path / "clean", [line(number, "dog", image=number < 3) for number in range(30)])
    with pytest.raises(DataError, match=r"pets \d+/\d+.*--topics"):
        arrange(tmp_path, corpus)


def test_other_pictures_may_stand_in_for_the_corpus_own(tmp_path: Path) -> None:
    """Then the corpus needs none, and every topic of the lexicon stays."""
    corpus = corpus_of(tmp_path / "clean", [line(number, "dog", image=False) for number in range(30)])
    out = arrange(tmp_path, corpus, replace(CONFIG, own_pictures=False))
    assert not (out / "topics").exists()
    assert set(json.loads((out / "topic_lexicon.json").read_text(encoding="utf-8"))["topics"]) == set(TAGS)


def test_a_picture_outside_of_the_corpus_is_not_taken(tmp_path: Path, clean: Path) -> None:
    """A line may name any file of the machine, a link may lead to one; neither becomes training data."""
    secret = tmp_path / "secret.jpg"
    secret.write_bytes(picture_bytes(1))
    shard = clean / "posts" / "site-00001.jsonl"
    stolen = {**line(900, "dog"), "image": "../../secret.jpg"}
    linked = {**line(901, "dog"), "image": "../pictures/ab/901.jpg"}
    (clean / "pictures" / "ab" / "901.jpg").symlink_to(secret)
    with shard.open("a", encoding="utf-8") as file:
        file.write(json.dumps(stolen) + "\n" + json.dumps(linked) + "\n")
    out = arrange(tmp_path, clean)
    assert not {"secret", "901"} & {Path(row["path"]).stem for row in rows(out)}
    assert {"site:900", "site:901"} <= {post["id"] for post in posts(out / "posts" / "site.jsonl")}


def test_a_hashtag_of_two_topics_labels_no_picture(tmp_path: Path, clean: Path) -> None:
    """What is searched by it wins over what it merely marks; between two equals nobody guesses."""
    lines = [
        line(number, tag) for at, tag in enumerate(["dog", "cake", "photo"]) for number in range(40 * at, 40 * at + 40)
    ]
    out = arrange(tmp_path, corpus_of(tmp_path / "two", lines))
    assert len(rows(out)) == 80


def test_the_same_corpus_gives_the_same_folder(tmp_path: Path, clean: Path) -> None:
    """A resumed run must not deal anew."""
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        folder.mkdir()
    first, second = (arrange(folder, clean) for folder in folders)
    for name in ("posts/site.jsonl", "topics/labels.csv", IDS):
        assert (first / name).read_bytes() == (second / name).read_bytes()
