"""A service over fakes: what it loads, and the application itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from core.bundle import Bundle
from core.manifest import Manifest
from core.platforms import load_platforms
from service.answers import FlaggedHashtag
from service.interpret import Vocabulary
from service.loading import Loaded, describe_bundle
from service.settings import Settings
from tests.support.fakes import CLASS_NAMES, TOPICS, FakeClassifier, FakeRecommender

BUNDLE_ID = "fake-2026.11"


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
        names=Vocabulary(TOPICS, {name: i for i, name in enumerate(CLASS_NAMES)}, frozenset(platforms)),
        card=describe_bundle(bundle),
        platforms=platforms,
        flagged={
            "art": FlaggedHashtag(hashtag="art", status="restricted", source="https://example.org", as_of="2026-11-01")
        },
    )


def loader(loaded: Loaded) -> Callable[[Settings], Loaded]:
    """Return what ``create_app`` calls to load."""
    return lambda settings: loaded
