"""A set of hashtags that somebody already has, judged: form, duplicates, rules, popularity, flags, fit, what is better.

The fit comes from the recommender itself: the set is pinned, so each of its hashtags is scored beside the suggestions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.platforms import Platform
from core.suggestions import Answer, Suggestion
from core.text.caption import caption_words
from core.text.hashtags import normalise, why_not
from service.answer.interpret import Asked, known_platforms
from service.answer.lookups import popularity_of, trend_of
from service.answer.post import recommended
from service.answer.render import ready_set, spelling, warned
from service.context import RequestContext
from service.engine.lifecycle import ServedBundle
from service.engine.loading import Loaded
from service.intake.bodies import Claim
from service.intake.post import ReadRequest
from service.schemas.answers import Confidence, Safety
from service.schemas.check import CheckAnswer, CheckedHashtag, Fit, FitLevel, Swap, SwapReason
from service.schemas.requests import CheckRequest, SuggestionRequest

N_GOOD = 20
PINNED = "pinned"
ABOUT_THE_NUMBER = ("fewer_than_limit", "fewer_suggestions")
"""Codes of warnings about how many were suggested, which nobody asked a check for."""


@dataclass(frozen=True, slots=True)
class GivenHashtag:
    """One hashtag as it was given.

    Attributes:
        raw: as given.
        shown: without its sign and outer spaces, as a platform would get it.
        hashtag: normal form; None when it is not a hashtag.
        duplicate_of: index of the first hashtag with the same normal form; None for that first one.
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


async def answer_check(
    context: RequestContext, serving: ServedBundle, check: ReadRequest[CheckRequest], claim: Claim
) -> CheckAnswer:
    """Return the verdict on a set of hashtags.

    Args:
        context: of the request that the set came with.
        serving: the bundle that answers it.
        check: as intake read it.
        claim: what a fetched picture's bytes are drawn from.

    Raises:
        Refusal: a field means nothing here, or the picture's URL is refused or silent.
        TagsmithError: the check cannot be answered, or not now.
    """
    request, loaded = check.request, serving.loaded
    with context.stages.measured("read"):
        platforms = known_platforms(request.platforms, loaded.names)
        given = given_hashtags(request.hashtags, loaded)
        asking = question(request, given)
    asked, answer = await recommended(context, serving, asking, check, claim) if asking else (None, None)
    return judge(request, given, platforms, asked, answer, loaded, request_id=context.request_id)


def given_hashtags(raw: Sequence[str], loaded: Loaded) -> list[GivenHashtag]:
    """Return the hashtags of a set, each known by its normal form."""
    first: dict[str, int] = {}
    found: list[GivenHashtag] = []
    for i, text in enumerate(raw):
        hashtag = normalise(text)
        before = None if hashtag is None else first.setdefault(hashtag, i)
        found.append(
            GivenHashtag(
                raw=text,
                shown=text.strip().lstrip("#＃").strip(),
                hashtag=hashtag,
                duplicate_of=before if before != i else None,
                blocked=None if hashtag is None else loaded.blocked(hashtag),
            )
        )
    return found


def question(request: CheckRequest, given: Sequence[GivenHashtag]) -> SuggestionRequest | None:
    """Return what to ask the recommender: the set pinned beside the post, or as seeds where there is no post.

    None when there is neither a post nor a hashtag to go on.
    """
    tags = _usable(given)
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
    suggested = {suggestion.hashtag: suggestion for suggestion in answer.suggestions} if answer else {}
    tags = _usable(given)
    fresh = [suggestion for tag, suggestion in suggested.items() if tag not in set(tags)]
    fits = _fits(request, tags, answer, suggested, fresh, loaded) if has_post(request) else {}
    platforms = {name: loaded.platforms[name] for name in named}
    reasons = _reasons(given, fits, platforms, loaded)
    swaps = _swaps(reasons, [better for better in fresh if _is_clean(better, platforms, loaded)], request)
    # Platforms' rules read hashtags as they were given.
    shown = {tag.hashtag: tag.shown for tag in reversed(given) if tag.hashtag is not None and tag.blocked is None}
    notices = [*(asked.warnings if asked else ()), *(answer.warnings if answer else ())]
    return CheckAnswer(
        request_id=request_id,
        bundle=loaded.bundle.manifest.bundle_id,
        confidence=None if answer is None else Confidence(level=answer.level, abstain=answer.abstain),
        hashtags=[_checked(tag, fits.get(tag.hashtag or ""), loaded) for tag in given],
        platforms={
            name: ready_set(platform, tags, caption=request.caption, display=shown)
            for name, platform in platforms.items()
        },
        swaps=swaps,
        safety=Safety(flagged=[loaded.flagged[tag] for tag in sorted(tags) if tag in loaded.flagged]),
        warnings=warned(notice for notice in notices if notice.code not in ABOUT_THE_NUMBER),
    )


def _usable(given: Sequence[GivenHashtag]) -> list[str]:
    return [tag.hashtag for tag in given if tag.usable and tag.hashtag is not None]


def _fits(
    request: CheckRequest,
    tags: Sequence[str],
    answer: Answer | None,
    suggested: Mapping[str, Suggestion],
    fresh: Sequence[Suggestion],
    loaded: Loaded,
) -> dict[str, Fit]:
    """Return how well each of ``tags`` fits; ``fresh`` are the suggestions that are not among them."""
    bar = min((suggestion.score for suggestion in fresh[:N_GOOD]), default=float("inf"))
    found: dict[str, Fit] = {}
    for tag in tags:
        known = suggested.get(tag)
        if known is None or answer is None or answer.abstain or not _is_known(known, loaded):
            found[tag] = Fit(level="unknown", score=None, image=None, caption=None, because=[])
            continue
        parts = known.parts
        said = parts.caption + parts.seeds
        spoken_for = parts.image + said + parts.workspace > 0
        level: FitLevel = "good" if known.score >= bar else "fair" if spoken_for else "poor"
        found[tag] = Fit(
            level=level,
            score=known.score,
            image=None if request.image is None else parts.image,
            caption=said if request.caption.strip() else None,
            because=[reason for reason in known.because if reason != PINNED],
        )
    return found


def _is_known(suggestion: Suggestion, loaded: Loaded) -> bool:
    """Return whether the bundle or the workspace's feedback knows a hashtag."""
    return loaded.catalogue.tag_id(suggestion.hashtag) is not None or suggestion.parts.workspace > 0


def _reasons(
    given: Sequence[GivenHashtag], fits: Mapping[str, Fit], platforms: Mapping[str, Platform], loaded: Loaded
) -> dict[int, SwapReason]:
    """Return why a hashtag should go, by its index in the set, for those that should."""
    found: dict[int, SwapReason] = {}
    for i, tag in enumerate(given):
        fit = fits.get(tag.hashtag or "")
        if tag.hashtag is None:
            found[i] = "not_a_hashtag"
        elif tag.blocked is not None:
            found[i] = "blocked"
        elif tag.duplicate_of is not None:
            found[i] = "duplicate"
        elif tag.hashtag in loaded.flagged:
            found[i] = "flagged"
        elif any(platform.rule_broken(tag.shown) for platform in platforms.values()):
            found[i] = "platform_rule"
        elif fit is not None and fit.level == "poor":
            found[i] = "poor_fit"
    return found


def _is_clean(suggestion: Suggestion, platforms: Mapping[str, Platform], loaded: Loaded) -> bool:
    tag = suggestion.hashtag
    return tag not in loaded.flagged and not any(platform.rule_broken(tag) for platform in platforms.values())


def _swaps(reasons: Mapping[int, SwapReason], fresh: Sequence[Suggestion], request: CheckRequest) -> list[Swap]:
    pairs = list(zip(reasons.items(), fresh, strict=False))[: request.swaps]
    return [
        Swap(
            take_out=i,
            reason=reason,
            put_in=better.hashtag,
            display=spelling(better, request.casing),
            score=better.score,
            because=list(better.because),
        )
        for (i, reason), better in pairs
    ]


def _checked(given: GivenHashtag, fit: Fit | None, loaded: Loaded) -> CheckedHashtag:
    tag, catalogue = given.hashtag, loaded.catalogue
    trends = catalogue.trends.fresh()
    number = None if tag is None or given.blocked is not None else catalogue.tag_id(tag)
    return CheckedHashtag(
        given=given.raw,
        hashtag=tag,
        why_not=why_not(given.raw),
        duplicate_of=given.duplicate_of,
        blocked=given.blocked,
        display=None if tag is None else catalogue.display(tag),
        topic=None if number is None else catalogue.topic_of(number),
        popularity=None if number is None else popularity_of(catalogue, number),
        trend=None if tag is None or number is None or trends is None else trend_of(trends.trend(tag)),
        flagged=None if tag is None else loaded.flagged.get(tag),
        fit=fit if given.usable else None,
    )
