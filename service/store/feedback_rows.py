"""Rows of suggestions and feedback, as one request or a replay of it writes and reads them."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from recommend.workspace import Verdict
from service.store.engine import Store
from service.store.tables import FEEDBACK, FEEDBACK_TAGS, SUGGESTIONS, WORKSPACES


@dataclass(frozen=True, slots=True)
class Given:
    """What somebody said about one answer.

    Attributes:
        feedback_id: by which it can be undone; the same id again changes nothing.
        tags: (hashtag, verdict) pairs, each hashtag once.
    """

    feedback_id: str
    workspace: str
    suggestion_id: str
    created_ms: int
    tags: tuple[tuple[str, Verdict], ...]


class OtherWorkspace(Exception):
    """The thing belongs to another workspace."""


async def shown_hashtags(connection: AsyncConnection, workspace: str, suggestion_id: str) -> frozenset[str] | None:
    """Return the hashtags that an answer held, or None when no such answer is known.

    Raises:
        OtherWorkspace: it was given to another one.
    """
    row = (
        await connection.execute(
            select(SUGGESTIONS.c.workspace, SUGGESTIONS.c.hashtags).where(SUGGESTIONS.c.id == suggestion_id)
        )
    ).one_or_none()
    if row is None:
        return None
    if row.workspace != workspace:
        raise OtherWorkspace
    return frozenset(entry[0] for entry in row.hashtags)


async def insert_feedback(store: Store, connection: AsyncConnection, given: Given) -> None:
    """Write feedback and count its workspace's version up; what is there already, undone or not, stays as it is."""
    inserted = await connection.scalar(
        store.insert(FEEDBACK)
        .values(
            id=given.feedback_id,
            workspace=given.workspace,
            suggestion_id=given.suggestion_id,
            created_ms=given.created_ms,
        )
        .on_conflict_do_nothing()
        .returning(FEEDBACK.c.id)
    )
    if inserted is None:
        return
    if given.tags:
        rows = [{"feedback_id": inserted, "hashtag": tag, "verdict": verdict} for tag, verdict in given.tags]
        await connection.execute(FEEDBACK_TAGS.insert(), rows)
    await count_up(store, connection, given.workspace)


async def count_up(store: Store, connection: AsyncConnection, workspace: str) -> None:
    """Note that the feedback of a workspace changed."""
    insert = store.insert(WORKSPACES).values(workspace=workspace, feedback_version=1)
    await connection.execute(
        insert.on_conflict_do_update(
            index_elements=[WORKSPACES.c.workspace], set_={"feedback_version": WORKSPACES.c.feedback_version + 1}
        )
    )
