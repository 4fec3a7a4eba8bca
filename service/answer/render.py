"""From the recommender's answer to the one that goes out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from core.platforms import Platform, platform_set
from core.suggestions import Answer, Notice, Suggestion
from core.text.hashtags import extract
from service.answer.interpret import Asked
from service.engine.loading import Loaded
from service.schemas.answers import (
    ClassProbability,
    Confidence,
    HashtagPopularity,
    LeftOut,
    ModelUsed,
    PlatformHashtags,
    Safety,
    ScoreParts,
    SuggestedHashtag,
    SuggestionAnswer,
    TopicProbability,
    Trend,
    TrendCounts,
    Warned,
)
from service.schemas.requests import Casing, SuggestionRequest


def render(
    answer: Answer, request: SuggestionRequest, asked: Asked, loaded: Loaded, *, request_id: str, suggestion_id: str
) -> SuggestionAnswer:
    """Return the body that answers ``request``."""
    spelt = {suggestion.hashtag: spelling(suggestion, request.casing) for suggestion in answer.suggestions}
    suggestions = [
        _suggestion(suggestion, spelt[suggestion.hashtag], explain=request.explain) for suggestion in answer.suggestions
    ]
    platforms: dict[str, PlatformHashtags] = {}
    warnings = [*asked.warnings, *answer.warnings]
    for name in asked.platforms:
        platforms[name] = ready_set(loaded.platforms[name], list(spelt), caption=request.caption, display=spelt)
        warnings += _shortage(loaded.platforms[name], platforms[name], request)
    return SuggestionAnswer(
        request_id=request_id,
        suggestion_id=suggestion_id,
        bundle=loaded.bundle.manifest.bundle_id,
        model=ModelUsed(scorer=request.scorer, routing=request.routing),
        topics=[TopicProbability(topic=topic, probability=p) for topic, p in answer.topics],
        classes=[ClassProbability(name=name, probability=p) for name, p in answer.classes],
        confidence=Confidence(level=answer.level, abstain=answer.abstain),
        suggestions=suggestions,
        platforms=platforms,
        safety=Safety(flagged=[loaded.flagged[hashtag] for hashtag in spelt if hashtag in loaded.flagged]),
        trends=None
        if answer.trends is None
        else TrendCounts(snapshot=answer.trends.snapshot, as_of=answer.trends.as_of.isoformat()),
        warnings=warned(warnings),
    )


def spelling(suggestion: Suggestion, casing: Casing) -> str:
    """Return how a suggested hashtag is to be spelt."""
    return suggestion.display if casing == "pascal" else suggestion.hashtag


def ready_set(
    platform: Platform, hashtags: Sequence[str], *, caption: str, display: Mapping[str, str]
) -> PlatformHashtags:
    """Return what of ``hashtags`` may go on ``platform`` beside the caption, spelt as ``display`` says."""
    made = platform_set(platform, hashtags, caption=caption, display=display.__getitem__)
    return PlatformHashtags(
        hashtags=list(made.hashtags),
        text=made.text,
        characters=made.characters,
        left_out=[LeftOut(hashtag=hashtag, rule=rule) for hashtag, rule in made.left_out],
    )


def warned(notices: Iterable[Notice]) -> list[Warned]:
    """Return ``notices`` as an answer has them."""
    return [Warned(code=notice.code, detail=notice.detail, field=notice.field) for notice in notices]


def _suggestion(suggestion: Suggestion, display: str, *, explain: bool) -> SuggestedHashtag:
    parts, popularity, trend = suggestion.parts, suggestion.popularity, suggestion.trend
    return SuggestedHashtag(
        hashtag=suggestion.hashtag,
        display=display,
        score=suggestion.score,
        topic=suggestion.topic,
        parts=ScoreParts(
            image=parts.image,
            caption=parts.caption,
            seeds=parts.seeds,
            popularity=parts.popularity,
            workspace=parts.workspace,
        ),
        because=list(suggestion.because) if explain else [],
        popularity=HashtagPopularity(posts=popularity.posts, tier=popularity.tier, percentile=popularity.percentile),
        trend=None if trend is None else Trend(direction=trend.direction, ratio=trend.ratio),
    )


def _shortage(platform: Platform, ready: PlatformHashtags, request: SuggestionRequest) -> list[Notice]:
    """Return the warning that a set is smaller than what its platform takes, and why."""
    if platform.max_hashtags is None:
        return []
    n_in_caption = len(extract(request.caption))
    if n_in_caption + len(ready.hashtags) >= platform.max_hashtags:
        return []
    n_suggested = len(ready.hashtags) + len(ready.left_out)
    why = f"{n_suggested} were suggested"
    if ready.left_out:
        why += f" and {len(ready.left_out)} left out by its rules"
    detail = f"{platform.title} takes {platform.max_hashtags} hashtags and this set has {len(ready.hashtags)}: {why}"
    return [Notice("platform_set_short", detail, f"platforms.{platform.name}")]
