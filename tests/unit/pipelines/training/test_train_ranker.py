"""The stage that learns to rank and puts the draft bundle together."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from core.bundle.opening import open_bundle
from core.errors import DataError
from core.posts import Post
from models.backbones.registry import BACKBONES
from pipelines.corpus.posts import read_posts, write_posts
from pipelines.training.card import licences_of
from pipelines.training.train_ranker import DRAFT, LEFT_OUT_FILE, run, val_questions
from recommend.assemble import WORDS_FILE, assemble
from recommend.ranker import TEXT_KINDS
from tests.support.tiny_posts import TOPICS, themed_posts
from tests.support.tiny_world import PIZZA, RANKER, TinyWorld, ask, ranker_context


def test_the_draft_is_a_whole_bundle(tiny_world: TinyWorld) -> None:
    """Hashes and all; it says what it was made from."""
    bundle = open_bundle(tiny_world.ranker / DRAFT)
    assert bundle.manifest.topics == TOPICS
    counts = bundle.manifest.counts
    assert (counts["train_posts"], counts["val_posts"], counts["multimodal_posts"]) == (420, 175, 18)
    assert counts["hashtags"] == len(tiny_world.engine.knowledge.tags)
    assert {WORDS_FILE, "topics.onnx", "ranker.json", "ranker-both.txt", "confidence.json"} <= set(
        bundle.manifest.files
    )
    licences = bundle.manifest.licences
    assert [sorted(one) for one in licences] == [["licence", "source", "what"]] * 2


def test_no_post_is_in_the_bundle(tiny_world: TinyWorld) -> None:
    """Neither a name of one nor a whole caption of one."""
    posts = list(read_posts(tiny_world.split / "val.jsonl.gz", tiny_world.data))
    posts += list(read_posts(tiny_world.split / "train.jsonl.gz", tiny_world.data))
    for path in (tiny_world.ranker / DRAFT).rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not any(post.post_id.encode() in content for post in posts), path
            assert not any(len(post.caption) > 25 and post.caption.encode() in content for post in posts), path


def test_picture_weights_without_each_source_lie_beside_the_draft(tiny_world: TinyWorld) -> None:
    """Evaluation needs them, the bundle does not."""
    by_source = json.loads((tiny_world.ranker / LEFT_OUT_FILE).read_text(encoding="utf-8"))
    assert sorted(by_source) == ["album0", "album1", "album2"]
    assert all(set(one) == {"none", *TEXT_KINDS} for one in by_source.values())
    assert not (tiny_world.ranker / DRAFT / LEFT_OUT_FILE).exists()


def test_the_summary_counts_questions(tiny_world: TinyWorld) -> None:
    """Of each kind some, with more candidates than questions."""
    summary = json.loads((tiny_world.ranker / "summary.json").read_text(encoding="utf-8"))
    assert set(summary) == set(TEXT_KINDS)
    assert all(one["rows"] > one["questions"] > 50 for one in summary.values())


def test_training_again_gives_the_same_bundle(tiny_world: TinyWorld, tmp_path: Path) -> None:
    """Every file but the manifest, whose time differs."""
    out = tmp_path / "out"
    out.mkdir()
    run(ranker_context(out, tiny_world.data, tiny_world.split, tiny_world.learnt, tiny_world.classifier))
    first, second = (open_bundle(folder / DRAFT).manifest.files for folder in (tiny_world.ranker, out))
    assert {name: one.sha256 for name, one in first.items()} == {name: one.sha256 for name, one in second.items()}


def test_without_pictures_the_bundle_answers_pictures_too(tiny_world: TinyWorld, tmp_path: Path) -> None:
    """By the weights that the search would have begun with."""
    split, out = tmp_path / "split", tmp_path / "out"
    shutil.copytree(tiny_world.split, split)
    (split / "multimodal.jsonl.gz").unlink()
    out.mkdir()
    config = replace(RANKER, rounds=5, confidence_questions=10)
    run(ranker_context(out, tiny_world.data, split, tiny_world.learnt, tiny_world.classifier, config))
    assert json.loads((out / LEFT_OUT_FILE).read_text(encoding="utf-8")) == {}
    engine = assemble(open_bundle(out / DRAFT), runtime="onnx", threads=1)
    best = {one.hashtag for one in engine.recommender.recommend([ask(image=PIZZA)])[0].suggestions[:5]}
    assert best & {"pizza", "food"}


def test_posts_without_captions_are_refused_with_what_is_missing(tiny_world: TinyWorld, tmp_path: Path) -> None:
    """Rather than with a ranker that has never seen a caption; nothing is left behind."""
    split, out = tmp_path / "split", tmp_path / "out"
    shutil.copytree(tiny_world.split, split)
    write_posts(split / "val.jsonl.gz", [replace(post, caption="") for post in themed_posts(5, 2, "val")], tmp_path)
    out.mkdir()
    with pytest.raises(DataError, match="a caption of 3 words"):
        run(ranker_context(out, tiny_world.data, split, tiny_world.learnt, tiny_world.classifier))
    assert list(out.iterdir()) == []


POSTS = [Post(str(n), "walks", "my dog ran far away", ("dog", "puppy", "sea", "sun", "love")) for n in range(30)]


def test_val_posts_are_asked_in_several_draws_but_never_twice_alike() -> None:
    """Captions alone once; seeds and both with other seeds each time."""
    for kind, has_words, has_seeds in (("caption", True, False), ("seeds", False, True), ("both", True, True)):
        asked = val_questions(POSTS, kind, 3)
        assert {bool(one.query.words) for one in asked} == {has_words}
        assert {bool(one.query.seeds) for one in asked} == {has_seeds}
        keys = [(one.post_id, frozenset(one.query.seeds)) for one in asked]
        assert len(set(keys)) == len(keys)
        assert len(keys) == 30 if kind == "caption" else 60 < len(keys) <= 90


@pytest.mark.parametrize(
    ("backbone", "licence"),
    [
        *((backbone.name, backbone.licence) for backbone in BACKBONES),
        ("efficientnet_lite2", "Apache-2.0"),
        ("resnet50", "BSD-3-Clause"),
        ("homemade", "unknown"),
    ],
)
def test_each_pretrained_part_is_named_with_its_licence(backbone: str, licence: str) -> None:
    """The network, and the word vectors where they were used."""
    alone, both = licences_of(backbone, False), licences_of(backbone, True)
    assert [one["licence"] for one in alone] == [licence]
    assert [one["licence"] for one in both] == [licence, "PDDL 1.0"]
    assert all(one["what"] and one["source"] for one in both)
