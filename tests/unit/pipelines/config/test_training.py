"""Numbers come from one file, and a misspelt one is never silently ignored."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import DataError
from pipelines.config.training import load_config


def override(folder: Path, text: str) -> Path:
    """Write a configuration file and return its path."""
    path = folder / "mine.toml"
    path.write_text(text)
    return path


def test_a_file_changes_what_it_names_and_nothing_else(tmp_path: Path) -> None:
    """The default of every other number stays."""
    default, mine = load_config(), load_config(override(tmp_path, "seed = 7\n[corpus]\nmin_train = 9"))
    assert (mine.seed, mine.corpus.min_train) == (7, 9)
    assert mine.corpus.min_val == default.corpus.min_val
    assert mine.topics == default.topics


def test_a_whole_number_will_do_for_a_fraction(tmp_path: Path) -> None:
    """``1`` and ``1.0`` are the same in a file that people write."""
    with pytest.raises(DataError, match="must be above 0 and below 1 together"):
        load_config(override(tmp_path, "[corpus]\nval_share = 1"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[corpus]\nmin_tarin = 9", "unknown key 'corpus.min_tarin'; did you mean 'min_train'"),
        ("zzz = 1", "unknown key 'zzz'; known here: seed, corpus"),
        ("corpus = 3", r"'corpus' is a table: write \[corpus\]"),
        ("[corpus]\nmin_train = 'many'", "'corpus.min_train' is \"many\"; it should be a valid integer"),
        ("[corpus]\nmin_train = '9'", "'corpus.min_train' is \"9\"; it should be a valid integer"),
        ("[corpus]\nmin_train = 9.5", "'corpus.min_train' is 9.5; it should be a valid integer"),
        ("[corpus]\nmin_train = 2020-01-01", "'corpus.min_train' is \"2020-01-01\"; it should be a valid integer"),
        ("seed = true", "'seed' is true; it should be a valid integer"),
        ("[corpus]\nval_share = 0.6\ntest_share = 0.6", r"\[corpus\] val_share and test_share must be"),
        ("[corpus]\ndeduplicate = 'train'", "'corpus.deduplicate' is \"train\"; it should be a valid array"),
        ("[clean.copies]\nsimilarity = 5", "'clean.copies.similarity' is 5; it should be less than or equal to 1"),
        ("[clean.copies]\nsimilarity = nan", "'clean.copies.similarity' is NaN; it should be"),
        (
            "[clean.copies]\npermutations = 300",
            "'clean.copies.permutations' is 300; it should be less than or equal",
        ),
        ("[clean.pictures]\nmax_distance = 49", "'clean.pictures.max_distance' is 49; it should be less than or equal"),
        ("[clean.pictures]\nworkers = 0", "'clean.pictures.workers' is 0; it should be greater than or equal to 1"),
        ("[grow]\noutliers = 'no'", "'grow.outliers' is \"no\"; it should be 'confidence', 'centroid' or 'kmeans'"),
        ("[grow]\nmultimodal_share = 1", "'grow.multimodal_share' is 1; it should be less than 1"),
        ("[grow]\nmultimodal_groups = 1", "'grow.multimodal_groups' is 1; it should be greater than or equal to 2"),
        ("[grow]\nmin_train_pictures = 9", "'grow.min_train_pictures' is 9; it should be greater than or equal to 10"),
        ("[grow]\nmin_val_pictures = 0", "'grow.min_val_pictures' is 0; it should be greater than or equal to 1"),
        ("[ranker]\nsure_share = 1.5", "'ranker.sure_share' is 1.5; it should be less than or equal to 1"),
        ("seed = ", "is not valid TOML"),
    ],
)
def test_a_mistake_is_named_with_the_file(tmp_path: Path, text: str, message: str) -> None:
    """Whoever wrote the file learns which key to mend."""
    with pytest.raises(DataError, match=message) as caught:
        load_config(override(tmp_path, text))
    assert str(tmp_path / "mine.toml") in str(caught.value)


def test_a_table_of_figures_stands_in_place_of_the_default(tmp_path: Path) -> None:
    """Whoever names other bars does not want ours beside them."""
    mine = load_config(override(tmp_path, "[publish.at_least]\n'tags/x' = 1"))
    assert mine.publish.at_least == {"tags/x": 1.0}
    assert mine.publish.name == load_config().publish.name


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """A mistyped path does not train with the defaults."""
    with pytest.raises(DataError, match=r"cannot read the configuration .*nowhere\.toml"):
        load_config(tmp_path / "nowhere.toml")
