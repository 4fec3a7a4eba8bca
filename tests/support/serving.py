"""A service over fakes: what it loads, and the application itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from core.bundle import Bundle
from core.manifest import Manifest
from service.answers import FlaggedHashtag, PlatformEntry, PlatformHashtags, PlatformList, PlatformRule
from service.interpret import Vocabulary
from service.loading import Loaded, describe_bundle
from service.settings import Settings
from tests.support.fakes import CLASS_NAMES, TOPICS, FakeClassifier, FakeRecommender

BUNDLE_ID = "fake-2026.11"


class FakeSets:
    """Two platforms: one takes five hashtags, one any number."""

    names = frozenset({"instagram", "mastodon"})

    def ready_set(self, platform: str, shown: Sequence[str]) -> PlatformHashtags:
        """Return the first five for Instagram, and for Mastodon those that are not Instagram's own."""
        foreign = [tag for tag in shown if platform == "mastodon" and tag.lower().endswith("instagram")]
        kept = [tag for tag in shown if tag not in foreign][: self.max_hashtags(platform)]
        over = [tag for tag in shown if tag not in kept and tag not in foreign]
        left_out = [{"hashtag": tag, "rule": "foreign_platform"} for tag in foreign]
        left_out += [{"hashtag": tag, "rule": "max_hashtags"} for tag in over]
        text = " ".join(f"#{tag}" for tag in kept)
        return PlatformHashtags.model_validate(
            {"hashtags": kept, "text": text, "characters": len(text), "left_out": left_out}
        )

    def max_hashtags(self, platform: str) -> int | None:
        """Return 5 for Instagram."""
        return 5 if platform == "instagram" else None

    def listing(self) -> PlatformList:
        """Return Instagram's one rule."""
        rule = PlatformRule(rule="max_hashtags", value=5, source="https://example.org", as_of="2026-11-01")
        return PlatformList(platforms=[PlatformEntry(platform="instagram", rules=[rule])])


def fake_loaded(classifier: FakeClassifier | None = None, recommender: FakeRecommender | None = None) -> Loaded:
    """Return what a service over fakes serves."""
    manifest = Manifest(
        bundle_id=BUNDLE_ID, files={}, created="2026-11-22T00:00:00Z", topics=TOPICS, counts={"posts": 12}
    )
    bundle = Bundle(Path("nowhere"), manifest)
    return Loaded(
        bundle=bundle,
        classifier=classifier or FakeClassifier(),
        recommender=recommender or FakeRecommender(),
        names=Vocabulary(TOPICS, {name: i for i, name in enumerate(CLASS_NAMES)}, FakeSets.names),
        card=describe_bundle(bundle),
        sets=FakeSets(),
        flagged={
            "art": FlaggedHashtag(hashtag="art", status="restricted", source="https://example.org", as_of="2026-11-01")
        },
    )


def loader(loaded: Loaded) -> Callable[[Settings], Loaded]:
    """Return what ``create_app`` calls to load."""
    return lambda settings: loaded
