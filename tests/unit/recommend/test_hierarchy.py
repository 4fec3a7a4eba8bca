"""Answers over planted posts: what options do, what is cited, and that citing is honest."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.query import ImageEvidence, Options, Query, Scorer
from core.suggestions import Answer, Suggestion
from recommend.assemble import assemble
from recommend.hierarchy import HierarchicalRecommender
from tests.support.tiny_posts import THEMES
from tests.support.tiny_world import CARBONARA, DOG, GREY, PIZZA, TinyWorld, ask, look


@pytest.fixture
def recommender(tiny_world: TinyWorld) -> HierarchicalRecommender:
    """The real one, over the small world."""
    return tiny_world.engine.recommender


def tags_of(answer: Answer) -> list[str]:
    """Return the hashtags in order."""
    return [suggestion.hashtag for suggestion in answer.suggestions]


def found(answer: Answer, tag: str) -> Suggestion:
    """Return the suggestion of one hashtag."""
    return next(suggestion for suggestion in answer.suggestions if suggestion.hashtag == tag)


PLAIN = Options(limit=5, diversity=0.0)


@pytest.mark.parametrize(
    ("query", "theme"),
    [
        (ask("creamy sauce with parmesan", options=PLAIN), "pasta"),
        (ask("salty waves and a surfboard", options=PLAIN), "sea"),
        (ask("", ["kitten", "catlover"], options=PLAIN), "cat"),
        (ask("deadline at the office desk", options=PLAIN), "office"),
        (ask("", [], DOG, PLAIN), "dog"),
        (ask("mozzarella from the oven", ["italian"], PIZZA, PLAIN), "pizza"),
    ],
)
def test_what_is_planted_is_found(recommender: HierarchicalRecommender, query: Query, theme: str) -> None:
    """Four of the five best are of the theme, or used in all themes."""
    best = recommender.rank([query], 5)[0]
    assert len(set(best) & {*THEMES[theme][0], "love", "photo", "happy"}) >= 4
    assert set(best) & set(THEMES[theme][0])


def test_ranking_is_the_answer_without_diversity(recommender: HierarchicalRecommender) -> None:
    """Evaluation measures what is served: the same order, save where forms of one word are told apart."""
    query = ask("pasta with creamy sauce", ["italian"], CARBONARA, PLAIN)
    assert recommender.rank([query], 5)[0] == tags_of(recommender.recommend([query])[0])


@pytest.mark.parametrize(
    ("given", "without", "sign"),
    [
        (ask("", ["pasta"], PIZZA), ask("", ["pasta"]), "picture"),
        (ask("creamy sauce", ["surf"]), ask("", ["surf"]), "caption"),
        (ask("creamy sauce", ["surf"]), ask("creamy sauce"), "#surf"),
        (ask("creamy sauce", [], DOG), ask(image=DOG), "caption"),
        (ask("creamy sauce", [], DOG), ask("creamy sauce"), "picture"),
    ],
)
def test_taking_a_cited_input_away_lowers_the_score(
    recommender: HierarchicalRecommender, given: Query, without: Query, sign: str
) -> None:
    """Each of the best that cites it alone loses by its absence; there are such suggestions."""
    wide = Options(limit=100, diversity=0.0)
    before, after = recommender.recommend([replace(given, options=wide), replace(without, options=wide)])
    left = {suggestion.hashtag: suggestion.score for suggestion in after.suggestions}
    citing = [
        suggestion
        for suggestion in before.suggestions[:20]
        if len(suggestion.because) == 1 and sign in suggestion.because[0]
    ]
    citing = [
        suggestion
        for suggestion in citing
        if max(suggestion.parts.image, suggestion.parts.caption, suggestion.parts.seeds) > 0
    ]
    assert citing
    for suggestion in citing:
        assert suggestion.hashtag not in left or left[suggestion.hashtag] < suggestion.score


def test_reasons_name_what_was_planted(recommender: HierarchicalRecommender) -> None:
    """A spelt-out hashtag, a telling word, a seed."""
    answer = recommender.recommend([ask("my golden retriever ran", options=Options(limit=30))])[0]
    assert "the caption says “golden retriever”" in found(answer, "goldenretriever").because
    assert "caption says" in found(answer, "puppy").because[0]
    seeded = recommender.recommend([ask("", ["surf"], options=Options(limit=30))])[0]
    assert found(seeded, "waves").because[0].startswith("often used with #surf (")
    stop = recommender.recommend([ask("the office at the desk", options=Options(limit=30))])[0]
    assert not any(
        "“the”" in reason or "“at”" in reason for suggestion in stop.suggestions for reason in suggestion.because
    )


def test_the_weightiest_part_is_cited_first(recommender: HierarchicalRecommender) -> None:
    """Reasons follow the parts."""
    signs = {"image": "picture", "caption": "caption", "seeds": "#"}
    for suggestion in recommender.recommend([ask("golden sunset", ["surf"], DOG)])[0].suggestions:
        parts = {name: getattr(suggestion.parts, name) for name in signs}
        best = max(parts, key=lambda name: parts[name])
        if parts[best] > 0:
            assert (
                signs[best] in suggestion.because[0]
                or best in suggestion.because[0]
                or "close in meaning" in suggestion.because[0]
            )


def test_no_topic_is_cited_where_topics_are_switched_off(recommender: HierarchicalRecommender) -> None:
    """Routing global uses none."""
    answer = recommender.recommend([ask(image=DOG, options=Options(routing="global"))])[0]
    assert answer.topics == ()
    assert not any("topic" in reason for suggestion in answer.suggestions for reason in suggestion.because)


@pytest.mark.parametrize("scorer", ["in_out", "cosine"])
def test_a_picture_that_a_published_scorer_passes_over_is_told_of(
    recommender: HierarchicalRecommender, scorer: Scorer
) -> None:
    """Alone it is ranked by the learnt ranker; beside a text it counts where it names the one topic."""

    def told(*, text: str = "pasta", image: ImageEvidence | None = DOG, **more: Any) -> list[str]:
        options = Options(scorer=scorer, **more)
        warnings = recommender.recommend([ask(text, image=image, options=options)])[0].warnings
        return [notice.code for notice in warnings if notice.code != "fewer_than_limit"]

    assert told(text="") == ["scorer_not_used"]
    assert told() == told(routing="hard", topic="food") == told(routing="global") == ["image_not_used"]
    assert told(routing="hard") == told(image=None) == []
    assert recommender.recommend([ask("pasta", image=DOG)])[0].warnings == ()


def test_a_list_that_a_mix_keeps_short_says_so(recommender: HierarchicalRecommender) -> None:
    """A tier that is left out of it gets none."""
    answer = recommender.recommend([ask("pasta", options=Options(limit=100, mix={"broad": 1, "mid": 0, "niche": 0}))])[
        0
    ]
    assert {suggestion.popularity.tier for suggestion in answer.suggestions} == {"broad"}
    assert "mix asks for" in next(notice.detail for notice in answer.warnings if notice.code == "fewer_than_limit")


def test_blocked_hashtags_are_never_suggested(tiny_world: TinyWorld, tmp_path: Path) -> None:
    """Though the bundle holds them: an operator's list counts at serving."""
    own = tmp_path / "blocklist.txt"
    own.write_text("[slur]\npuppy\n", encoding="utf-8")
    engine = assemble(tiny_world.bundle, runtime="onnx", threads=1, blocklist=own)
    assert "puppy" in engine.knowledge.tag_row
    queries = [ask("my golden retriever", options=Options(limit=100)), ask("", ["dog"]), ask(image=DOG), ask("xqzzt")]
    queries += [replace(query, options=replace(query.options, scorer="cosine")) for query in queries]
    for answer in engine.recommender.recommend(queries):
        assert answer.suggestions
        assert "puppy" not in tags_of(answer)
    assert "puppy" in tags_of(tiny_world.engine.recommender.recommend(queries[:1])[0])


def test_a_pin_is_scored_as_the_candidate_that_it_is(recommender: HierarchicalRecommender) -> None:
    """Pinning moves a hashtag up and changes neither its score nor its parts; a pinned seed is shown."""
    free = recommender.recommend([ask("pasta with sauce", options=Options(limit=100))])[0]
    for tag in ("waves", "pasta"):
        pinned = recommender.recommend([ask("pasta with sauce", options=Options(limit=100, pin=(tag,)))])[0]
        assert tags_of(pinned)[0] == tag
        assert found(pinned, tag).score == pytest.approx(found(free, tag).score, abs=1e-6)
        assert pinned.suggestions[0].because[0] == "pinned"
    own = {"maxthecat": 2.0}
    free = recommender.recommend([replace(ask("pasta with sauce", options=Options(limit=100)), workspace=own)])[0]
    pinned = recommender.recommend([replace(ask("pasta with sauce", options=Options(pin=(*own,))), workspace=own)])[0]
    unpinned = found(free, "maxthecat")
    assert tags_of(pinned).count("maxthecat") == 1
    assert pinned.suggestions[0] == replace(unpinned, because=("pinned", *unpinned.because))
    seed = recommender.recommend([ask("", ["pasta"], options=Options(pin=("pasta",)))])[0]
    assert tags_of(seed)[0] == "pasta"
    assert seed.suggestions[0].parts.total() == pytest.approx(seed.suggestions[0].score, abs=1e-4)


def test_nothing_left_to_suggest_is_told(recommender: HierarchicalRecommender, tiny_world: TinyWorld) -> None:
    """All excluded: an empty list with a warning, and no error."""
    everything = tiny_world.engine.knowledge.tags
    for scorer in ("learned", "in_out"):
        query = ask("pasta", options=Options(exclude=everything, scorer=scorer))
        answer = recommender.recommend([query])[0]
        assert answer.suggestions == ()
        assert [notice.code for notice in answer.warnings] == ["fewer_than_limit"]


def test_a_mix_is_kept(recommender: HierarchicalRecommender) -> None:
    """As many of each tier as asked; what cannot be filled is told."""
    answer = recommender.recommend([ask("golden sunset", options=Options(limit=6, mix={"broad": 2, "mid": 4}))])[0]
    assert sorted(suggestion.popularity.tier for suggestion in answer.suggestions) == ["broad"] * 2 + ["mid"] * 4


def test_diversity_parts_forms_of_one_word(recommender: HierarchicalRecommender) -> None:
    """Dog and dogs, pet and pets: fewer of both among the first when more diversity is asked for."""

    def doubled(diversity: float) -> int:
        query = ask("my golden retriever", options=Options(limit=8, diversity=diversity))
        tags = tags_of(recommender.recommend([query])[0])
        return sum(f"{tag}s" in tags for tag in tags)

    assert doubled(0.0) > doubled(0.7)


def test_another_language_ranks_down_and_counts_to_popularity(recommender: HierarchicalRecommender) -> None:
    """A Russian hashtag loses below English ones when the caller names English."""
    any_language, english = (
        recommender.recommend([ask("", ["puppy"], options=Options(limit=100, language=language))])[0]
        for language in ("any", "en")
    )
    before, after = found(any_language, "собака"), found(english, "собака")
    assert after.score < before.score
    assert after.parts.popularity < before.parts.popularity
    assert after.parts.seeds == before.parts.seeds
    assert found(any_language, "dog").score == found(english, "dog").score


def test_routing_decides_what_topics_do(recommender: HierarchicalRecommender) -> None:
    """Hard follows the best topic further than soft does, and global not at all."""
    torn = look("pets", (5, 0.02), certainty=0.55)
    answers = {
        routing: recommender.recommend([ask(image=torn, options=Options(limit=100, routing=routing))])[0]
        for routing in ("soft", "hard", "global")
    }
    image_part = {routing: found(answer, "pet").parts.image for routing, answer in answers.items()}
    assert image_part["hard"] > image_part["soft"] > image_part["global"]
    assert answers["hard"].topics == answers["soft"].topics
    assert answers["global"].topics == ()


def test_a_given_topic_overrides_the_picture(recommender: HierarchicalRecommender) -> None:
    """A dog called food gets food."""
    query = ask(image=look("pets", (5, 0.02)), options=replace(PLAIN, topic="food"))
    answer = recommender.recommend([query])[0]
    assert answer.topics[0] == ("food", 1.0)
    assert "the topic was given food (100%)" in answer.suggestions[0].because
    assert set(tags_of(answer)) & {"food", "foodie"}


def test_an_unknown_picture_beside_a_known_text_does_not_abstain(recommender: HierarchicalRecommender) -> None:
    """Either is enough; neither is not; a given topic is enough."""
    cases: list[tuple[str, ImageEvidence | None, str | None, bool]] = [
        ("pasta with sauce", GREY, None, False),
        ("xqzzt", DOG, None, False),
        ("xqzzt", GREY, None, True),
        ("", GREY, "pets", False),
    ]
    for caption, image, topic, abstains in cases:
        answer = recommender.recommend([ask(caption, image=image, options=Options(topic=topic))])[0]
        assert answer.abstain == abstains, caption


def test_an_abstaining_answer_is_the_most_used(recommender: HierarchicalRecommender, tiny_world: TinyWorld) -> None:
    """By popularity alone, with pins first and scored like the rest."""
    query = ask("xqzzt wvvrk", options=Options(limit=4, diversity=0.0, pin=("sky",)))
    answer = recommender.recommend([query])[0]
    assert tags_of(answer) == ["sky", *tiny_world.engine.knowledge.tags[:3]]
    assert all(
        suggestion.parts.popularity == pytest.approx(suggestion.score, abs=1e-6) for suggestion in answer.suggestions
    )


def test_classes_shown_are_the_most_probable(recommender: HierarchicalRecommender) -> None:
    """Five at most, by their first name."""
    many = look("pets", *((207 + n, 0.2 - n / 100) for n in range(8)))
    answer = recommender.recommend([ask(image=many)])[0]
    assert len(answer.classes) == 5
    assert answer.classes[0][0] == "golden retriever"
    assert [p for _, p in answer.classes] == pytest.approx([0.2, 0.19, 0.18, 0.17, 0.16])


def test_scores_fall_without_diversity(recommender: HierarchicalRecommender) -> None:
    """The order is that of the scores."""
    scores = [
        suggestion.score
        for suggestion in recommender.recommend([ask("sea", ["surf"], DOG, replace(PLAIN, limit=30))])[0].suggestions
    ]
    assert np.all(np.diff(scores) <= 0)
