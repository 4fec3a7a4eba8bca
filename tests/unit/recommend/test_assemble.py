"""From a bundle to something that answers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.bundle.opening import Bundle
from core.errors import BundleCorrupt, BundleError, InvalidOption
from core.query import Query
from embeddings.table import build_table, log_prior_of, save_table
from recommend.assemble import WORDS_FILE, assemble
from recommend.knowledge.class_words import class_label
from recommend.knowledge.opening import open_knowledge
from recommend.ranker import TEXT_KINDS, ImageWeights, open_ranker
from tests.support.tiny_posts import TOPICS
from tests.support.tiny_world import CLASS_NAMES, PIZZA, TinyWorld, ask


@pytest.fixture
def copy(tiny_world: TinyWorld, tmp_path: Path) -> Bundle:
    """The small bundle in a folder that a test may spoil."""
    shutil.copytree(tiny_world.bundle.root, tmp_path / "bundle")
    return Bundle(tmp_path / "bundle", tiny_world.bundle.manifest)


def test_a_picture_file_is_answered_from_end_to_end(tiny_world: TinyWorld, tmp_path: Path) -> None:
    """Red is food, and what the classifier sees is what is suggested."""
    engine = tiny_world.engine
    Image.new("RGB", (60, 50), (255, 0, 40)).save(tmp_path / "red.png")
    evidence = engine.classifier.evidence(engine.classifier.prepare((tmp_path / "red.png").read_bytes())[None])[0]
    answer = engine.recommender.recommend([Query(image=evidence)])[0]
    assert (answer.topics[0][0], answer.abstain) == ("food", False)
    assert answer.classes[0][0] in ("pizza", "carbonara")
    assert {suggestion.hashtag for suggestion in answer.suggestions[:5]} & {"food", "foodie", "pizza", "pasta"}


def test_parts_know_each_other(tiny_world: TinyWorld) -> None:
    """One vocabulary, one list of topics and classes."""
    engine = tiny_world.engine
    assert engine.catalogue.tags == engine.knowledge.tags
    assert engine.classifier.topics == engine.knowledge.topics == TOPICS == engine.bundle.manifest.topics
    assert engine.knowledge.class_labels == tuple(map(class_label, CLASS_NAMES))


def test_hashtags_are_shown_by_their_words(tiny_world: TinyWorld) -> None:
    """Cut by the bundle's own word counts."""
    answer = tiny_world.engine.recommender.recommend([ask("my golden retriever")])[0]
    shown = {suggestion.hashtag: suggestion.display for suggestion in answer.suggestions}
    assert shown["goldenretriever"] == "GoldenRetriever"


def test_another_ranker_takes_the_bundles_place(tiny_world: TinyWorld) -> None:
    """With other weights the picture counts otherwise."""
    bundle_ranker = assemble(tiny_world.bundle, runtime="onnx", threads=1)
    silent = {kind: ImageWeights(1.0, np.zeros(6, np.float32)) for kind in (*TEXT_KINDS, "none")}
    other = assemble(
        tiny_world.bundle, runtime="onnx", threads=1, ranker=open_ranker(tiny_world.bundle.root).with_image(silent)
    )
    query = ask("", ["surf"], PIZZA)
    assert any(suggestion.parts.image for suggestion in bundle_ranker.recommender.recommend([query])[0].suggestions)
    assert not any(suggestion.parts.image for suggestion in other.recommender.recommend([query])[0].suggestions)


@pytest.mark.parametrize(
    "name",
    [
        "topics.onnx",
        "topics.json",
        "ranker.json",
        "confidence.json",
        WORDS_FILE,
        "topic_head.npy",
        "habits/said.npy",
        "counts/counts.json",
        "tables/global/table.json",
        "tables/word2vec/words.json",
        "tables/meaning/input.npy",
        "tables/topic-food/table.json",
    ],
)
def test_a_bundle_that_lacks_a_part_is_refused(copy: Bundle, name: str) -> None:
    """With an error that names it or what it belongs to."""
    (copy.root / name).unlink()
    with pytest.raises(BundleError):
        assemble(copy, runtime="onnx", threads=1)


@pytest.mark.parametrize("content", ["", "[1]", '{"dog": "many"}'])
def test_damaged_word_counts_are_refused(copy: Bundle, content: str) -> None:
    """They would cut hashtags at random."""
    (copy.root / WORDS_FILE).write_text(content, encoding="utf-8")
    with pytest.raises(BundleCorrupt, match=WORDS_FILE):
        assemble(copy, runtime="onnx", threads=1)


def test_tables_of_another_vocabulary_are_refused(copy: Bundle, tiny_world: TinyWorld) -> None:
    """Rows would be read as other hashtags."""
    tags = tiny_world.engine.knowledge.tags
    swapped = (tags[1], tags[0], *tags[2:])
    vectors = np.ones((len(tags), 4), np.float32)
    table = build_table(swapped, vectors, vectors, log_prior_of(np.ones(len(tags))))
    shutil.rmtree(copy.root / "tables" / "word2vec")
    save_table(table, copy.root / "tables" / "word2vec")
    with pytest.raises(BundleCorrupt, match="were not made together"):
        open_knowledge(copy.root, TOPICS, CLASS_NAMES)


def test_knowledge_of_other_topics_is_refused(copy: Bundle) -> None:
    """In another order every topic would be another."""
    facts = json.loads((copy.root / "counts" / "counts.json").read_text(encoding="utf-8"))
    facts["topics"] = list(TOPICS[::-1])
    (copy.root / "counts" / "counts.json").write_text(json.dumps(facts), encoding="utf-8")
    with pytest.raises(BundleCorrupt, match="were not made together"):
        open_knowledge(copy.root, TOPICS, CLASS_NAMES)


def test_an_unknown_runtime_is_refused(tiny_world: TinyWorld) -> None:
    """Before anything is answered."""
    with pytest.raises(InvalidOption, match="abacus"):
        assemble(tiny_world.bundle, runtime="abacus")


def test_known_hashtags_are_found_in_the_order_asked(tiny_world: TinyWorld) -> None:
    """Unknown ones have no row."""
    knowledge = tiny_world.engine.knowledge
    rows = knowledge.known_tags(("pizza", "neverheardof", "dog"))
    assert [knowledge.tags[row] for row in rows] == ["pizza", "dog"]
