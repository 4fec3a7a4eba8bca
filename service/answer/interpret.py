"""What a request's fields mean: hashtags in normal form, conflicts found, one query for the recommender."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.errors import NothingToGoOn
from core.query import ImageEvidence, Options, Query
from core.suggestions import Notice
from core.text.caption import caption_words
from core.text.hashtags import extract, normalise, why_not
from recommend.safety import without_blocked
from service.engine.loading import Vocabulary
from service.problems import invalid
from service.schemas.requests import MAX_SEEDS, Evidence, EvidenceImage, SuggestionRequest

EVIDENCE_SUM_SLACK = 0.05


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, understood.

    Attributes:
        query: for the recommender; its ``image`` is set when evidence was sent, and follows when a file was.
        platforms: each once, in the order given.
        warnings: what was dropped.
    """

    query: Query
    platforms: tuple[str, ...]
    warnings: tuple[Notice, ...]


def understand(request: SuggestionRequest, *, has_file: bool, names: Vocabulary) -> Asked:
    """Return what ``request`` asks for.

    Raises:
        Refusal: a field names something unknown or contradicts another.
        NothingToGoOn: there is no image, no usable word in the caption and no usable seed.
    """
    _refuse_conflicts(request, names)
    platforms = known_platforms(request.platforms, names)
    exclude = normal_hashtags("exclude", request.exclude)
    pin = normal_hashtags("pin", request.pin)
    shared = next((i for i, hashtag in enumerate(pin) if hashtag in set(exclude)), None)
    if shared is not None:
        raise invalid(f"pin[{shared}]", "is in exclude too", request.pin[shared])
    if len(set(pin)) > request.limit:
        raise invalid("pin", f"holds more hashtags than limit ({request.limit})")
    seeds, beyond, warnings = _seeds(request)
    seeds, refused_seeds = without_blocked(seeds, names.blocked, "seeds")
    allowed_pins, refused_pins = without_blocked(tuple(dict.fromkeys(pin)), names.blocked, "pin")
    image = _evidence(request.image.evidence, names) if isinstance(request.image, EvidenceImage) else None
    words = caption_words(request.caption)
    if not (has_file or image or words or seeds):
        raise NothingToGoOn(
            "There is no image, no caption with a usable word and no usable seed: send at least one of them."
        )
    options = Options(
        limit=request.limit,
        topic=request.topic,
        routing=request.routing,
        scorer=request.scorer,
        diversity=request.diversity,
        # A pin that the caption has beyond the bound is still a pin: its author excluded nothing.
        exclude=tuple(dict.fromkeys((*exclude, *(hashtag for hashtag in beyond if hashtag not in pin)))),
        pin=allowed_pins,
        mix=request.mix.counts() if request.mix else None,
        language=request.language.partition("-")[0].lower() if request.language else None,
        explain=request.explain,
    )
    query = Query(words=words, seeds=seeds, image=image, options=options)
    return Asked(query, platforms, (*warnings, *refused_seeds, *refused_pins))


def _refuse_conflicts(request: SuggestionRequest, names: Vocabulary) -> None:
    if request.topic is not None and request.topic not in names.topics:
        raise invalid("topic", f"must be one of {', '.join(names.topics)}", request.topic)
    if request.topic is not None and request.routing == "global":
        raise invalid("topic", "has no meaning with routing=global, which uses no topics", request.topic)
    if request.mix is not None:
        wanted = sum(request.mix.counts().values())
        if wanted == 0:
            raise invalid("mix", "asks for no hashtag at all")
        if wanted > request.limit:
            raise invalid("mix", f"adds up to {wanted}, more than limit ({request.limit})")


def known_platforms(asked: Sequence[str], names: Vocabulary) -> tuple[str, ...]:
    """Return the names of platforms, each once.

    Raises:
        Refusal: one has no rules here.
    """
    found: dict[str, None] = {}
    for i, platform in enumerate(asked):
        name = platform.strip().lower()
        if name not in names.platforms:
            raise invalid(f"platforms[{i}]", f"must be one of {', '.join(sorted(names.platforms))}", platform)
        found[name] = None
    return tuple(found)


def normal_hashtags(field: str, raw: Sequence[str]) -> list[str]:
    """Return the normal forms of a list in which each must be a hashtag, in the order given.

    Raises:
        Refusal: one cannot be a hashtag; leaving it out would not do what was asked.
    """
    found: list[str] = []
    for i, text in enumerate(raw):
        hashtag = normalise(text)
        if hashtag is None:
            raise invalid(f"{field}[{i}]", f"is no hashtag: {why_not(text)}", text)
        found.append(hashtag)
    return found


def _seeds(request: SuggestionRequest) -> tuple[tuple[str, ...], tuple[str, ...], tuple[Notice, ...]]:
    """Return (seeds, hashtags of the caption beyond the bound, warnings)."""
    seeds: dict[str, None] = {}
    warnings: list[Notice] = []
    for i, raw in enumerate(request.seeds):
        hashtag = normalise(raw)
        if hashtag is None:
            warnings.append(Notice("seed_dropped", why_not(raw) or "it is no hashtag", f"seeds[{i}]"))
        else:
            seeds[hashtag] = None
    in_caption = [hashtag for hashtag in extract(request.caption) if hashtag not in seeds]
    room = max(0, MAX_SEEDS - len(seeds))
    beyond = tuple(in_caption[room:])
    if beyond:
        detail = (
            f"only {MAX_SEEDS} hashtags count as seeds; {len(beyond)} of the caption's do not, nor are they suggested"
        )
        warnings.append(Notice("seed_dropped", detail, "caption"))
    return (*seeds, *in_caption[:room]), beyond, tuple(warnings)


def _evidence(evidence: Evidence, names: Vocabulary) -> ImageEvidence:
    """Return what the caller's own classifier saw, in the bundle's order."""
    topics = np.zeros(len(names.topics), dtype=np.float32)
    for topic, probability in evidence.topics.items():
        if topic not in names.topics:
            raise invalid("image.evidence.topics", f"may only name {', '.join(names.topics)}", topic)
        topics[names.topics.index(topic)] = probability
    total = float(topics.sum())
    if abs(total - 1.0) > EVIDENCE_SUM_SLACK:
        raise invalid("image.evidence.topics", f"must sum to 1, not {total:.3g}")
    seen: dict[int, float] = {}
    for i, given in enumerate(evidence.classes):
        class_id = names.classes.get(given.name)
        if class_id is None:
            field = f"image.evidence.classes[{i}].name"
            raise invalid(field, "is no ImageNet class that this bundle knows", given.name)
        seen[class_id] = max(given.p, seen.get(class_id, 0.0))
    ranked = sorted(seen.items(), key=lambda item: (-item[1], item[0]))
    return ImageEvidence(
        topics=topics / np.float32(total),
        class_ids=np.array([class_id for class_id, _ in ranked], dtype=np.int32),
        class_probabilities=np.array([probability for _, probability in ranked], dtype=np.float32),
    )
