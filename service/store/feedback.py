"""What people think of suggestions, and what follows for the next ones.

Values are computed from the feedback itself, not counted up and down: what is undone is as if it had never been.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Literal

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.clock import MsClock, now_ms
from core.errors import StoreUnavailable
from recommend.workspace import HORIZON_DAYS, Event, adjustments
from service.ids import made_at_ms
from service.store.database import Store
from service.store.feedback_rows import Given, OtherWorkspace, count_up, insert_feedback, shown_hashtags
from service.store.journal import Journal
from service.store.tables import DAY_MS, FEEDBACK, FEEDBACK_TAGS, WORKSPACES

YOUNG_MS = 10_000
"""An answer this young may still be on its way into the database, from here or from another process."""
WAIT_S = 0.05
MAX_WAITS = 40
MAX_WORKSPACES = 1_000
MAX_HASHTAGS = 2_000


@dataclass(frozen=True, slots=True)
class Leaning:
    """What a workspace's feedback does to its next answers.

    Attributes:
        values: hashtag -> what its score gains or loses.
        current: False where the database is away and these are the last known ones.
    """

    values: Mapping[str, float]
    current: bool = True


@dataclass(frozen=True, slots=True)
class _Known:
    version: int
    day: int
    values: Mapping[str, float]


class Feedback:
    """The feedback in one store; lives on one event loop."""

    def __init__(
        self,
        store: Store,
        journal: Journal,
        *,
        now_ms: MsClock = now_ms,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._journal = journal
        self._now_ms = now_ms
        self._sleep = sleep
        self._known: OrderedDict[str, _Known] = OrderedDict()

    async def shown(self, workspace: str, suggestion_id: str) -> frozenset[str] | None:
        """Return the hashtags that an answer held; None when nothing is known of it. Waits for one just given.

        Raises:
            OtherWorkspace: the answer was given to another workspace.
            StoreUnavailable: the database is away.
        """
        made = made_at_ms(suggestion_id)
        if made is None:
            return None
        for attempt in range(MAX_WAITS):
            async with self._store.statements() as connection:
                found = await shown_hashtags(connection, workspace, suggestion_id)
            if found is not None:
                return found
            if attempt == 0:
                # It may wait here, also an old one: left by a process that was killed.
                await self._journal.carry_over()
            elif abs(self._now_ms() - made) > YOUNG_MS:
                return None
            else:
                await self._sleep(WAIT_S)
        return None

    async def give(self, given: Given) -> Literal["stored", "kept"]:
        """Store feedback, or keep it for the database while that is away; once this returns it is not lost.

        Raises:
            StoreUnavailable: the database is away and there is no room to keep anything.
        """
        try:
            async with self._store.transaction() as connection:
                await insert_feedback(self._store, connection, given)
        except StoreUnavailable:
            # Should it have been committed in the moment of breaking, the replay finds its id and changes nothing.
            await self.keep(given)
            return "kept"
        return "stored"

    async def keep(self, given: Given) -> None:
        """Keep feedback for the database.

        Raises:
            StoreUnavailable: there is no room.
        """
        fields = asdict(given)
        await self._journal.keep({"kind": "feedback", "id": fields.pop("feedback_id"), **fields})

    async def undo(self, workspace: str, feedback_id: str) -> bool:
        """Take feedback back; return whether there was any such. Again changes nothing.

        Raises:
            OtherWorkspace: it is another workspace's.
            StoreUnavailable: the database is away.
        """
        await self._journal.carry_over()
        async with self._store.transaction() as connection:
            owner = await connection.scalar(select(FEEDBACK.c.workspace).where(FEEDBACK.c.id == feedback_id))
            if owner is None:
                return False
            if owner != workspace:
                raise OtherWorkspace
            undone = await connection.execute(
                update(FEEDBACK)
                .where(FEEDBACK.c.id == feedback_id, FEEDBACK.c.undone_ms.is_(None))
                .values(undone_ms=self._now_ms())
            )
            if undone.rowcount:
                await count_up(self._store, connection, workspace)
        return True

    async def leaning(self, workspace: str) -> Leaning:
        """Return what the workspace's feedback does to its next answer; the last known while the database is away."""
        today = self._now_ms() // DAY_MS
        known = self._known.get(workspace)
        try:
            async with self._store.statements() as connection:
                # The version first: what changes in between is read again at the next request.
                version = await connection.scalar(
                    select(WORKSPACES.c.feedback_version).where(WORKSPACES.c.workspace == workspace)
                )
                if known is None or (known.version, known.day) != (version or 0, today):
                    events = await self._events(connection, workspace, today) if version else []
                    # In a thread: those of one workspace must not hold up the others.
                    values = await asyncio.to_thread(lambda: _strongest(adjustments(events)))
                    known = _Known(version or 0, today, values)
        except StoreUnavailable:
            return Leaning(known.values if known else {}, current=False)
        self._known[workspace] = known
        self._known.move_to_end(workspace)
        if len(self._known) > MAX_WORKSPACES:
            self._known.popitem(last=False)
        return Leaning(known.values)

    async def _events(self, connection: AsyncConnection, workspace: str, today: int) -> list[Event]:
        """Return each opinion once, however often one answer got it."""
        first = func.min(FEEDBACK.c.created_ms)
        rows = await connection.execute(
            select(FEEDBACK_TAGS.c.hashtag, FEEDBACK_TAGS.c.verdict, first)
            .join(FEEDBACK, FEEDBACK.c.id == FEEDBACK_TAGS.c.feedback_id)
            .where(
                FEEDBACK.c.workspace == workspace,
                FEEDBACK.c.undone_ms.is_(None),
                FEEDBACK.c.created_ms >= (today - HORIZON_DAYS) * DAY_MS,
            )
            .group_by(FEEDBACK_TAGS.c.hashtag, FEEDBACK_TAGS.c.verdict, FEEDBACK.c.suggestion_id)
        )
        # A clock that was set back must not make an opinion count for more than a new one.
        return [(tag, verdict, max(0, today - created // DAY_MS)) for tag, verdict, created in rows]


def _strongest(values: Mapping[str, float]) -> dict[str, float]:
    """Return the ``MAX_HASHTAGS`` that move most, in an order that only they decide."""
    ranked = sorted(values.items(), key=lambda item: (-abs(item[1]), item[0]))
    return dict(ranked[:MAX_HASHTAGS])
