"""Feedback on suggestions, and what it does to a workspace's next answers.

Its effect is computed from the stored feedback, not counted up and down: after feedback is taken back, everything is as
if it had never been given.
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
from service.store.database import Store
from service.store.feedback_rows import GivenFeedback, OtherWorkspace, insert_feedback, raise_version, shown_hashtags
from service.store.ids import is_unrecorded, made_at_ms
from service.store.journal import Journal
from service.store.tables import DAY_MS, FEEDBACK, FEEDBACK_TAGS, WORKSPACES

YOUNG_MS = 10_000
"""An answer younger than this may still be on its way into the database, from this process or another."""
WAIT_S = 0.05
MAX_WAITS = 40
"""How often, ``WAIT_S`` apart, an answer so young is looked for."""
CARRIED_EVERY = 10
"""Of those, how often what waits in the spool is moved first."""
MAX_WORKSPACES = 1_000
"""Workspaces whose effects are kept in memory; the least recently used go first."""
MAX_HASHTAGS = 2_000
"""Hashtags of one workspace that its feedback moves, the strongest first."""


@dataclass(frozen=True, slots=True)
class Leaning:
    """What a workspace's feedback does to its next answers.

    Attributes:
        values: hashtag -> what its score gains or loses.
        current: False when the database is away and these are the last known values.
    """

    values: Mapping[str, float]
    current: bool = True


@dataclass(frozen=True, slots=True)
class _Known:
    version: int
    day: int
    values: Mapping[str, float]


class Feedback:
    """The feedback in one database; lives on one event loop."""

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
        """Return the hashtags of an answer, or None when it is unknown. Waits for an answer that was just given.

        Raises:
            OtherWorkspace: the answer was given to another workspace.
            StoreUnavailable: the database is away.
        """
        made = made_at_ms(suggestion_id)
        if made is None or is_unrecorded(suggestion_id):
            return None
        for attempt in range(MAX_WAITS):
            async with self._store.statements() as connection:
                found = await shown_hashtags(connection, workspace, suggestion_id)
            if found is not None:
                return found
            if attempt % CARRIED_EVERY == 0:
                # It may wait in the spool, even in one that a process left there which was killed just now.
                await self._journal.carry_over(adopt=True)
            elif abs(self._now_ms() - made) > YOUNG_MS:
                return None
            else:
                await self._sleep(WAIT_S)
        return None

    async def give(self, given: GivenFeedback) -> Literal["stored", "kept"]:
        """Store feedback, or keep it in the spool while the database is away; once this returns it is not lost.

        Raises:
            StoreUnavailable: the database is away and the spool is full.
        """
        try:
            async with self._store.transaction() as connection:
                await insert_feedback(self._store, connection, given)
        except StoreUnavailable:
            # If it was committed just as the connection broke, the replay finds its id and changes nothing.
            await self.keep(given)
            return "kept"
        return "stored"

    async def keep(self, given: GivenFeedback) -> None:
        """Keep feedback in the spool until the database takes it.

        Raises:
            StoreUnavailable: the spool is full.
        """
        fields = asdict(given)
        await self._journal.keep({"kind": "feedback", "id": fields.pop("feedback_id"), **fields})

    async def undo(self, workspace: str, feedback_id: str) -> bool:
        """Take feedback back; return whether it exists. Taking it back again changes nothing.

        Raises:
            OtherWorkspace: the feedback belongs to another workspace.
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
                await raise_version(self._store, connection, workspace)
        return True

    async def leaning(self, workspace: str) -> Leaning:
        """Return what a workspace's feedback does to its next answer; the last known values if the database is away."""
        today = self._now_ms() // DAY_MS
        known = self._known.get(workspace)
        try:
            async with self._store.statements() as connection:
                # The version is read first: a change in between is then noticed at the next request.
                version = await connection.scalar(
                    select(WORKSPACES.c.feedback_version).where(WORKSPACES.c.workspace == workspace)
                )
                if known is None or (known.version, known.day) != (version or 0, today):
                    events = await self._events(connection, workspace, today) if version else []
                    # In a thread, so that a workspace with much feedback does not hold up the others.
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
        """Return each opinion once, however often it was given on one answer."""
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
        # Never negative: after a clock was set back an old opinion must not count for more than a new one.
        return [(tag, verdict, max(0, today - created // DAY_MS)) for tag, verdict, created in rows]


def _strongest(values: Mapping[str, float]) -> dict[str, float]:
    """Return the ``MAX_HASHTAGS`` strongest values, in an order that depends on nothing else."""
    ranked = sorted(values.items(), key=lambda item: (-abs(item[1]), item[0]))
    return dict(ranked[:MAX_HASHTAGS])
