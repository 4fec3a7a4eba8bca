"""What rankers are fitted on: candidates of each question with their signals, and which of them were hidden."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.config.training import RankerConfig
from pipelines.corpus.questions import Question
from recommend.confidence import Confidence, text_evidence
from recommend.signals.candidates import text_candidates
from recommend.signals.text import COLUMNS, SignalMaker


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
        rows = np.array(sorted(row for row in text_candidates(signals) if allowed[row] and row not in seeds), np.int64)
        hidden = np.isin(rows, [tag_row[tag] for tag in question.hidden if tag in tag_row])
        if hidden.any():
            tables.append(maker.table(signals, rows))
            labels.append(hidden.astype(np.int8))
            sizes.append(len(rows))
        advance(1)
    if not tables:
        return RankingSet(np.zeros((0, len(COLUMNS)), np.float32), np.zeros(0, np.int8), np.zeros(0, np.int64))
    return RankingSet(np.concatenate(tables), np.concatenate(labels), np.array(sizes, dtype=np.int64))


def limits_of(
    config: RankerConfig, asked: Mapping[str, Sequence[Question]], maker: SignalMaker, least_energy: float
) -> Confidence:
    """Return the limits of trust: quantiles of the evidence that val questions give.

    Of no kind of question may more than ``abstain_share`` lie below the limit for abstaining, so the kind that is known
    least about sets it.
    """
    evidence = [
        np.array([text_evidence(maker.signals(question.query)) for question in found[: config.confidence_questions]])
        for found in asked.values()
        if found
    ]
    least = min((np.quantile(one, config.abstain_share) for one in evidence), default=0.0)
    sure = np.quantile(np.concatenate(evidence), config.sure_share) if evidence else 1.0
    return Confidence(
        least_energy=least_energy,
        # Something must be known at all, however many of the val questions know nothing.
        least_evidence=max(float(least), 1e-6),
        sure_evidence=float(sure),
        sure_topic=config.sure_topic,
    )
