"""From the recommender's answer to the one that goes out."""

from __future__ import annotations

from core.suggestions import Answer, Notice, Suggestion
from service.answers import (
    ClassProbability,
    Confidence,
    HashtagPopularity,
    ModelUsed,
    PlatformHashtags,
    Safety,
    ScoreParts,
    SuggestedHashtag,
    SuggestionAnswer,
    TopicProbability,
    Warned,
)
from service.ids import suggestion_id
from service.interpret import Asked
from service.loading import Loaded
from service.schemas import Casing, SuggestionRequest


def render(
    answer: Answer, request: SuggestionRequest, asked: Asked, loaded: Loaded, *, request_id: str
) -> SuggestionAnswer:
    """Return the body that answers ``request``; only its two ids differ between equal requests."""
    suggestions = [_suggestion(one, request.casing, explain=request.explain) for one in answer.suggestions]
    shown = [one.display for one in suggestions]
    platforms: dict[str, PlatformHashtags] = {}
    warnings = [*asked.warnings, *answer.warnings]
    for name in asked.platforms:
        platforms[name] = loaded.sets.ready_set(name, shown)
        warnings += _shortage(name, len(platforms[name].hashtags), len(shown), loaded)
    return SuggestionAnswer(
        request_id=request_id,
        suggestion_id=suggestion_id(),
        bundle=loaded.bundle.manifest.bundle_id,
        model=ModelUsed(scorer=request.scorer, routing=request.routing),
        topics=[TopicProbability(topic=topic, probability=p) for topic, p in answer.topics],
        classes=[ClassProbability(name=name, probability=p) for name, p in answer.classes],
        confidence=Confidence(level=answer.level, abstain=answer.abstain),
        suggestions=suggestions,
        platforms=platforms,
        safety=Safety(flagged=[loaded.flagged[one.hashtag] for one in suggestions if one.hashtag in loaded.flagged]),
        warnings=[Warned(code=notice.code, detail=notice.detail, field=notice.field) for notice in warnings],
    )


def _suggestion(one: Suggestion, casing: Casing, *, explain: bool) -> SuggestedHashtag:
    parts, popularity = one.parts, one.popularity
    return SuggestedHashtag(
        hashtag=one.hashtag,
        display=one.display if casing == "pascal" else one.hashtag,
        score=one.score,
        topic=one.topic,
        parts=ScoreParts(
            image=parts.image,
            caption=parts.caption,
            seeds=parts.seeds,
            popularity=parts.popularity,
            workspace=parts.workspace,
        ),
        because=list(one.because) if explain else [],
        popularity=HashtagPopularity(posts=popularity.posts, tier=popularity.tier, percentile=popularity.percentile),
        trend=None,
    )


def _shortage(platform: str, n_kept: int, n_suggested: int, loaded: Loaded) -> list[Notice]:
    """Return the warning that a set is smaller than what its platform takes."""
    most = loaded.sets.max_hashtags(platform)
    if most is None or n_kept >= most:
        return []
    left_out = f", {n_suggested - n_kept} of them left out by its rules" if n_kept < n_suggested else ""
    detail = f"{platform} takes {most} hashtags and the set has {n_kept}: {n_suggested} were suggested{left_out}"
    return [Notice("platform_set_short", detail, f"platforms.{platform}")]
