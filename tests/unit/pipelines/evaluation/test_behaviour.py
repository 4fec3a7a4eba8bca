"""Behaviour measured on recommenders whose behaviour is known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from core.query import ImageEvidence, Query
from core.suggestions import Answer, Parts, Popularity, Suggestion
from pipelines.evaluation.behaviour import abstentions, gibberish_queries, noise_queries, picture_overlaps
from tests.support.fakes import FakeClassifier


def evidence(number: int) -> ImageEvidence:
    """Return evidence that names ``number`` as the class seen."""
    share = np.array([1.0], dtype=np.float32)
    return ImageEvidence(share, np.array([number], dtype=np.int32), share)


class ByClass:
    """Suggests two hashtags that everyone gets and ``n_own`` that the class seen alone gets."""

    def __init__(self, n_own: int) -> None:
        self._n_own = n_own

    def recommend(self, queries: Sequence[Query]) -> list[Answer]:
        """Return one answer a query; abstain without a picture and with words of more than nine letters."""
        return [self._answer(query) for query in queries]

    def _answer(self, query: Query) -> Answer:
        number = -1 if query.image is None else int(query.image.class_ids[0])
        tags = ["common", "shared", *(f"c{number}n{own}" for own in range(self._n_own))]
        popularity = Popularity(3, "niche", 0.1)
        found = tuple(Suggestion(tag, tag, 0.0, None, Parts(), (), popularity) for tag in tags)
        return Answer(found, (), (), "low", abstain=any(len(word) > 9 for word in query.words))


PICTURES = [("pets", evidence(number)) for number in range(6)] + [("food", evidence(number)) for number in range(3)]


def test_pictures_that_change_nothing_overlap_wholly() -> None:
    """The same answer to every picture has Jaccard 1."""
    assert picture_overlaps(ByClass(0), PICTURES, 10, seed=0).tolist() == [1.0] * 10


def test_pairs_are_of_one_topic_and_of_two_pictures() -> None:
    """Food picture 0 and pets picture 0 share a class but are never a pair, nor is a picture with itself."""
    overlaps = picture_overlaps(ByClass(3), PICTURES, 18, seed=0)
    assert len(overlaps) == 18
    np.testing.assert_allclose(overlaps, 2 / 8)


def test_there_are_no_more_pairs_than_pictures_allow() -> None:
    """Asked for more than there are, each pair comes once."""
    assert len(picture_overlaps(ByClass(1), PICTURES, 1000, seed=0)) == 15 + 3


def test_the_same_seed_draws_the_same_pairs() -> None:
    """Figures of behaviour are reproducible."""
    mixed = [("pets", evidence(number % 4)) for number in range(12)]
    first, again = (picture_overlaps(ByClass(2), mixed, 20, seed=3) for _ in range(2))
    assert first.tolist() == again.tolist()


def test_abstentions_are_counted_query_by_query() -> None:
    """One where it abstains, nothing where it answers."""
    queries = [Query(words=("short",)), Query(words=("ratherlongword",))]
    assert abstentions(ByClass(0), queries).tolist() == [0.0, 1.0]


def test_gibberish_is_seeded_and_of_letters() -> None:
    """Three to eight words of five to eleven letters; never the same twice."""
    queries = gibberish_queries(20, seed=1)
    assert queries == gibberish_queries(20, seed=1)
    assert len({query.words for query in queries}) == 20
    assert all(3 <= len(query.words) <= 8 for query in queries)
    assert all(word.isalpha() and 5 <= len(word) <= 11 for query in queries for word in query.words)


def test_noise_pictures_go_through_the_classifiers_own_door() -> None:
    """Each noise query holds what the classifier saw in a file, and nothing else."""
    pytest.importorskip("PIL")
    classifier = FakeClassifier()
    queries = noise_queries(classifier, 4, seed=1)
    assert classifier.prepared == 4
    assert all(query.image is not None and not query.words and not query.seeds for query in queries)
