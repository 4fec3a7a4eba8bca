"""A set of hashtags that somebody already has, judged: form, duplicates, rules, popularity, flags, fit, what is better.

The fit comes from the recommender itself: the set is pinned, so each of its hashtags is scored beside the suggestions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.platforms import Platform, platform_set
from core.suggestions import Answer, Suggestion
from core.text.caption import caption_words
from core.text.hashtags import normalise, why_not
from service.answer.interpret import Asked
from service.answer.lookups import popularity_of, trend_of
from service.engine.loading import Loaded
from service.schemas.answers import Confidence, LeftOut, PlatformHashtags, Safety, Warned
from service.schemas.check import CheckAnswer, CheckedHashtag, Fit, FitLevel, Swap, SwapReason
from service.schemas.requests import CheckRequest, SuggestionRequest

N_GOOD = 20
PINNED = "pinned"


@dataclass(frozen=True, slots=True)
class GivenHashtag:
    """One hashtag as it was given.

    Attributes:
        raw: as given.
        shown: without its sign and outer spaces, as a platform would get it.
        hashtag: normal form, None when it is none.
        duplicate_of: place of the first one with the same normal form, None for that one.
        blocked: the category it is blocked for, or None.
    """

    raw: str
    shown: str
    hashtag: str | None
    duplicate_of: int | None
    blocked: str | None

    @property
    def usable(self) -> bool:
        """Whether it can be judged."""
        return self.hashtag is not None and self.duplicate_of is None and self.blocked is None


def read_set(raw: Sequence[str], loaded: Loaded) -> list[GivenHashtag]:
    """Return the hashtags of a set, each known by its normal form."""
    first: dict[str, int] = {}
    found: list[GivenHashtag] = []
    for place, one in enumerate(raw):
        hashtag = normalise(one)
        before = None if hashtag is None else first.setdefault(hashtag, place)
        found.append(
            GivenHashtag(
                raw=one,
                shown=one.strip().lstrip("#＃").strip(),
                hashtag=hashtag,
                duplicate_of=before if before != place else None,
                blocked=None if hashtag is None else loaded.blocked(hashtag),
            )
        )
    return found


def question(request: CheckRequest, given: Sequence[GivenHashtag]) -> SuggestionRequest | None:
    """Return what to ask the recommender: the set pinned beside the post, or as seeds where there is no post.

    None when there is neither a post nor a hashtag to go on.
    """
    tags = [one.hashtag for one in given if one.usable and one.hashtag is not None]
    about_post = has_post(request)
    if not about_post and not tags:
        return None
    return SuggestionRequest.model_construct(
        image=request.image,
        caption=request.caption,
        seeds=[] if about_post else tags,
        pin=tags if about_post else [],
        platforms=request.platforms,
        topic=request.topic,
        limit=len(tags) + N_GOOD + request.swaps,
        # By score alone: the place among the suggestions is what tells how good a fit is.
        diversity=0.0,
        casing=request.casing,
    )


def has_post(request: CheckRequest) -> bool:
    """Return whether there is an image or a caption with something to go on."""
    return request.image is not None or bool(caption_words(request.caption))


def judge(
    request: CheckRequest,
    given: Sequence[GivenHashtag],
    named: Sequence[str],
    asked: Asked | None,
    answer: Answer | None,
    loaded: Loaded,
    *,
    request_id: str,
) -> CheckAnswer:
    """Return the verdict on ``given``.

    Args:
        request: what was sent.
        given: its hashtags, read.
        named: platforms whose rules are to be kept, each once.
        asked: the question to the recommender, understood; None when there was nothing to ask.
        answer: what it answered.
        loaded: what is known.
        request_id: for the answer.
    """
    suggested = {one.hashtag: one for one in answer.suggestions} if answer else {}
    tags = {one.hashtag for one in given if one.usable}
    fresh = [one for tag, one in suggested.items() if tag not in tags]
    fits = _fits(request, given, answer, suggested, fresh, loaded) if has_post(request) else {}
    platforms = {name: loaded.platforms[name] for name in named}
    reasons = _reasons(given, fits, platforms, loaded)
    notices = [*(asked.warnings if asked else ()), *(answer.warnings if answer else ())]
    kept = [one for one in notices if one.code not in ("fewer_than_limit", "fewer_suggestions")]
    swaps = _swaps(reasons, [one for one in fresh if _is_clean(one, platforms, loaded)], request)
    return CheckAnswer(
        request_id=request_id,
        bundle=loaded.bundle.manifest.bundle_id,
        confidence=None if answer is None else Confidence(level=answer.level, abstain=answer.abstain),
        hashtags=[_checked(one, fits.get(one.hashtag or ""), loaded) for one in given],
        platforms={name: _rules(platform, given, request) for name, platform in platforms.items()},
        swaps=swaps,
        safety=Safety(flagged=[loaded.flagged[tag] for tag in sorted(filter(None, tags)) if tag in loaded.flagged]),
        warnings=[Warned(code=one.code, detail=one.detail, field=one.field) for one in kept],
    )


def _fits(
    request: CheckRequest,
    given: Sequence[GivenHashtag],
    answer: Answer | None,
    suggested: Mapping[str, Suggestion],
    fresh: Sequence[Suggestion],
    loaded: Loaded,
) -> dict[str, Fit]:
    bar = min((one.score for one in fresh[:N_GOOD]), default=float("inf"))
    found: dict[str, Fit] = {}
    for one in given:
        if not one.usable or one.hashtag is None:
            continue
        known = suggested.get(one.hashtag)
        if known is None or answer is None or answer.abstain or not _is_known(known, loaded):
            found[one.hashtag] = Fit(level="unknown", score=None, image=None, caption=None, because=[])
            continue
        parts = known.parts
        said = parts.caption + parts.seeds
        spoken_for = parts.image + said + parts.workspace > 0
        level: FitLevel = "good" if known.score >= bar else "fair" if spoken_for else "poor"
        found[one.hashtag] = Fit(
            level=level,
            score=known.score,
            image=None if request.image is None else parts.image,
            caption=said if request.caption.strip() else None,
            because=[reason for reason in known.because if reason != PINNED],
        )
    return found


def _is_known(one: Suggestion, loaded: Loaded) -> bool:
    """Return whether bundle or feedback say anything of a hashtag."""
    return loaded.catalogue.tag_id(one.hashtag) is not None or one.parts.workspace > 0


def _reasons(
    given: Sequence[GivenHashtag], fits: Mapping[str, Fit], platforms: Mapping[str, Platform], loaded: Loaded
) -> dict[int, SwapReason]:
    """Return place -> why the hashtag there should go, where it should."""
    found: dict[int, SwapReason] = {}
    for place, one in enumerate(given):
        fit = fits.get(one.hashtag or "")
        if one.hashtag is None:
            found[place] = "not_a_hashtag"
        elif one.blocked is not None:
            found[place] = "blocked"
        elif one.duplicate_of is not None:
            found[place] = "duplicate"
        elif one.hashtag in loaded.flagged:
            found[place] = "flagged"
        elif any(platform.rule_broken(one.shown) for platform in platforms.values()):
            found[place] = "platform_rule"
        elif fit is not None and fit.level == "poor":
            found[place] = "poor_fit"
    return found


def _is_clean(one: Suggestion, platforms: Mapping[str, Platform], loaded: Loaded) -> bool:
    return one.hashtag not in loaded.flagged and not any(
        platform.rule_broken(one.hashtag) for platform in platforms.values()
    )


def _swaps(reasons: Mapping[int, SwapReason], fresh: Sequence[Suggestion], request: CheckRequest) -> list[Swap]:
    pairs = list(zip(reasons.items(), fresh, strict=False))[: request.swaps]
    return [
        Swap(
            take_out=place,
            reason=reason,
            put_in=better.hashtag,
            display=better.display if request.casing == "pascal" else better.hashtag,
            score=better.score,
            because=list(better.because),
        )
        for (place, reason), better in pairs
    ]


def _rules(platform: Platform, given: Sequence[GivenHashtag], request: CheckRequest) -> PlatformHashtags:
    """Return what of the set may go on ``platform``; its rules read hashtags as they were given."""
    shown = {one.hashtag: one.shown for one in reversed(given) if one.hashtag is not None and one.blocked is None}
    tags = [one.hashtag for one in given if one.usable and one.hashtag is not None]
    made = platform_set(platform, tags, caption=request.caption, display=shown.__getitem__)
    return PlatformHashtags(
        hashtags=list(made.hashtags),
        text=made.text,
        characters=made.characters,
        left_out=[LeftOut(hashtag=hashtag, rule=rule) for hashtag, rule in made.left_out],
    )


def _checked(one: GivenHashtag, fit: Fit | None, loaded: Loaded) -> CheckedHashtag:
    tag, catalogue = one.hashtag, loaded.catalogue
    number = None if tag is None or one.blocked is not None else catalogue.tag_id(tag)
    return CheckedHashtag(
        given=one.raw,
        hashtag=tag,
        why_not=why_not(one.raw),
        duplicate_of=one.duplicate_of,
        blocked=one.blocked,
        display=None if tag is None else catalogue.display(tag),
        topic=None if number is None else catalogue.topic_of(number),
        popularity=None if number is None else popularity_of(catalogue, number),
        trend=None if tag is None or number is None else trend_of(catalogue.trend(tag)),
        flagged=None if tag is None else loaded.flagged.get(tag),
        fit=fit if one.usable else None,
    )
