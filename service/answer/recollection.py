"""What an answer takes from the store and leaves there: the workspace's leaning, and a record for feedback on it.

Neither may keep an answer from going out: while the database is away the last known feedback counts, and the record
waits in the spool. The answer says so.
"""

from __future__ import annotations

from dataclasses import replace

from core.clock import now_ms
from core.query import Query
from core.suggestions import Notice
from service.context import RequestContext
from service.schemas.answers import SuggestionAnswer, Warned

CODE = "store_unavailable"
OUTDATED = "the database is away: feedback that was given since it went is not in this list"
UNRECORDED = "there is no room to remember this answer: feedback on it will not be accepted"


async def with_leaning(context: RequestContext, query: Query) -> tuple[Query, tuple[Notice, ...]]:
    """Return ``query`` with what its workspace's feedback says, and a warning where that may be out of date."""
    leaning = await context.parts.repositories.feedback.leaning(context.workspace)
    notices = () if leaning.current else (Notice(CODE, OUTDATED),)
    return replace(query, workspace=leaning.values), notices


def recorded(context: RequestContext, answer: SuggestionAnswer) -> SuggestionAnswer:
    """Return ``answer`` once it is on record: its hashtags, no caption and no picture."""
    entry = {
        "kind": "suggestion",
        "id": answer.suggestion_id,
        "workspace": context.workspace,
        "bundle": answer.bundle,
        "created_ms": now_ms(),
        "hashtags": [[suggestion.hashtag] for suggestion in answer.suggestions],
    }
    if context.parts.repositories.journal.note(entry):
        return answer
    return answer.model_copy(update={"warnings": [*answer.warnings, Warned(code=CODE, detail=UNRECORDED)]})
