"""Reasons in words, from evidence that is set by hand."""

from __future__ import annotations

import numpy as np
import pytest

from core.query import ImageEvidence, Options, Query
from core.suggestions import Parts
from recommend.explain import MIN_PART, reasons
from recommend.scoring import Evidence
from recommend.signals.pictures import IMAGE_SIGNALS, ImageSignalMaker
from recommend.signals.text import SignalMaker
from tests.support.tiny_world import DOG, TinyWorld, ask, look


def explain(world: TinyWorld, query: Query, tag: str, parts: Parts, leading: str | None = None) -> tuple[str, ...]:
    """Return the reasons for a hashtag; of the picture's signals ``leading`` is made the weightiest."""
    knowledge = world.engine.knowledge
    row = knowledge.tag_row[tag]
    text = SignalMaker(knowledge).signals(query)
    image, weighted = None, None
    if query.image is not None:
        maker = ImageSignalMaker(knowledge, world.engine.catalogue)
        image = maker.signals(query.image, text.mixture, text, query.options.routing)
        weighted = np.zeros((len(IMAGE_SIGNALS), len(knowledge.tags)), np.float32)
        weighted[IMAGE_SIGNALS.index(leading or IMAGE_SIGNALS[0]), row] = 1.0
    return reasons(knowledge, Evidence(query, text, image, weighted), row, parts, 42)


BY_IMAGE, BY_CAPTION, BY_SEEDS = Parts(image=1.0), Parts(caption=1.0), Parts(seeds=1.0)
TWO = look("pets", (963, 0.4), (207, 0.3))


@pytest.mark.parametrize(
    ("image", "tag", "leading", "routing", "reason"),
    [
        (DOG, "goldenretriever", "named", "soft", "the picture looks like a golden retriever"),
        (DOG, "dog", "context", "soft", "the picture looks like a golden retriever"),
        (DOG, "dog", "topic_lift", "soft", "the picture's topic is pets (90%)"),
        (DOG, "pet", "context", "soft", "the picture's topic is pets (90%)"),
        (DOG, "pet", "context", "global", "often used with what the picture shows: golden retriever"),
        (TWO, "pet", "used_with", "soft", "often used with what the picture shows: golden retriever"),
        (TWO, "cheese", "used_with", "soft", "often used with what the picture shows: pizza"),
        (TWO, "cat", "meaning", "soft", "close in meaning to golden retriever"),
        (TWO, "carbonara", "meaning", "soft", "close in meaning to pizza"),
    ],
)
def test_a_picture_is_cited_by_what_weighs_most(
    tiny_world: TinyWorld, image: ImageEvidence, tag: str, leading: str, routing: str, reason: str
) -> None:
    """Its class by name, by use or by meaning, or its topic; the class that brought it, not the most probable."""
    query = ask(image=image, options=Options(routing=routing))  # type: ignore[arg-type]
    assert explain(tiny_world, query, tag, BY_IMAGE, leading) == (reason,)


def test_a_given_topic_is_cited_as_given(tiny_world: TinyWorld) -> None:
    """The picture did not say it."""
    query = ask(image=DOG, options=Options(topic="food"))
    assert explain(tiny_world, query, "foodie", BY_IMAGE, "topic_lift") == ("the topic was given food (100%)",)


@pytest.mark.parametrize(
    ("caption", "tag", "reason"),
    [
        ("my golden retriever", "goldenretriever", "the caption says “golden retriever”"),
        ("the office", "meeting", "often used when a caption says “office” ("),
        ("xqzzt goldenretrievers", "goldenretriever", "written like a word of the caption"),
        ("the and of", "pet", "fits the caption as a whole"),
        ("deadline", "pet", "fits the caption as a whole"),
    ],
)
def test_a_caption_is_cited_by_what_it_says(tiny_world: TinyWorld, caption: str, tag: str, reason: str) -> None:
    """Spelt out, often beside, alike; never a stop word."""
    (found,) = explain(tiny_world, ask(caption), tag, BY_CAPTION)
    assert found.startswith(reason)


@pytest.mark.parametrize(
    ("seed", "tag", "reason"),
    [
        ("surf", "waves", "often used with #surf ("),
        ("goldenretrievers", "goldenretriever", "written like a seed"),
        ("surf", "meeting", "fits the seeds as a whole"),
    ],
)
def test_seeds_are_cited_by_use_or_spelling(tiny_world: TinyWorld, seed: str, tag: str, reason: str) -> None:
    """With the share of the seed's posts."""
    (found,) = explain(tiny_world, ask("", [seed]), tag, BY_SEEDS)
    assert found.startswith(reason)


def test_shares_are_those_of_the_counts(tiny_world: TinyWorld) -> None:
    """Of all posts with the seed."""
    knowledge = tiny_world.engine.knowledge
    whole, surf, waves = knowledge.counts.whole, knowledge.tag_row["surf"], knowledge.tag_row["waves"]
    share = whole.tag_tag.count(surf, waves) / int(whole.tag_posts[surf])
    assert explain(tiny_world, ask("", ["surf"]), "waves", BY_SEEDS) == (
        f"often used with #surf ({share:.0%} of its posts)",
    )


def test_the_order_is_that_of_the_parts_and_small_ones_are_left_out(tiny_world: TinyWorld) -> None:
    """Negative ones and those below a twentieth of the largest."""
    query = ask("my golden retriever", ["puppy"], DOG)
    found = explain(tiny_world, query, "dog", Parts(image=0.5, caption=2.0, seeds=1.0))
    assert ["caption" in found[0], "#puppy" in found[1], "picture" in found[2]] == [True] * 3
    assert len(explain(tiny_world, query, "dog", Parts(image=MIN_PART * 1.9, caption=2.0, seeds=-1.0))) == 1


def test_popularity_is_a_reason_where_it_weighs_most_or_nothing_else_does(tiny_world: TinyWorld) -> None:
    """With the number of posts."""
    query = ask("", ["puppy"])
    assert explain(tiny_world, query, "dog", Parts(popularity=-1.0)) == ("popular in general (42 posts)",)
    assert explain(tiny_world, query, "dog", Parts(seeds=0.5, popularity=2.0))[1:] == ("popular in general (42 posts)",)
    assert len(explain(tiny_world, query, "dog", Parts(seeds=0.5, popularity=-3.0))) == 1
