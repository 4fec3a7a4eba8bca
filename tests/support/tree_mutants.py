"""Opens and asks many files of trees in this process: ``python -m tests.support.tree_mutants FOLDER``.

What a file does to LightGBM is seen by whether this process lives: it prints a line for each file before the next.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from recommend.lean_lightgbm import lightgbm
from recommend.tree_text import NotTrees, read_tree_text


def main(folder: Path) -> None:
    """Print each file's name, and whether it was refused or answers."""
    for file in sorted(folder.iterdir()):
        try:
            trees = read_tree_text(file.read_bytes())
        except NotTrees:
            print(file.name, "refused", flush=True)
            continue
        rows = np.random.default_rng(0).normal(scale=5, size=(20, len(trees.features)))
        rows[0], rows[1] = np.nan, 0
        booster = lightgbm.Booster(model_str=trees.text)
        assert np.isfinite(np.asarray(booster.predict(rows, num_threads=1))).all()
        assert np.asarray(booster.predict(rows, num_threads=1, pred_contrib=True)).shape == (20, rows.shape[1] + 1)
        print(file.name, "answers", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
