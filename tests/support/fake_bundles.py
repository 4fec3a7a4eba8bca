"""Bundles that open and verify like real ones and answer with fakes: each knows hashtags that no other does."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from core.bundle.draft import DraftBundle
from core.bundle.manifest import Provenance
from core.bundle.opening import open_bundle
from core.errors import BundleCorrupt
from core.query import Query
from service.engine.loading import Loaded, describe_bundle, locate
from service.settings import Settings
from tests.support.fakes import TOPICS, FakeRecommender
from tests.support.serving import fake_loaded

WORDS = "words.txt"
N_TAGS = 20
DEADLY = "deadly"
"""A bundle whose id begins so ends the process that opens it, as a fault of native code would."""


def publish_fake(store: Path, bundle_id: str) -> Path:
    """Publish a bundle whose hashtags all begin with its id, make it current, and return its folder."""
    with DraftBundle(store, bundle_id) as draft:
        draft.path(WORDS).write_text("\n".join(f"{bundle_id}{number}" for number in range(N_TAGS)), encoding="utf-8")
        draft.seal(Provenance(created="2026-11-22T00:00:00Z", topics=TOPICS))
        return draft.publish().root


def load_fake_bundle(settings: Settings, before: Callable[[Query], None] = lambda query: None) -> Loaded:
    """Return what a service of the bundle that ``settings`` name answers with."""
    bundle = open_bundle(locate(settings))
    if WORDS not in bundle.names():
        raise BundleCorrupt(f"{bundle.root} has no {WORDS}")
    if bundle.manifest.bundle_id.startswith(DEADLY):
        os.abort()
    vocabulary = bundle.path(WORDS).read_text("utf-8").split()
    loaded = fake_loaded(recommender=FakeRecommender(before=before, vocabulary=vocabulary))
    return replace(loaded, bundle=bundle, card=describe_bundle(bundle))
