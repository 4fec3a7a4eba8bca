"""What the starter bundle says of its reasons is true: without the input that a reason cites, the score is lower."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from core.bundle.opening import open_bundle
from core.query import ImageEvidence, Options, Query
from core.suggestions import Suggestion
from core.text.caption import caption_words
from recommend.assemble import Engine, assemble
from recommend.explain import MIN_PART

ROOT = Path(__file__).resolve().parent.parent.parent
STARTER = ROOT / "bundles" / "starter"
CAPTIONS = (
    "Last light at the old pier",
    "She finally fell asleep on my arm",
    "New earrings, silver and a little moonstone",
    "Rain over the harbour and nobody on the beach but the dog",
    "We painted the whole staircase in one night",
    "Sunday pancakes with my sister",
)
SEEDS = (("sunset",), ("dog", "puppy"), ("silver", "handmade"), ("foodporn",), ("streetart", "berlin"), ("love",))
PHOTOS = ("canyon.jpg", "cat.jpg", "coffee.jpg", "watch.jpg")
WIDE = Options(limit=100, diversity=0.0)


@pytest.fixture(scope="module")
def engine() -> Engine:
    """The starter bundle at work."""
    if not (STARTER / "manifest.json").is_file():
        pytest.skip("there is no starter bundle in this checkout")
    return assemble(open_bundle(STARTER), threads=1)


def _queries(engine: Engine) -> Iterator[Query]:
    photos: list[ImageEvidence | None] = [None]
    for name in PHOTOS:
        pixels = engine.classifier.prepare((ROOT / "examples" / "photos" / name).read_bytes())
        photos += engine.classifier.evidence(pixels[None])
    for place, (caption, seeds, photo) in enumerate(product(("", *CAPTIONS), ((), *SEEDS), photos)):
        if place % 3:
            continue  # a third of them, which takes a few seconds
        if bool(caption) + bool(seeds) + (photo is not None) > 1:
            yield Query(words=caption_words(caption), seeds=seeds, image=photo, options=WIDE)


def _cited(one: Suggestion) -> list[str]:
    parts = {name: getattr(one.parts, name) for name in ("image", "caption", "seeds")}
    return [name for name, part in parts.items() if part > MIN_PART * max(parts.values()) > 0]


def test_without_a_cited_input_the_score_is_lower(engine: Engine) -> None:
    """In every combination of inputs, for each input that the reasons of the first twenty name."""
    n_cited = 0
    for query in _queries(engine):
        without = {
            "image": replace(query, image=None),
            "caption": replace(query, words=()),
            "seeds": replace(query, seeds=()),
        }
        left = {
            name: {one.hashtag: one.score for one in engine.recommender.recommend([asked])[0].suggestions}
            for name, asked in without.items()
            if asked != query
        }
        for one in engine.recommender.recommend([query])[0].suggestions[:20]:
            for name in _cited(one):
                n_cited += 1
                assert left[name].get(one.hashtag, -1e9) < one.score, (one.hashtag, name)
    assert n_cited > 1000
