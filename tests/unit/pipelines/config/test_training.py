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
        ("corpus = 3", r"'corpus' is a section: write \[corpus\]"),
        ("[corpus]\nmin_train = 'many'", 'wrong value type for field "corpus.min_train"'),
        ("[corpus]\nmin_train = 9.5", 'wrong value type for field "corpus.min_train"'),
        ("seed = true", "a whole number is wanted in the configuration, not true"),
        ("seed = ", "is not valid TOML"),
    ],
)
def test_a_mistake_is_named_with_the_file(tmp_path: Path, text: str, message: str) -> None:
    """Whoever wrote the file learns which key to mend."""
    with pytest.raises(DataError, match=message):
        load_config(override(tmp_path, text))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """A mistyped path does not train with the defaults."""
    with pytest.raises(DataError, match=r"cannot read the configuration .*nowhere\.toml"):
        load_config(tmp_path / "nowhere.toml")
