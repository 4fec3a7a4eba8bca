"""Tables: what is written is what is read, small, checked and all or nothing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from core.errors import BundleCorrupt, BundleMismatch, DataError, StorageError
from embeddings.array_folder import staged_folder, write_json
from embeddings.rows import quantise
from embeddings.table import EmbeddingTable, build_table, log_prior_of, open_table, save_table


def small_table(*, outputs: bool = True, bias: bool = True) -> EmbeddingTable:
    """Return four words, the first three of them hashtags, in three dimensions."""
    generator = np.random.default_rng(3)
    return build_table(
        ["dog", "cat", "ring", "the"],
        generator.normal(size=(4, 3)),
        generator.normal(size=(3, 3)) if outputs else None,
        log_prior_of(np.array([6, 3, 1])),
        output_bias=np.array([0.5, 0.0, -0.5]) if bias else None,
    )


@pytest.mark.parametrize("row_format", ["int8", "float16", "float32"])
def test_a_saved_table_opens_with_the_same_rows(tmp_path: Path, row_format: str) -> None:
    """What is read back is what was stored, to the format's own precision."""
    table = small_table()
    save_table(table, tmp_path / "t", row_format=row_format)  # type: ignore[arg-type]
    again = open_table(tmp_path / "t")
    tolerance = {"int8": 0.02, "float16": 2e-3, "float32": 0.0}[row_format]
    assert again.words == table.words
    np.testing.assert_allclose(again.dense_input(), table.dense_input(), atol=tolerance)
    np.testing.assert_allclose(again.dense_output(), table.dense_output(), atol=tolerance)
    np.testing.assert_array_equal(again.log_prior, table.log_prior)
    assert again.output_bias is not None
    np.testing.assert_array_equal(again.output_bias, [0.5, 0.0, -0.5])


def test_a_table_without_outputs_opens_without_them(tmp_path: Path) -> None:
    """A KeyedVectors-like table stays one, and says what is missing when output vectors are asked for."""
    save_table(small_table(outputs=False, bias=False), tmp_path / "t", row_format="int8")
    again = open_table(tmp_path / "t")
    assert not again.has_outputs
    with pytest.raises(DataError, match="no output vectors"):
        again.dense_output()


def test_saving_twice_writes_the_same_bytes(tmp_path: Path) -> None:
    """Equal tables make equal files, so that hashes can be compared."""
    for name in ("a", "b"):
        save_table(small_table(), tmp_path / name, row_format="int8")
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert names == sorted(path.name for path in (tmp_path / "b").iterdir())
    assert all((tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in names)


def test_large_matrices_stay_on_disk(tmp_path: Path) -> None:
    """The stored matrix is a mapping of the file, and cannot be written to."""
    words = [f"w{number}" for number in range(500)]
    table = build_table(words, np.ones((500, 64)), None, log_prior_of(np.ones(500)))
    save_table(table, tmp_path / "t", row_format="int8")
    stored = open_table(tmp_path / "t").inputs._stored
    assert isinstance(stored.base, np.memmap)  # a plain view of the mapping: slicing a memmap is slow
    with pytest.raises(ValueError, match="read-only"):
        stored[0, 0] = 1


def test_unknown_words_are_left_out_of_ids() -> None:
    """Only known words have rows, in the order asked."""
    table = small_table()
    assert table.ids(["ring", "nothing", "dog"]).tolist() == [2, 0]
    assert "ring" in table
    assert table.row("nothing") is None


@given(
    hnp.arrays(
        np.float32,
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=8),
        elements=st.floats(-1e4, 1e4, width=32),
    )
)
def test_int8_rows_are_off_by_half_a_step_at_most(matrix: np.ndarray) -> None:
    """No value moves by more than half of its row's scale, whatever the row's size."""
    kept = quantise(matrix, "int8").dense()
    step = np.abs(matrix).max(axis=1, keepdims=True) / 127.0
    assert (np.abs(kept - matrix) <= step * 0.5001 + 1e-30).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_vectors_that_are_not_finite_are_refused(bad: float) -> None:
    """A diverged training never becomes a table."""
    with pytest.raises(DataError, match="NaN or infinity"):
        build_table(["a"], np.array([[bad]]), None, np.zeros(1))


def test_float16_refuses_what_it_cannot_hold() -> None:
    """A value beyond float16 is an error and not infinity."""
    with pytest.raises(DataError, match="float16"):
        quantise(np.array([[1e6]]), "float16")


@pytest.mark.parametrize(
    ("words", "inputs", "outputs", "prior", "bias"),
    [
        (["a", "a"], (2, 2), (1, 2), 1, None),
        (["a", "b"], (3, 2), (1, 2), 1, None),
        (["a", "b"], (2, 2), (2, 2), 1, None),
        (["a", "b"], (2, 2), (1, 3), 1, None),
        (["a", "b"], (2, 2), (1, 2), 3, None),
        (["a", "b"], (2, 2), (1, 2), 1, 2),
    ],
)
def test_parts_that_do_not_fit_are_refused(
    words: list[str], inputs: tuple[int, int], outputs: tuple[int, int], prior: int, bias: int | None
) -> None:
    """Words, matrices, priors and biases of different sizes make no table."""
    with pytest.raises(DataError):
        build_table(
            words,
            np.zeros(inputs),
            np.zeros(outputs),
            np.zeros(prior),
            output_bias=None if bias is None else np.zeros(bias),
        )


@pytest.mark.parametrize("name", ["input.npy", "output_scale.npy", "log_prior.npy", "words.json", "table.json"])
@pytest.mark.parametrize("damage", ["missing", "cut"])
def test_a_damaged_folder_names_the_file(tmp_path: Path, name: str, damage: str) -> None:
    """The error says which file is at fault."""
    save_table(small_table(), tmp_path / "t", row_format="int8")
    path = tmp_path / "t" / name
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(BundleCorrupt, match=name.replace(".", r"\.")):
        open_table(tmp_path / "t")


def test_pickled_arrays_are_refused(tmp_path: Path) -> None:
    """An object array, which would run code when loaded, is an error."""
    save_table(small_table(), tmp_path / "t", row_format="int8")
    np.save(tmp_path / "t" / "log_prior.npy", np.array([{}, {}, {}], dtype=object), allow_pickle=True)
    with pytest.raises(BundleCorrupt, match="log_prior"):
        open_table(tmp_path / "t")


def test_stored_nan_is_refused(tmp_path: Path) -> None:
    """A float matrix with NaN on disk does not open."""
    save_table(small_table(), tmp_path / "t", row_format="float16")
    np.save(tmp_path / "t" / "input.npy", np.full((4, 3), np.nan, dtype=np.float16))
    with pytest.raises(BundleCorrupt, match="NaN"):
        open_table(tmp_path / "t")


def test_another_format_version_is_told_apart_from_damage(tmp_path: Path) -> None:
    """An older folder asks to be trained again and is not called broken."""
    save_table(small_table(), tmp_path / "t", row_format="int8")
    path = tmp_path / "t" / "table.json"
    write_json(path, json.loads(path.read_text()) | {"format_version": 99})
    with pytest.raises(BundleMismatch, match="99"):
        open_table(tmp_path / "t")


def test_a_failed_write_leaves_the_old_folder(tmp_path: Path) -> None:
    """A folder is replaced as a whole or not at all, and no half of one stays behind."""
    folder = tmp_path / "t"
    save_table(small_table(), folder, row_format="int8")
    before = sorted(path.name for path in folder.iterdir())

    def fail_half_way() -> None:
        with staged_folder(folder) as staging:
            write_json(staging / "words.json", [])
            raise OSError(28, "No space left on device")

    with pytest.raises(StorageError, match="no room left"):
        fail_half_way()
    assert sorted(path.name for path in folder.iterdir()) == before
    assert [path.name for path in tmp_path.iterdir()] == ["t"]


def test_the_prior_is_a_distribution() -> None:
    """Shares add up to one, and an unused word still has a finite logarithm."""
    prior = log_prior_of(np.array([8, 2, 0]))
    assert np.exp(prior).sum() == pytest.approx(1.0)
    assert prior[0] > prior[1] > prior[2] > -np.inf
