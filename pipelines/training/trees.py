"""Fits the trees that rank candidates by their text signals (LambdaMART, Burges 2010)."""

from __future__ import annotations

from typing import Any

import lightgbm
import numpy as np

from core.errors import DataError
from pipelines.config.training import RankerConfig
from pipelines.corpus.questions import MIN_TAGS, MIN_WORDS
from pipelines.training.ranker_data import RankingSet
from recommend.signals.text import COLUMNS

WANTED = {
    "seeds": f"{MIN_TAGS} hashtags",
    "caption": f"a caption of {MIN_WORDS} words and a hashtag",
    "both": f"a caption of {MIN_WORDS} words and two hashtags",
}
"""What a val post needs to be asked with each kind of text."""


def fit_trees(kind: str, data: RankingSet, config: RankerConfig, seed: int) -> lightgbm.Booster:
    """Return trees fitted on ``data``, questions of one kind; the same data and numbers give the same trees.

    Raises:
        DataError: no question has a hidden hashtag among its candidates.
    """
    if not len(data.sizes):
        raise DataError(
            f"no val post can teach the ranker of kind {kind!r}: none has {WANTED[kind]}, or none of their hashtags is "
            "in the vocabulary; collect more posts"
        )
    return lightgbm.train(
        tree_parameters(config, seed),
        lightgbm.Dataset(
            data.table,
            data.hidden.astype(np.float32),
            group=data.sizes,
            feature_name=list(COLUMNS),
            params={"max_bin": config.bins, "verbosity": -1},
        ),
        config.rounds,
    )


def tree_parameters(config: RankerConfig, seed: int) -> dict[str, Any]:
    """Return LightGBM's parameters; one thread and fixed seeds make runs repeat."""
    return {
        "objective": "lambdarank",
        "learning_rate": config.learning_rate,
        "num_leaves": config.leaves,
        "min_data_in_leaf": config.min_leaf,
        "lambda_l2": config.l2,
        "feature_fraction": config.column_share,
        "bagging_fraction": config.row_share,
        "bagging_freq": 1,
        "lambdarank_truncation_level": config.truncation,
        "max_bin": config.bins,
        "num_threads": 1,
        "deterministic": True,
        "force_row_wise": True,
        "seed": seed % (1 << 31),
        "verbosity": -1,
    }
