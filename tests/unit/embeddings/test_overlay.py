"""Overlays: a topic's table is the global one but for the rows it keeps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.errors import BundleCorrupt, DataError
from embeddings.overlay import DeltaTable, OverlayTable, build_delta, open_overlay, save_delta
from embeddings.rows import quantise
from embeddings.table import EmbeddingTable, build_table, log_prior_of

TOPIC_PRIOR = log_prior_of(np.array([1, 1, 8, 1]))


def base_table() -> EmbeddingTable:
    """Return six words, four of them hashtags, in five dimensions."""
    generator = np.random.default_rng(1)
    words = ["dog", "cat", "ring", "gold", "the", "my"]
    inputs, outputs = generator.normal(size=(6, 5)), generator.normal(size=(4, 5))
    return build_table(words, inputs, outputs, log_prior_of(np.array([5, 4, 2, 1])), output_bias=np.zeros(4))


def changed(base: EmbeddingTable) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return matrices and biases in which two inputs, one output and the bias of another output differ."""
    inputs, outputs, bias = base.dense_input(), base.dense_output(), np.zeros(4, dtype=np.float32)
    inputs[[1, 4]] += 1.0
    outputs[2] -= 1.0
    bias[3] = 0.25
    return inputs, outputs, bias


def test_an_overlay_is_the_topics_own_table(tmp_path: Path) -> None:
    """Stored as differences and opened on the base, it has the rows of the whole topic table."""
    base = base_table()
    inputs, outputs, bias = changed(base)
    delta = build_delta(base, inputs, outputs, TOPIC_PRIOR, output_bias=bias, row_format="float32")
    save_delta(delta, tmp_path / "pets")
    overlay = open_overlay(base, tmp_path / "pets")
    np.testing.assert_array_equal(overlay.dense_input(), inputs)
    np.testing.assert_array_equal(overlay.dense_output(), outputs)
    np.testing.assert_array_equal(overlay.log_prior, TOPIC_PRIOR)
    assert overlay.output_bias is not None
    np.testing.assert_array_equal(overlay.output_bias, bias)


def test_only_rows_that_moved_are_kept() -> None:
    """Nothing that equals the base is stored again."""
    base = base_table()
    inputs, outputs, bias = changed(base)
    delta = build_delta(base, inputs, outputs, TOPIC_PRIOR, output_bias=bias)
    assert delta.input_rows.tolist() == [1, 4]
    assert delta.output_rows.tolist() == [2, 3]


def test_small_moves_can_be_left_out() -> None:
    """A row that moved by less than the given share of its length stays the base's."""
    base = base_table()
    inputs = base.dense_input()
    inputs[0] *= 1.01
    inputs[1] *= 2.0
    delta = build_delta(base, inputs, base.dense_output(), TOPIC_PRIOR, min_change=0.1)
    assert delta.input_rows.tolist() == [1]


def test_taken_rows_equal_dense_rows() -> None:
    """Rows asked for one by one, in any order and twice, equal those of the dense matrices."""
    base = base_table()
    inputs, outputs, bias = changed(base)
    overlay = OverlayTable(base, build_delta(base, inputs, outputs, TOPIC_PRIOR, output_bias=bias))
    rows = np.array([4, 0, 4, 1, 5])
    np.testing.assert_array_equal(overlay.take_input(rows), overlay.dense_input()[rows])
    rows = np.array([3, 2, 2, 0])
    np.testing.assert_array_equal(overlay.take_output(rows), overlay.dense_output()[rows])


def test_an_empty_delta_changes_nothing(tmp_path: Path) -> None:
    """A topic that moved no row is the global table with its own prior."""
    base = base_table()
    save_delta(build_delta(base, base.dense_input(), base.dense_output(), TOPIC_PRIOR), tmp_path / "d")
    overlay = open_overlay(base, tmp_path / "d")
    np.testing.assert_array_equal(overlay.dense_input(), base.dense_input())
    np.testing.assert_array_equal(overlay.take_input(np.array([2, 0])), base.dense_input()[[2, 0]])


@pytest.mark.parametrize("rows", [[1, 0], [0, 0], [0, 9], [-1, 0]])
def test_rows_outside_the_base_are_refused(rows: list[int]) -> None:
    """A delta of another vocabulary cannot be laid over a table."""
    base = base_table()
    two = quantise(np.zeros((2, 5)), "int8")
    none = quantise(np.zeros((0, 5)), "int8")
    delta = DeltaTable(
        np.array(rows, dtype=np.int32), two, np.zeros(0, dtype=np.int32), none, None, TOPIC_PRIOR.astype(np.float32)
    )
    with pytest.raises(DataError, match="rise and lie inside"):
        OverlayTable(base, delta)


def test_a_delta_of_another_base_is_called_corrupt(tmp_path: Path) -> None:
    """Opened on a table of another size, the folder is refused and named."""
    base = base_table()
    save_delta(build_delta(base, base.dense_input(), base.dense_output(), TOPIC_PRIOR), tmp_path / "d")
    other = build_table(["a"], np.zeros((1, 5)), np.zeros((1, 5)), np.zeros(1))
    with pytest.raises(BundleCorrupt, match="log_prior"):
        open_overlay(other, tmp_path / "d")
