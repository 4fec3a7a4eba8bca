"""From settings to what is served: the bundle opened and verified, its parts assembled, rules and lists read."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.bundle.opening import Bundle, open_bundle, pointer_mark, resolve_bundle
from core.errors import BundleCorrupt, BundleMissing
from core.platforms import Platform, load_platforms
from core.ports import ImageClassifier, Recommender
from core.query import Query
from core.text.flags import Flag, load_flags
from recommend.assemble import assemble
from recommend.catalogue.lookups import Catalogue
from recommend.safety import Blocked, nothing_blocked
from service.schemas.answers import BundleCard, FlaggedHashtag
from service.settings import PREFIX, Settings

CARD = "card.md"
METRICS = "metrics.json"


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The names that a request may use.

    Attributes:
        topics: the bundle's, in the order of ``ImageEvidence.topics``.
        classes: ImageNet class name to index; of two classes with the same name, the first.
        platforms: the platforms that have rules.
        blocked: returns the category for which a hashtag in normal form is never suggested, or None.
    """

    topics: tuple[str, ...]
    classes: Mapping[str, int]
    platforms: frozenset[str]
    blocked: Blocked = nothing_blocked


@dataclass(frozen=True, slots=True)
class Loaded:
    """What is served: all that requests need of the packages below.

    Attributes:
        names: the names that a request may use.
        card: the answer of /v1/bundle.
        platforms: rules by platform.
        flagged: hashtags that a platform restricts, each with a dated source.
        catalogue: look-ups over the vocabulary.
        blocked: returns the category for which a hashtag in normal form is never suggested, or None.
    """

    bundle: Bundle
    classifier: ImageClassifier
    recommender: Recommender
    names: Vocabulary
    card: BundleCard
    platforms: Mapping[str, Platform]
    flagged: Mapping[str, FlaggedHashtag]
    catalogue: Catalogue
    blocked: Blocked


def load(settings: Settings) -> Loaded:
    """Return what ``settings`` name; takes seconds, so it is called in a thread.

    Raises:
        BundleError: there is no such bundle, or it cannot be used.
        MissingExtra: the runtime for the picture network is not installed.
        DataError: the platforms' file, the block list or the file of flags is malformed.
    """
    bundle = open_bundle(locate(settings))
    engine = assemble(bundle, runtime=settings.runtime, threads=settings.threads, blocklist=settings.blocklist)
    platforms = load_platforms(settings.platforms)
    class_ids: dict[str, int] = {}
    for number, label in enumerate(engine.knowledge.class_labels):
        class_ids.setdefault(label, number)
    return Loaded(
        bundle=bundle,
        classifier=engine.classifier,
        recommender=engine.recommender,
        names=Vocabulary(engine.classifier.topics, class_ids, frozenset(platforms), engine.blocked),
        card=describe_bundle(bundle),
        platforms=platforms,
        flagged={tag: _shown_flag(flag) for tag, flag in load_flags(settings.flags).items()},
        catalogue=engine.catalogue,
        blocked=engine.blocked,
    )


def locate(settings: Settings) -> Path:
    """Return the folder of the bundle to serve: the named one, the folder's current one, or until then the starter.

    Raises:
        BundleMissing: there is none.
    """
    if settings.bundle is None:
        raise BundleMissing(f"no bundle is named: set {PREFIX}BUNDLE to a bundle or a folder of bundles")
    try:
        return resolve_bundle(settings.bundle)
    except BundleMissing:
        if settings.starter is None or pointer_mark(settings.bundle) is not None:
            raise
        return settings.starter


def _shown_flag(flag: Flag) -> FlaggedHashtag:
    return FlaggedHashtag(hashtag=flag.hashtag, status=flag.status, source=flag.source, as_of=flag.as_of.isoformat())


def describe_bundle(bundle: Bundle) -> BundleCard:
    """Return the bundle's description of itself."""
    manifest = bundle.manifest
    listed = bundle.names()
    try:
        card = bundle.path(CARD).read_text("utf-8") if CARD in listed else ""
        metrics: dict[str, Any] = json.loads(bundle.path(METRICS).read_text("utf-8")) if METRICS in listed else {}
    except (OSError, ValueError) as error:
        raise BundleCorrupt(f"{CARD} or {METRICS} in {bundle.root} cannot be read: train the bundle again") from error
    return BundleCard(
        bundle=manifest.bundle_id,
        created=manifest.created,
        format_version=manifest.format_version,
        topics=list(manifest.topics),
        counts=dict(manifest.counts),
        licences=[dict(licence) for licence in manifest.licences],
        metrics=metrics,
        card=card,
    )


def warm_up(loaded: Loaded) -> None:
    """Answer a made-up request, so that the first real one finds everything in memory."""
    pixels = loaded.classifier.prepare(_grey_bitmap(64))
    evidence = loaded.classifier.evidence(pixels[None])[0]
    loaded.recommender.recommend([Query(words=("sunny", "day"), seeds=("nature",), image=evidence)])


def _grey_bitmap(side: int) -> bytes:
    """Return a square grey picture as BMP, the one format that needs no encoder."""
    pixels = b"\x80" * (side * side * 3)
    info = struct.pack("<IiiHHIIiiII", 40, side, side, 1, 24, 0, len(pixels), 2835, 2835, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + len(pixels), 0, 0, 54) + info + pixels
