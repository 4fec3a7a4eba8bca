"""What rankers are fitted on and the fitting: candidates with their signals, and trees by LambdaMART (Burges 2010)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray

from core.errors import DataError
from pipelines.config.training import RankerConfig
from pipelines.corpus.questions import MIN_TAGS, MIN_WORDS, Question
from recommend.confidence import Confidence, text_evidence
from recommend.signals.text import COLUMNS, SignalMaker

WANTED = {
    "seeds": f"{MIN_TAGS} hashtags",
    "caption": f"a caption of {MIN_WORDS} words and a hashtag",
    "both": f"a caption of {MIN_WORDS} words and two hashtags",
}
"""What a val post needs to be asked with each kind of text."""


@dataclass(frozen=True, slots=True)
class RankingSet:
    """Questions of one kind.

    Attributes:
        table: (n, len(COLUMNS)) float32 signals of all candidates, question after question.
        hidden: (n,) int8, 1 where a candidate was hidden.
        sizes: (q,) candidates of each question.
    """

    table: NDArray[np.float32]
    hidden: NDArray[np.int8]
    sizes: NDArray[np.int64]


def gather(
    maker: SignalMaker, asked: Sequence[Question], allowed: NDArray[np.bool_], advance: Callable[[int], None]
) -> RankingSet:
    """Return the candidates of all questions that have a hidden hashtag among them; the others teach no order."""
    tables, labels, sizes = [], [], []
    tag_row = maker.knowledge.tag_row
    for question in asked:
        signals = maker.signals(question.query)
        seeds = {tag_row.get(tag) for tag in question.query.seeds}
        rows = np.array(sorted(row for row in signals.candidates() if allowed[row] and row not in seeds), np.int64)
        hidden = np.isin(rows, [tag_row[tag] for tag in question.hidden if tag in tag_row])
        if hidden.any():
            tables.append(maker.table(signals, rows))
            labels.append(hidden.astype(np.int8))
            sizes.append(len(rows))
        advance(1)
    if not tables:
        return RankingSet(np.zeros((0, len(COLUMNS)), np.float32), np.zeros(0, np.int8), np.zeros(0, np.int64))
    return RankingSet(np.concatenate(tables), np.concatenate(labels), np.array(sizes, dtype=np.int64))


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


def fit_confidence(
    config: RankerConfig, asked: Mapping[str, Sequence[Question]], maker: SignalMaker, least_energy: float
) -> Confidence:
    """Return the thresholds of trust: quantiles of the evidence that val questions give.

    Of no kind of question may more than ``abstain_share`` lie below the threshold for abstaining, so the kind with the
    least evidence sets it.
    """
    evidence = [
        np.array([text_evidence(maker.signals(question.query)) for question in found[: config.confidence_questions]])
        for found in asked.values()
        if found
    ]
    least = min((np.quantile(values, config.abstain_share) for values in evidence), default=0.0)
    sure = np.quantile(np.concatenate(evidence), config.sure_share) if evidence else 1.0
    return Confidence(
        least_energy=least_energy,
        # Something must be known at all, however many of the val questions know nothing.
        least_evidence=max(float(least), 1e-6),
        sure_evidence=float(sure),
        sure_topic=config.sure_topic,
    )
