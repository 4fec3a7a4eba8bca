"""Scored candidates: the published scorers, against their formulas token by token."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from core.query import Options, Query, Scorer
from core.text.caption import caption_words
from recommend.knowledge.opening import Knowledge
from recommend.ranker import Part
from recommend.scoring import published_scores
from recommend.signals.text import SignalMaker
from tests.support.tiny_world import PIZZA, TinyWorld, ask

CAPTION, SEEDS = "golden sunset over the sea golden", ("surf", "dog", "neverheardof")


def scored(knowledge: Knowledge, query: Query) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return rows and parts."""
    return published_scores(knowledge, query, SignalMaker(knowledge).signals(query))


def options(scorer: Scorer, **changes: Any) -> Options:
    """Return options with a scorer."""
    return Options(scorer=scorer, **changes)


def input_vectors(knowledge: Knowledge) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the known input vectors of the different caption words, and of the seeds."""
    table = knowledge.word2vec
    names = ([f"w:{word}" for word in dict.fromkeys(caption_words(CAPTION))], list(SEEDS))
    words, seeds = (
        [table.take_input(np.array([table.row(name)]))[0] for name in tokens if name in table] for tokens in names
    )
    return np.array(words, dtype=np.float64), np.array(seeds, dtype=np.float64)


def test_cosine_is_that_to_the_mean_of_all_input_vectors(tiny_world: TinyWorld) -> None:
    """And the parts of caption and seeds add up to it."""
    knowledge = tiny_world.engine.knowledge
    rows, parts = scored(knowledge, ask(CAPTION, SEEDS, options=options("cosine")))
    words, seeds = input_vectors(knowledge)
    assert (len(words), len(seeds)) == (5, 2)
    mean = np.concatenate([words, seeds]).mean(axis=0)
    for row, brought in zip(rows, parts, strict=True):
        vector = knowledge.word2vec.take_input(np.array([row]))[0].astype(np.float64)
        wanted = vector @ mean / (np.linalg.norm(vector) * np.linalg.norm(mean))
        assert brought.sum() == pytest.approx(wanted, abs=1e-5)
    assert (parts[:, [Part.IMAGE, Part.POPULARITY]] == 0).all()


def test_in_out_sums_a_softmax_for_each_token(tiny_world: TinyWorld) -> None:
    """Of in . out + 0.75 log prior, over the hashtags."""
    knowledge = tiny_world.engine.knowledge
    rows, parts = scored(knowledge, ask(CAPTION, SEEDS, options=options("in_out")))
    assert rows.tolist() == list(range(len(knowledge.tags)))
    outputs = knowledge.word2vec.dense_output().astype(np.float64)
    for part, vectors in zip((Part.CAPTION, Part.SEEDS), input_vectors(knowledge), strict=True):
        wanted = np.zeros(len(knowledge.tags))
        for vector in vectors:
            weights = np.exp(outputs @ vector + 0.75 * knowledge.word2vec.log_prior)
            wanted += weights / weights.sum()
        np.testing.assert_allclose(parts[:, part], wanted, atol=1e-5)


@pytest.mark.parametrize("scorer", ["cosine", "in_out"])
def test_what_is_unknown_scores_nothing(tiny_world: TinyWorld, scorer: Scorer) -> None:
    """No error, and no part."""
    _, parts = scored(tiny_world.engine.knowledge, ask("xqzzt", ("wvvrk",), options=options(scorer)))
    assert not parts.any()


@pytest.mark.parametrize("scorer", ["cosine", "in_out"])
def test_hard_routing_answers_with_hashtags_of_the_best_topic_alone(tiny_world: TinyWorld, scorer: Scorer) -> None:
    """Which the picture names where there is one; soft and global answer with all."""
    knowledge = tiny_world.engine.knowledge
    used = {knowledge.tags[row] for row in np.flatnonzero(knowledge.counts.by_topic[1].tag_posts)}
    rows, _ = scored(knowledge, ask(CAPTION, SEEDS, PIZZA, options(scorer, routing="hard")))
    assert {knowledge.tags[row] for row in rows} == used
    assert "waves" not in used
    for routing in ("soft", "global"):
        rows, _ = scored(knowledge, ask(CAPTION, SEEDS, PIZZA, options(scorer, routing=routing)))
        assert len(rows) == len(knowledge.tags)
