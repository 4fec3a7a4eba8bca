"""Scores, their exact parts, and the files that rankers are kept in."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import lightgbm
import numpy as np
import pytest
from numpy.typing import NDArray

from core.errors import BundleCorrupt
from recommend.assemble import assemble
from recommend.ranker import (
    RANKER_FILE,
    TEXT_KINDS,
    ImageWeights,
    Part,
    Ranker,
    open_ranker,
    text_kind,
    trees_file,
)
from recommend.signals.pictures import IMAGE_SIGNALS
from recommend.signals.text import COLUMNS, SignalMaker
from tests.support.tiny_world import TinyWorld, ask

QUERIES = {
    "caption": ask("my golden retriever ran"),
    "seeds": ask("", ["beach"]),
    "both": ask("my golden retriever", ["beach"]),
}


@pytest.fixture(scope="module")
def ranker(tiny_world: TinyWorld) -> Ranker:
    """The one of the small world, read from its bundle."""
    return open_ranker(tiny_world.bundle.root)


def table_of(world: TinyWorld, kind: str) -> NDArray[np.float32]:
    """Return the signals of every hashtag."""
    maker = SignalMaker(world.engine.knowledge)
    return maker.table(maker.signals(QUERIES[kind]), np.arange(len(maker.knowledge.tags)))


def test_the_kind_of_text_follows_from_what_there_is() -> None:
    """None where there is nothing."""
    assert [text_kind(*counts) for counts in ((2, 0), (0, 1), (3, 1), (0, 0))] == ["caption", "seeds", "both", None]


@pytest.mark.parametrize("kind", TEXT_KINDS)
def test_parts_add_up_to_the_score(tiny_world: TinyWorld, ranker: Ranker, kind: str) -> None:
    """Row by row; what an absent input brings is exactly 0, and a text brings nothing to the picture."""
    table = table_of(tiny_world, kind)
    parts = ranker.text_parts(kind, table)
    assert parts.shape == (len(table), len(Part))
    np.testing.assert_allclose(parts.sum(axis=1), ranker.text_scores(kind, table), atol=1e-4)
    absent = {"caption": [Part.IMAGE, Part.SEEDS], "seeds": [Part.IMAGE, Part.CAPTION], "both": [Part.IMAGE]}[kind]
    for part in absent:
        assert not parts[:, part].any()
    assert parts[:, Part.SEEDS if kind == "seeds" else Part.CAPTION].any()


def test_rows_are_scored_alone(tiny_world: TinyWorld, ranker: Ranker) -> None:
    """The score of a row does not depend on the others; no row gives no score."""
    table = table_of(tiny_world, "both")
    assert ranker.text_scores("both", table)[3:4].tolist() == ranker.text_scores("both", table[3:4]).tolist()
    assert ranker.text_scores("both", table[:0]).shape == (0,)


def test_a_pictures_part_is_a_weighted_sum(ranker: Ranker) -> None:
    """Over its signals, and its terms are what explanations look at."""
    signals = np.random.default_rng(0).normal(size=(len(IMAGE_SIGNALS), 4)).astype(np.float32)
    weights = np.arange(len(IMAGE_SIGNALS), dtype=np.float32)
    other = ranker.with_image({"none": ImageWeights(2.0, weights), "both": ImageWeights(0.0, 3 * weights)})
    expected = [sum(float(w * s) for w, s in zip(weights, column, strict=True)) for column in signals.T]
    assert other.image_scores(None, signals).tolist() == pytest.approx(expected, abs=1e-4)
    assert other.image_scores("both", signals).tolist() == pytest.approx([3 * score for score in expected], abs=1e-4)
    np.testing.assert_allclose(other.weighted_image(None, signals).sum(axis=0), expected, atol=1e-4)
    assert other.prior_scores(np.array([-1.0, -2.5], np.float32)).tolist() == [-2.0, -5.0]


def test_a_ranker_read_back_scores_the_same(tiny_world: TinyWorld, ranker: Ranker, tmp_path: Path) -> None:
    """To the last bit."""
    ranker.save(tmp_path)
    again = open_ranker(tmp_path)
    for kind in TEXT_KINDS:
        table = table_of(tiny_world, kind)
        assert np.array_equal(again.text_scores(kind, table), ranker.text_scores(kind, table))
    signals = np.ones((len(IMAGE_SIGNALS), 1), np.float32)
    for either in (*TEXT_KINDS, None):
        assert again.image_scores(either, signals).tolist() == ranker.image_scores(either, signals).tolist()


@pytest.fixture
def damaged(tiny_world: TinyWorld, tmp_path: Path) -> Path:
    """A copy of the ranker's files, to be spoilt."""
    for name in (RANKER_FILE, *map(trees_file, TEXT_KINDS)):
        shutil.copy(tiny_world.bundle.path(name), tmp_path / name)
    return tmp_path


def test_a_ranker_whose_columns_are_not_its_trees_is_refused(damaged: Path) -> None:
    """Its columns would be read as something else."""
    plain = json.loads((damaged / RANKER_FILE).read_text(encoding="utf-8"))
    assert plain["columns"] == list(COLUMNS)
    plain["columns"] = plain["columns"][::-1]
    (damaged / RANKER_FILE).write_text(json.dumps(plain), encoding="utf-8")
    with pytest.raises(BundleCorrupt, match="other signals than its trees; restore it or train again"):
        open_ranker(damaged)


@pytest.mark.parametrize("key", ["columns", "image_signals"])
def test_a_ranker_for_other_signals_is_refused(damaged: Path, key: str) -> None:
    """Nothing here can compute them."""
    plain = json.loads((damaged / RANKER_FILE).read_text(encoding="utf-8"))
    plain[key][0] = "phase_of_the_moon"
    (damaged / RANKER_FILE).write_text(json.dumps(plain), encoding="utf-8")
    with pytest.raises(BundleCorrupt, match="other signals than this program computes; train again"):
        open_ranker(damaged)


def test_a_ranker_that_was_trained_with_fewer_signals_still_ranks(tiny_world: TinyWorld, tmp_path: Path) -> None:
    """Its own columns in its own order; what it does not know counts nothing, and parts add up."""
    columns = [name for name in COLUMNS[::-1] if name not in ("letters", "pair_lift")]
    maker = SignalMaker(tiny_world.engine.knowledge)
    rows = np.arange(len(maker.knowledge.tags))
    tables = {kind: maker.table(maker.signals(query), rows, columns) for kind, query in QUERIES.items()}
    trees = {
        kind: lightgbm.train(
            {"verbosity": -1, "min_data_in_leaf": 2, "num_threads": 1},
            lightgbm.Dataset(table, np.arange(len(table)) % 2, feature_name=columns),
            5,
        )
        for kind, table in tables.items()
    }
    weights = {kind: ImageWeights(1.0, np.ones(len(IMAGE_SIGNALS), np.float32)) for kind in (*TEXT_KINDS, "none")}
    Ranker(trees, weights, columns).save(tmp_path)
    plain = json.loads((tmp_path / RANKER_FILE).read_text(encoding="utf-8"))
    plain["image_signals"] = plain["image_signals"][1:]
    for entry in plain["image"].values():
        entry["weights"] = entry["weights"][1:]
    (tmp_path / RANKER_FILE).write_text(json.dumps(plain), encoding="utf-8")
    old = open_ranker(tmp_path)
    assert old.columns == tuple(columns)
    assert old.image_scores(None, np.eye(len(IMAGE_SIGNALS), dtype=np.float32)).tolist() == [0, 1, 1, 1, 1, 1]
    for kind, table in tables.items():
        assert old.text_scores(kind, table).tolist() == np.asarray(trees[kind].predict(table), np.float32).tolist()
        np.testing.assert_allclose(old.text_parts(kind, table).sum(axis=1), old.text_scores(kind, table), atol=1e-4)
    answer = assemble(tiny_world.bundle, runtime="onnx", threads=1, ranker=old).recommender.recommend([QUERIES["both"]])
    assert answer[0].suggestions


@pytest.mark.parametrize("name", [RANKER_FILE, trees_file("both")])
@pytest.mark.parametrize("content", [None, "", "tree\nversion=v4\n", '{"columns": 3}'])
def test_a_damaged_ranker_is_refused(damaged: Path, name: str, content: str | None) -> None:
    """Missing, empty or not what it says."""
    if content is None:
        (damaged / name).unlink()
    else:
        (damaged / name).write_text(content, encoding="utf-8")
    with pytest.raises(BundleCorrupt):
        open_ranker(damaged)


@pytest.mark.parametrize(
    ("old", "new"), [("Tree=1\n", "Tree=01\n"), ("leaf_value=", "leaf_value=0 "), ("end of trees", "and so on")]
)
def test_trees_that_lie_elsewhere_than_their_head_says_are_refused(damaged: Path, old: str, new: str) -> None:
    """As after an edit by hand: LightGBM would end the whole process over it."""
    file = damaged / trees_file("both")
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(BundleCorrupt, match="ranker.*damaged"):
        open_ranker(damaged)


def test_weights_for_fewer_kinds_of_text_are_refused(damaged: Path) -> None:
    """Rather than at the first request that needs the missing one."""
    plain = json.loads((damaged / RANKER_FILE).read_text(encoding="utf-8"))
    del plain["image"]["none"]
    (damaged / RANKER_FILE).write_text(json.dumps(plain), encoding="utf-8")
    with pytest.raises(BundleCorrupt):
        open_ranker(damaged)
