"""What a workspace's feedback does to an answer over planted posts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.query import Options, Query
from core.suggestions import Answer, Suggestion
from tests.support.tiny_world import DOG, GREY, TinyWorld, ask

WIDE = Options(limit=100, diversity=0.0)
QUERIES = [
    ask("pasta with creamy sauce", options=WIDE),
    ask("", ["kitten"], options=WIDE),
    ask("", [], DOG, WIDE),
    ask("golden sunset", ["surf"], DOG, WIDE),
]


def _answer(world: TinyWorld, query: Query, **workspace: float) -> Answer:
    return world.engine.recommender.recommend([replace(query, workspace=workspace)])[0]


def _by_tag(answer: Answer) -> dict[str, Suggestion]:
    return {suggestion.hashtag: suggestion for suggestion in answer.suggestions}


@pytest.mark.parametrize(
    "query",
    QUERIES,
)
def test_feedback_moves_what_it_is_about_and_nothing_else(tiny_world: TinyWorld, query: Query) -> None:
    """By exactly its value, told in the workspace's part; the parts still add up."""
    plain = _answer(tiny_world, query)
    liked, disliked = plain.suggestions[-1].hashtag, plain.suggestions[0].hashtag
    before, after = _by_tag(plain), _by_tag(_answer(tiny_world, query, **{liked: 4.0, disliked: -4.0}))
    assert after[liked].score == pytest.approx(before[liked].score + 4.0, abs=1e-4)
    assert after[liked].parts.workspace == 4.0
    assert after[disliked].score == pytest.approx(before[disliked].score - 4.0, abs=1e-4)
    for tag, suggestion in after.items():
        assert suggestion.parts.total() == pytest.approx(suggestion.score, abs=1e-4)
        if tag not in (liked, disliked):
            assert (suggestion.score, suggestion.parts.workspace) == (before[tag].score, 0.0)


def test_what_is_liked_is_looked_at_whatever_is_asked(tiny_world: TinyWorld) -> None:
    """What neither words nor seeds bring up comes first, for a stated reason."""
    query = ask("deadline at the office desk", options=replace(WIDE, limit=5))
    assert "puppy" not in _by_tag(_answer(tiny_world, query))
    answer = _answer(tiny_world, query, puppy=50.0)
    assert answer.suggestions[0].hashtag == "puppy"
    assert answer.suggestions[0].because[0] == "accepted or added here before"


@pytest.mark.parametrize(
    "query",
    [*QUERIES, ask(image=GREY, options=WIDE)],
)
def test_a_hashtag_of_the_workspaces_own_joins_the_list(tiny_world: TinyWorld, query: Query) -> None:
    """One that the bundle does not know starts in the middle and rises by its feedback; others keep their scores."""
    plain = _answer(tiny_world, query)
    places = []
    for leaning in (0.01, 2.0, 50.0):
        answer = _answer(tiny_world, query, acmebakery=leaning)
        tags = [suggestion.hashtag for suggestion in answer.suggestions]
        own = answer.suggestions[tags.index("acmebakery")]
        assert own.because == ("accepted or added here before",)
        assert own.parts.workspace == leaning
        assert own.parts.total() == pytest.approx(own.score, abs=1e-9)
        assert (own.popularity.posts, own.topic, own.trend) == (0, None, None)
        assert [suggestion for suggestion in answer.suggestions if suggestion is not own][: len(plain.suggestions)] == [
            *plain.suggestions[: len(tags) - 1]
        ]
        places.append(tags.index("acmebakery"))
    assert places == sorted(places, reverse=True)
    assert places[-1] == 0
    assert 0 < places[0] < len(plain.suggestions)


def test_an_own_hashtag_is_as_bound_as_any_other(tiny_world: TinyWorld) -> None:
    """Not when it is given, excluded, blocked or disliked; once when it is pinned; it counts as niche in a mix."""
    query = ask("pasta with creamy sauce", ["acmeseed"], options=replace(WIDE, exclude=("acmeout",), pin=("acmepin",)))
    liked = {"acmeseed": 5.0, "acmeout": 5.0, "acmepin": 5.0, "porn": 5.0, "acmebad": -5.0}
    tags = [suggestion.hashtag for suggestion in _answer(tiny_world, query, **liked).suggestions]
    assert tags[0] == "acmepin"
    assert len([tag for tag in tags if tag.startswith("acme")]) == 1
    assert "porn" not in tags
    mixed = ask("pasta with creamy sauce", options=replace(WIDE, limit=4, mix={"broad": 3, "niche": 1}))
    tiers = {
        suggestion.hashtag: suggestion.popularity.tier
        for suggestion in _answer(tiny_world, mixed, acmebakery=50.0).suggestions
    }
    assert tiers["acmebakery"] == "niche"


def test_a_general_list_leans_too(tiny_world: TinyWorld) -> None:
    """Where nothing is known of a post, what the workspace likes still is."""
    query = ask(image=GREY, options=replace(WIDE, limit=10))
    answer = _answer(tiny_world, query, puppy=50.0)
    assert answer.suggestions[0].hashtag == "puppy"
    assert answer.suggestions[0].parts.workspace == 50.0


def test_the_published_scorers_stay_as_published(tiny_world: TinyWorld) -> None:
    """Their scores are of another unit, and they are there to be compared with."""
    for scorer in ("in_out", "cosine"):
        query = ask("pasta with creamy sauce", ["italian"], options=replace(WIDE, scorer=scorer))
        plain = _answer(tiny_world, query)
        assert _answer(tiny_world, query, **{plain.suggestions[-1].hashtag: 4.0, "acmebakery": 4.0}) == plain


def test_taking_feedback_away_gives_the_answer_before(tiny_world: TinyWorld) -> None:
    """Exactly, and a batch of workspaces answers as each alone."""
    query = ask("golden sunset", ["surf"], DOG, WIDE)
    plain, moved = _answer(tiny_world, query), _answer(tiny_world, query, puppy=2.0)
    assert moved != plain
    together = tiny_world.engine.recommender.recommend(
        [replace(query, workspace={}), replace(query, workspace={"puppy": 2.0}), query]
    )
    assert together == [plain, moved, plain]


def test_pins_exclusions_and_seeds_outrank_feedback(tiny_world: TinyWorld) -> None:
    """What is excluded or given stays out however much it is liked."""
    options = replace(WIDE, limit=5, exclude=("puppy",), pin=("pasta",))
    answer = _answer(tiny_world, ask("", ["kitten"], options=options), puppy=50.0, kitten=50.0, dog=50.0)
    tags = [suggestion.hashtag for suggestion in answer.suggestions]
    assert tags[0] == "pasta"
    assert tags[1] == "dog"
    assert not {"puppy", "kitten"} & set(tags)
