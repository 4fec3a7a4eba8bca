"""Rows of suggestions and feedback, read and written alike for a request and for its replay from the spool."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from recommend.workspace import Verdict
from service.store.database import Store
from service.store.tables import FEEDBACK, FEEDBACK_TAGS, SUGGESTIONS, WORKSPACES

MAX_OPINIONS = 50_000
"""Kept of one workspace, the newest: all are read whenever one is added, and older ones have faded most."""
TRIM_EVERY = 128
"""Changes of a workspace's feedback between two looks at how much it has."""


@dataclass(frozen=True, slots=True)
class GivenFeedback:
    """Feedback that somebody gave on one answer.

    Attributes:
        feedback_id: by which it can be taken back; storing the same id again changes nothing.
        tags: (hashtag, verdict) pairs, each hashtag once.
    """

    feedback_id: str
    workspace: str
    suggestion_id: str
    created_ms: int
    tags: tuple[tuple[str, Verdict], ...]


class OtherWorkspace(Exception):
    """A suggestion or feedback belongs to another workspace."""


async def shown_hashtags(connection: AsyncConnection, workspace: str, suggestion_id: str) -> frozenset[str] | None:
    """Return the hashtags of an answer, or None when the answer is unknown.

    Raises:
        OtherWorkspace: the answer was given to another workspace.
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


async def insert_feedback(store: Store, connection: AsyncConnection, given: GivenFeedback) -> None:
    """Store feedback and raise its workspace's version; what has that id already, even taken back, stays."""
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
    await raise_version(store, connection, given.workspace)


async def raise_version(store: Store, connection: AsyncConnection, workspace: str) -> None:
    """Raise a workspace's version, and now and then delete its oldest feedback beyond ``MAX_OPINIONS``."""
    insert = store.insert(WORKSPACES).values(workspace=workspace, feedback_version=1)
    version = await connection.scalar(
        insert.on_conflict_do_update(
            index_elements=[WORKSPACES.c.workspace], set_={"feedback_version": WORKSPACES.c.feedback_version + 1}
        ).returning(WORKSPACES.c.feedback_version)
    )
    if version is not None and version % TRIM_EVERY == 0:
        await _delete_oldest(connection, workspace)


async def _delete_oldest(connection: AsyncConnection, workspace: str) -> None:
    n_tags = (
        select(FEEDBACK.c.id, FEEDBACK.c.created_ms, func.count(FEEDBACK_TAGS.c.hashtag).label("n"))
        .join(FEEDBACK_TAGS, FEEDBACK_TAGS.c.feedback_id == FEEDBACK.c.id)
        .where(FEEDBACK.c.workspace == workspace)
        .group_by(FEEDBACK.c.id, FEEDBACK.c.created_ms)
        .subquery()
    )
    so_far = func.sum(n_tags.c.n).over(order_by=(n_tags.c.created_ms.desc(), n_tags.c.id.desc())).label("so_far")
    counted = select(n_tags.c.id, so_far).subquery()
    await connection.execute(
        delete(FEEDBACK).where(FEEDBACK.c.id.in_(select(counted.c.id).where(counted.c.so_far > MAX_OPINIONS)))
    )
