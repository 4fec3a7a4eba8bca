"""What rankers are fitted on, and the trees that come of it."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from core.errors import DataError
from core.posts import Post
from pipelines.corpus.questions import Question, caption_question, questions, tags_question
from pipelines.training.ranker_data import RankingSet, fit_confidence, fit_trees, gather, tree_parameters
from recommend.confidence import text_evidence
from recommend.signals.text import COLUMNS, SignalMaker
from tests.support.tiny_posts import themed_posts
from tests.support.tiny_world import RANKER, TinyWorld


@pytest.fixture(scope="module")
def maker(tiny_world: TinyWorld) -> SignalMaker:
    """Signals of the small world."""
    return SignalMaker(tiny_world.engine.knowledge)


@pytest.fixture(scope="module")
def asked() -> list[Question]:
    """Questions about hashtags, and one that nothing of can be known."""
    unknown = Post("x", "source0", "", ("aaa", "bbb", "ccc", "ddd"))
    return [*questions(themed_posts(4, 9, "val"), tags_question), *questions([unknown], tags_question)]


@pytest.fixture(scope="module")
def gathered(maker: SignalMaker, asked: list[Question]) -> RankingSet:
    """Their candidates, puppy being blocked."""
    return gather(maker, asked, everything_but(maker, "puppy"), lambda steps: None)


def everything_but(maker: SignalMaker, blocked: str) -> NDArray[np.bool_]:
    """Return the mask of a vocabulary with one hashtag blocked."""
    return np.array([tag != blocked for tag in maker.knowledge.tags])


def test_candidates_are_those_of_serving_without_seeds_and_blocked(
    maker: SignalMaker, asked: list[Question], gathered: RankingSet
) -> None:
    """Question after question, labelled by what was hidden; a question that finds nothing teaches nothing."""
    knowledge, start, n_kept = maker.knowledge, 0, 0
    for question in asked:
        signals = maker.signals(question.query)
        tags = {knowledge.tags[row] for row in signals.candidates()} - {*question.query.seeds, "puppy"}
        rows = np.array(sorted(knowledge.tag_row[tag] for tag in tags), dtype=np.int64)
        hidden = [int(knowledge.tags[row] in question.hidden) for row in rows]
        if not any(hidden):
            continue
        part = slice(start, start + len(rows))
        assert gathered.sizes[n_kept] == len(rows)
        assert gathered.hidden[part].tolist() == hidden
        assert np.array_equal(gathered.table[part], maker.table(signals, rows))
        start, n_kept = start + len(rows), n_kept + 1
    assert (start, n_kept) == (len(gathered.table), len(gathered.sizes))
    assert n_kept == len(asked) - 1


def test_every_question_is_told_of(maker: SignalMaker, asked: list[Question]) -> None:
    """Those that teach nothing too."""
    told: list[int] = []
    gather(maker, asked[-3:], everything_but(maker, ""), told.append)
    assert told == [1, 1, 1]


def test_questions_that_teach_nothing_give_an_empty_set(maker: SignalMaker, asked: list[Question]) -> None:
    """Of the right width, and no trees."""
    empty = gather(maker, asked[-1:], everything_but(maker, ""), lambda steps: None)
    assert empty.table.shape == (0, len(COLUMNS))
    assert (empty.hidden.size, empty.sizes.size) == (0, 0)
    with pytest.raises(DataError, match="ranker of kind 'both': none has a caption of 3 words and two hashtags"):
        fit_trees("both", empty, RANKER, 1)


def test_trees_put_hidden_hashtags_above_the_others(gathered: RankingSet) -> None:
    """On what they learnt from."""
    trees = fit_trees("seeds", gathered, RANKER, 1)
    assert trees.feature_name() == list(COLUMNS)
    scores = np.asarray(trees.predict(gathered.table))
    starts = np.concatenate([[0], np.cumsum(gathered.sizes)])
    better = [
        float(np.mean(part[hidden][:, None] > part[~hidden][None, :]))
        for part, hidden in ((scores[a:b], gathered.hidden[a:b].astype(bool)) for a, b in pairwise(starts))
    ]
    assert np.mean(better) > 0.85


def test_trees_repeat(gathered: RankingSet) -> None:
    """The same data and numbers, the same trees; a seed too large for the library is folded."""
    once, again, other = (
        np.asarray(fit_trees("seeds", gathered, RANKER, seed).predict(gathered.table)) for seed in (1, 1, 2)
    )
    assert np.array_equal(once, again)
    assert not np.array_equal(once, other)
    assert tree_parameters(RANKER, 2**40 + 5)["seed"] == 5


def test_numbers_of_trees_come_from_the_configuration() -> None:
    """Leaves, rate, penalty."""
    parameters = tree_parameters(replace(RANKER, leaves=5, learning_rate=0.3, min_leaf=9, l2=2.5), 1)
    found = [parameters[name] for name in ("num_leaves", "learning_rate", "min_data_in_leaf", "lambda_l2")]
    assert found == [5, 0.3, 9, 2.5]


def test_limits_of_trust_are_quantiles_of_evidence(maker: SignalMaker) -> None:
    """Over the first questions of each kind, abstaining by the least known kind; the picture's is the classifier's."""
    kinds = {
        "seeds": list(questions(themed_posts(3, 9, "val"), tags_question)),
        "caption": list(questions(themed_posts(3, 9, "val"), caption_question)),
    }
    config = replace(RANKER, confidence_questions=5, abstain_share=0.2, sure_share=0.6, sure_topic=0.7)
    limits = fit_confidence(config, kinds, maker, 3.5)
    evidence = [[text_evidence(maker.signals(one.query)) for one in asked[:5]] for asked in kinds.values()]
    assert [len(one) for one in evidence] == [5, 5]
    assert (limits.least_energy, limits.sure_topic) == (3.5, 0.7)
    assert limits.least_evidence == pytest.approx(min(np.quantile(one, 0.2) for one in evidence))
    assert limits.sure_evidence == pytest.approx(np.quantile(evidence, 0.6))


def test_something_must_be_known_however_little_val_knows(maker: SignalMaker, asked: list[Question]) -> None:
    """A text without any evidence never counts as known."""
    assert fit_confidence(RANKER, {"seeds": asked[-1:]}, maker, 0.0).least_evidence > 0
    assert fit_confidence(RANKER, {"seeds": []}, maker, 0.0).least_evidence > 0
