"""A service over fakes: what it loads, and the application itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from core.bundle.manifest import Manifest
from core.bundle.opening import Bundle
from core.platforms import load_platforms
from embeddings.cooccurrence import TokenisedPost, count_posts
from embeddings.nearest import unit_rows
from recommend.catalogue.lookups import Catalogue
from service.engine.loading import Loaded, Vocabulary, describe_bundle
from service.schemas.answers import FlaggedHashtag
from service.settings import Settings
from tests.support.fakes import CLASS_NAMES, TOPICS, VOCABULARY, FakeClassifier, FakeRecommender

BUNDLE_ID = "fake-2026.11"
BLOCKED = "forbiddenword"


def fake_loaded(classifier: FakeClassifier | None = None, recommender: FakeRecommender | None = None) -> Loaded:
    """Return what a service over fakes serves."""
    manifest = Manifest(
        bundle_id=BUNDLE_ID, files={}, created="2026-11-22T00:00:00Z", topics=TOPICS, counts={"posts": 12}
    )
    bundle = Bundle(Path("nowhere"), manifest)
    platforms = load_platforms()
    return Loaded(
        bundle=bundle,
        classifier=classifier or FakeClassifier(),
        recommender=recommender or FakeRecommender(),
        names=Vocabulary(TOPICS, {name: i for i, name in enumerate(CLASS_NAMES)}, frozenset(platforms), blocked),
        card=describe_bundle(bundle),
        platforms=platforms,
        flagged={
            "art": FlaggedHashtag(hashtag="art", status="restricted", source="https://example.org", as_of="2026-11-01")
        },
        catalogue=fake_catalogue(),
        blocked=blocked,
    )


def blocked(hashtag: str) -> str | None:
    """Return the category of the one hashtag that a service over fakes never suggests."""
    return "hate" if hashtag == BLOCKED else None


def fake_catalogue() -> Catalogue:
    """Return what is known of the fakes' vocabulary: the first of it is used most, pairs are used together."""
    posts = [
        TokenisedPost(VOCABULARY[n : n + 2]) for n in range(len(VOCABULARY)) for _ in range(3 * (len(VOCABULARY) - n))
    ]
    weights = np.array([[1.0, 0.0, 0.0] if "dog" in post.hashtags else [0.0, 0.5, 0.5] for post in posts])
    counts = count_posts(posts, topics=TOPICS, topic_weights=weights, min_authors=1, min_cell=1)
    meanings = unit_rows(np.random.default_rng(0).normal(size=(len(counts.tags), 4)).astype(np.float32))
    return Catalogue(counts, str.capitalize, meanings=meanings)


def loader(loaded: Loaded) -> Callable[[Settings], Loaded]:
    """Return what ``create_app`` calls to load."""
    return lambda settings: loaded
