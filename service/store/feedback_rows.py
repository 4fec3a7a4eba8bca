"""Rows of suggestions and feedback, as one request or a replay of it writes and reads them."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from recommend.workspace import Verdict
from service.store.database import Store
from service.store.tables import FEEDBACK, FEEDBACK_TAGS, SUGGESTIONS, WORKSPACES

MAX_OPINIONS = 50_000
"""Of a workspace, the newest: all of them are read whenever one is added, and what is older has faded most."""
TRIM_EVERY = 128


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
    """Note that the feedback of a workspace changed, and now and then forget the oldest of what is too much."""
    insert = store.insert(WORKSPACES).values(workspace=workspace, feedback_version=1)
    version = await connection.scalar(
        insert.on_conflict_do_update(
            index_elements=[WORKSPACES.c.workspace], set_={"feedback_version": WORKSPACES.c.feedback_version + 1}
        ).returning(WORKSPACES.c.feedback_version)
    )
    if version is not None and version % TRIM_EVERY == 0:
        await _forget_oldest(connection, workspace)


async def _forget_oldest(connection: AsyncConnection, workspace: str) -> None:
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
