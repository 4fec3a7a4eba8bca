"""The contract of ``Recommender`` over the real one, with every scorer and routing, and the fake one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import get_args

import pytest

from core.errors import InvalidOption, NothingToGoOn
from core.ports import Recommender
from core.query import ImageEvidence, Options, Query, Routing, Scorer
from core.suggestions import Answer
from tests.support.fakes import FakeRecommender
from tests.support.tiny_world import CARBONARA, DOG, PIZZA, TinyWorld, ask, look

CAPTION, SEEDS = "my golden retriever ran over the beach", ("puppy", "neverheardof")
INPUTS = ("image", "caption", "seeds")
COMBINATIONS = [frozenset(name for name, given in zip(INPUTS, chosen, strict=True) if given) for chosen in
                product((False, True), repeat=3) if any(chosen)]  # fmt: skip
SHOWN = {frozenset(given): "+".join(sorted(given)) for given in COMBINATIONS}


@dataclass(frozen=True)
class Case:
    """One recommender and the options that it is asked with."""

    recommender: Recommender
    options: Options
    picture: ImageEvidence = DOG

    def query(self, given: frozenset[str], **changes: object) -> Query:
        """Return a query with the given inputs."""
        options = replace(self.options, **changes)  # type: ignore[arg-type]
        image = self.picture if "image" in given else None
        return ask(CAPTION if "caption" in given else "", SEEDS if "seeds" in given else (), image, options)

    def answer(self, given: frozenset[str], **changes: object) -> Answer:
        """Return the answer to a query with the given inputs."""
        return self.recommender.recommend([self.query(given, **changes)])[0]


WAYS = [("real", scorer, routing) for scorer in get_args(Scorer) for routing in get_args(Routing)]


@pytest.fixture(params=[*WAYS, ("fake", "learned", "soft")], ids="-".join)
def case(request: pytest.FixtureRequest, tiny_world: TinyWorld) -> Case:
    """Each recommender in each of its ways."""
    kind, scorer, routing = request.param
    options = Options(limit=10, scorer=scorer, routing=routing)
    if kind == "fake":
        return Case(FakeRecommender(), options, look("pets", (0, 0.8)))
    return Case(tiny_world.engine.recommender, options)


def tags_of(answer: Answer) -> list[str]:
    """Return the hashtags in order."""
    return [suggestion.hashtag for suggestion in answer.suggestions]


EVERY_INPUT = pytest.mark.parametrize("given", COMBINATIONS, ids=SHOWN.get)


class TestRecommender:
    """What everyone who asks may rely on."""

    @EVERY_INPUT
    def test_every_combination_of_inputs_is_answered(self, case: Case, given: frozenset[str]) -> None:
        """As many different hashtags as asked for, with finite scores."""
        answer = case.answer(given)
        assert len(tags_of(answer)) == len(set(tags_of(answer))) == 10
        assert all(math.isfinite(suggestion.score) for suggestion in answer.suggestions)
        assert answer.level in ("high", "medium", "low")

    @EVERY_INPUT
    def test_parts_add_up_and_absent_inputs_bring_nothing(self, case: Case, given: frozenset[str]) -> None:
        """To the score within 1e-4, and exactly 0."""
        for suggestion in case.answer(given).suggestions:
            assert suggestion.parts.total() == pytest.approx(suggestion.score, abs=1e-4)
            assert [getattr(suggestion.parts, name) for name in INPUTS if name not in given] == [0.0] * (3 - len(given))
            assert suggestion.parts.workspace == 0.0

    def test_nothing_at_all_is_an_error(self, case: Case) -> None:
        """No picture, no word and no seed."""
        with pytest.raises(NothingToGoOn):
            case.recommender.recommend([Query(options=case.options)])

    @EVERY_INPUT
    def test_seeds_and_excluded_hashtags_are_never_suggested(self, case: Case, given: frozenset[str]) -> None:
        """However well they would do."""
        best = tags_of(case.answer(given))[:3]
        again = tags_of(case.answer(given, exclude=tuple(best)))
        assert not {*best, *(SEEDS if "seeds" in given else ())} & set(again)
        assert again

    @EVERY_INPUT
    def test_pins_come_first_in_their_order(self, case: Case, given: frozenset[str]) -> None:
        """Known or not, and nothing comes twice."""
        tags = tags_of(case.answer(given, pin=("foundnowhere", "love", "dog")))
        assert tags[:3] == ["foundnowhere", "love", "dog"]
        assert len(set(tags)) == len(tags) == 10

    def test_the_limit_is_kept(self, case: Case) -> None:
        """One means one, a pin included."""
        assert len(tags_of(case.answer(frozenset(INPUTS), limit=1))) == 1
        assert tags_of(case.answer(frozenset(INPUTS), limit=1, pin=("foundnowhere",))) == ["foundnowhere"]

    def test_too_few_hashtags_are_told(self, case: Case) -> None:
        """A notice names the limit."""
        answer = case.answer(frozenset(INPUTS), limit=100)
        assert len(answer.suggestions) < 100
        assert "limit" in [notice.field for notice in answer.warnings]

    def test_topics_fall_and_sum_to_no_more_than_1(self, case: Case) -> None:
        """Over all inputs; without topics there are none."""
        for given in COMBINATIONS:
            probabilities = [p for _, p in case.answer(given).topics]
            if case.options.routing == "global":
                assert probabilities == []
            else:
                assert probabilities == sorted(probabilities, reverse=True)
                assert 0.0 < sum(probabilities) <= 1.0 + 1e-5
                assert min(probabilities) >= 0.0

    def test_a_batch_answers_as_each_query_alone(self, case: Case) -> None:
        """Equal to the last bit, in the order asked."""
        queries = [case.query(given) for given in COMBINATIONS]
        assert case.recommender.recommend(queries) == [case.recommender.recommend([query])[0] for query in queries]
        assert case.recommender.recommend([]) == []

    def test_the_same_question_gives_the_same_answer(self, case: Case) -> None:
        """Twice in a row."""
        assert case.answer(frozenset(INPUTS)) == case.answer(frozenset(INPUTS))

    def test_reasons_are_given_when_asked_for(self, case: Case) -> None:
        """And only then, pins included."""
        silent = case.answer(frozenset(INPUTS), explain=False, pin=("foundnowhere", "love"))
        assert [suggestion.because for suggestion in silent.suggestions] == [()] * 10
        assert any(suggestion.because for suggestion in case.answer(frozenset(INPUTS)).suggestions)

    def test_classes_are_those_of_the_picture(self, case: Case) -> None:
        """And without a picture there are none."""
        assert case.answer(frozenset({"image"})).classes
        assert case.answer(frozenset({"caption", "seeds"})).classes == ()


@pytest.fixture(params=WAYS, ids="-".join)
def real(request: pytest.FixtureRequest, tiny_world: TinyWorld) -> Case:
    """The real recommender in each of its ways."""
    _, scorer, routing = request.param
    return Case(tiny_world.engine.recommender, Options(limit=10, scorer=scorer, routing=routing))


class TestRealRecommender:
    """What only one that knows something can promise."""

    def test_an_unknown_topic_is_refused(self, real: Case) -> None:
        """The message names those there are."""
        with pytest.raises(InvalidOption, match="beach, food, pets") as caught:
            real.answer(frozenset({"caption"}), topic="spaceships")
        assert caught.value.field == "topic"

    def test_pinning_what_is_excluded_is_refused(self, real: Case) -> None:
        """It cannot be both."""
        with pytest.raises(InvalidOption, match="both pinned and excluded"):
            real.answer(frozenset({"seeds"}), pin=("dog",), exclude=("dog",))

    def test_different_pictures_give_different_answers(self, real: Case) -> None:
        """Of different topics, and of one topic."""
        answers = [
            tags_of(real.recommender.recommend([ask(image=image, options=replace(real.options, limit=5))])[0])
            for image in (DOG, PIZZA, CARBONARA)
        ]
        assert len({tuple(tags) for tags in answers}) == 3

    def test_reasons_cite_only_inputs_that_are_there(self, real: Case) -> None:
        """A caption alone is not explained by pictures or seeds."""
        foreign: dict[str, Sequence[str]] = {
            "image": ("picture", "close in meaning"),
            "caption": ("caption",),
            "seeds": ("#", "seed"),
        }
        for given in COMBINATIONS:
            reasons = " / ".join(
                reason for suggestion in real.answer(given).suggestions for reason in suggestion.because
            )
            for name in set(INPUTS) - given:
                assert not any(sign in reasons for sign in foreign[name]), (name, reasons)

    def test_a_picture_of_nothing_and_unknown_words_abstain(self, real: Case) -> None:
        """The list is then a general one, and says so."""
        answer = real.recommender.recommend([ask("xqzzt wvvrk", ("xqzzt",), options=real.options)])[0]
        assert (answer.abstain, answer.level) == (True, "low")
        assert "abstained" in [notice.code for notice in answer.warnings]
        assert answer.suggestions
        assert {suggestion.parts.caption + suggestion.parts.seeds for suggestion in answer.suggestions} == {0.0}
