"""What a picture says about hashtags."""

from __future__ import annotations

import math

import numpy as np
import pytest

from core.query import ImageEvidence, Options
from recommend.signals.pictures import (
    IMAGE_SIGNALS,
    LEAST_CLASS,
    NAMED_RATE,
    PICTURE_SIGNALS,
    ImageSignalMaker,
    ImageSignals,
)
from recommend.signals.text import SignalMaker
from tests.support.tiny_world import CARBONARA, DOG, TinyWorld, ask, look


def signals_of(world: TinyWorld, image: ImageEvidence, routing: str = "soft", caption: str = "") -> ImageSignals:
    """Return the signals of a picture beside a caption."""
    query = ask(caption, image=image, options=Options(routing=routing))  # type: ignore[arg-type]
    text = SignalMaker(world.engine.knowledge).signals(query)
    return ImageSignalMaker(world.engine.knowledge, world.engine.catalogue).signals(image, text.mixture, text, routing)


def column(signals: ImageSignals, name: str) -> list[float]:
    """Return one signal of every hashtag."""
    values: list[float] = signals.dense[IMAGE_SIGNALS.index(name)].tolist()
    return values


def test_every_signal_says_what_it_is() -> None:
    """A name of its own, a formula, its source, and a weight that learning begins with."""
    assert len(set(IMAGE_SIGNALS)) == len(IMAGE_SIGNALS)
    for signal in PICTURE_SIGNALS:
        assert signal.speaks_for == "image"
        assert signal.source, signal.name
        assert str(signal.compute.__doc__).startswith("Return "), signal.name
        assert signal.first_weight > 0, signal.name


def test_classes_are_named_by_their_own_words_and_their_family(tiny_world: TinyWorld) -> None:
    """By how much more often than in general; a golden retriever is a dog and a puppy as well."""
    row, whole = tiny_world.engine.knowledge.tag_row, tiny_world.engine.knowledge.counts.whole
    signals = signals_of(tiny_world, look("pets", (207, 0.7), (963, 0.2), (978, LEAST_CLASS / 2)))
    named = column(signals, "named")
    tags = ("goldenretriever", "dog", "dogs", "puppy", "pizza", "sea", "seashore")
    general = [int(whole.tag_posts[row[tag]]) / whole.n_posts for tag in tags]
    rates = [NAMED_RATE * p for p in (0.7, 0.7, 0.7, 0.7, 0.2, 0.0, 0.0)]
    wanted = [math.log(1 + rate / share) for rate, share in zip(rates, general, strict=True)]
    assert [named[row[tag]] for tag in tags] == pytest.approx(wanted, rel=1e-4)
    assert [signals.named_by[row[tag]] for tag in ("dog", "pizza")] == [0, 1]
    assert row["seashore"] not in signals.named_by
    assert [number for number, _ in signals.classes] == [207, 963]


def test_use_with_a_class_is_the_lift_of_the_mean_share_of_its_hashtags_posts(tiny_world: TinyWorld) -> None:
    """Written out for one hashtag."""
    knowledge = tiny_world.engine.knowledge
    whole, row = knowledge.counts.whole, knowledge.tag_row
    used_with = column(signals_of(tiny_world, CARBONARA), "used_with")
    named = [row[tag] for tag in ("carbonara", "food", "dinner", "pasta")]
    assert sorted(knowledge.class_tags[959].tolist()) == sorted(named)
    italian = row["italian"]
    shares = [whole.tag_tag.count(tag, italian) / (int(whole.tag_posts[tag]) + 5) for tag in named]
    general = int(whole.tag_posts[italian]) / whole.n_posts
    assert used_with[italian] == pytest.approx(math.log(1 + 0.8 * sum(shares) / 4 / general), rel=1e-4)
    assert used_with[row["waves"]] == 0.0


def test_meaning_is_the_cosine_to_the_classes_mean(tiny_world: TinyWorld) -> None:
    """Three parts pets and four parts food lie between both axes; nothing is close to the sea."""
    row = tiny_world.engine.knowledge.tag_row
    meaning = column(signals_of(tiny_world, look("pets", (207, 0.3), (963, 0.4))), "meaning")
    assert [meaning[row[tag]] for tag in ("dog", "pizza", "sea")] == pytest.approx([0.6, 0.8, 0.0], abs=0.02)


def test_topics_lift_their_own_hashtags_and_lower_others(tiny_world: TinyWorld) -> None:
    """Without topics there is no lift at all."""
    row = tiny_world.engine.knowledge.tag_row
    for name in ("topic_lift", "table_lift"):
        lift = column(signals_of(tiny_world, DOG), name)
        assert lift[row["dog"]] > 0 > lift[row["pizza"]]
        assert not any(column(signals_of(tiny_world, DOG, "global"), name))


def test_hard_routing_lifts_further_than_soft(tiny_world: TinyWorld) -> None:
    """The best topic gets all."""
    row = tiny_world.engine.knowledge.tag_row["dog"]
    torn = look("pets", certainty=0.5)
    soft, hard = (column(signals_of(tiny_world, torn, routing), "topic_lift")[row] for routing in ("soft", "hard"))
    assert hard > soft > 0


def test_a_picture_of_nothing_known_says_nothing_without_topics(tiny_world: TinyWorld) -> None:
    """Every signal is 0, so that its part of every score is."""
    unknown = look("pets", (5, 0.9), (6, 0.05))
    assert not signals_of(tiny_world, unknown, "global").dense.any()
    nothing = ImageEvidence(unknown.topics, np.zeros(0, np.int32), np.zeros(0, np.float32))
    assert not signals_of(tiny_world, nothing, "global", "my dog").dense.any()


def test_signals_are_finite_beside_any_text(tiny_world: TinyWorld) -> None:
    """With a topic of probability 0 as well."""
    certain = look("food", (959, 1.0), certainty=1.0)
    assert np.isfinite(signals_of(tiny_world, certain, "soft", "monday at the office").dense).all()
