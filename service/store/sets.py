"""Saved sets of hashtags. A change names the version that it changes, so that nobody's change is overwritten."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Row, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.clock import MsClock, now_ms
from service.store.database import Store
from service.store.tables import SETS

MAX_SETS = 1_000
ANY = "*"
"""Matches every version."""


@dataclass(frozen=True, slots=True)
class SavedSet:
    """One set as it is stored.

    Attributes:
        name: within its workspace.
        hashtags: in normal form, each once, in the order given.
        etag: of this version; random, so that a set that was deleted and created again has another one.
    """

    name: str
    hashtags: tuple[str, ...]
    etag: str
    created_ms: int
    updated_ms: int


class Stale(Exception):
    """The set is not in the state that the caller's condition names: another version, or absent, or present."""


class VersionNeeded(Exception):
    """The set exists, and the caller did not name the version to change."""


class TooMany(Exception):
    """The workspace already has ``MAX_SETS`` sets."""


class Sets:
    """The saved sets in one store."""

    def __init__(self, store: Store, *, now_ms: MsClock = now_ms) -> None:
        self._store = store
        self._now_ms = now_ms

    async def get(self, workspace: str, name: str) -> SavedSet | None:
        """Return a set, or None when there is none of that name.

        Raises:
            StoreUnavailable: the database is away.
        """
        async with self._store.statements() as connection:
            return await _find(connection, workspace, name)

    async def put(
        self,
        workspace: str,
        name: str,
        hashtags: Sequence[str],
        *,
        if_match: frozenset[str] | None = None,
        if_none_match: bool = False,
    ) -> tuple[SavedSet, bool]:
        """Store a set; return it and whether it is new.

        Args:
            workspace: whose set it is.
            name: of the set.
            hashtags: in normal form.
            if_match: the versions that may be changed, or ``ANY``; None when the caller named none.
            if_none_match: whether the set must not exist yet.

        Raises:
            Stale: the set is at none of these versions, or exists although ``if_none_match`` is given.
            VersionNeeded: the set exists, and no version was named.
            TooMany: the workspace already has ``MAX_SETS`` sets.
            StoreUnavailable: the database is away.
        """
        now, etag = self._now_ms(), secrets.token_hex(16)
        values = {"hashtags": list(hashtags), "etag": etag, "updated_ms": now}
        async with self._store.transaction() as connection:
            if if_match is not None:
                changed = await connection.scalar(
                    update(SETS)
                    .where(_named(workspace, name), *_at(if_match))
                    .values(**values)
                    .returning(SETS.c.created_ms)
                )
                if changed is None:
                    raise Stale
                return SavedSet(name, tuple(hashtags), etag, changed, now), False
            insert = self._store.insert(SETS).values(workspace=workspace, name=name, created_ms=now, **values)
            made = await connection.scalar(insert.on_conflict_do_nothing().returning(SETS.c.etag))
            if made is None:
                raise Stale if if_none_match else VersionNeeded
            n_sets = await connection.scalar(select(func.count()).where(SETS.c.workspace == workspace))
            if (n_sets or 0) > MAX_SETS:
                raise TooMany
        return SavedSet(name, tuple(hashtags), etag, now, now), True

    async def delete(self, workspace: str, name: str, if_match: frozenset[str] | None) -> bool:
        """Delete a set; return whether there was one.

        Raises:
            Stale: the set is at another version.
            VersionNeeded: the set exists, and no version was named.
            StoreUnavailable: the database is away.
        """
        async with self._store.transaction() as connection:
            found = await _find(connection, workspace, name)
            if found is None:
                return False
            if if_match is None:
                raise VersionNeeded
            gone = await connection.scalar(
                delete(SETS).where(_named(workspace, name), *_at(if_match)).returning(SETS.c.etag)
            )
            if gone is None:
                raise Stale
        return True

    async def page(self, workspace: str, after: str, limit: int) -> list[SavedSet]:
        """Return up to ``limit`` sets whose names come after ``after``, ordered by name.

        Raises:
            StoreUnavailable: the database is away.
        """
        # The same order whatever language the database sorts by.
        name = SETS.c.name.collate("C" if self._store.kind == "postgresql" else "BINARY")
        async with self._store.statements() as connection:
            rows = await connection.execute(
                select(SETS).where(SETS.c.workspace == workspace, name > after).order_by(name).limit(limit)
            )
            return [_saved(row) for row in rows]


async def _find(connection: AsyncConnection, workspace: str, name: str) -> SavedSet | None:
    row = (await connection.execute(select(SETS).where(_named(workspace, name)))).one_or_none()
    return None if row is None else _saved(row)


def _named(workspace: str, name: str) -> ColumnElement[bool]:
    return (SETS.c.workspace == workspace) & (SETS.c.name == name)


def _at(if_match: frozenset[str]) -> tuple[ColumnElement[bool], ...]:
    return () if ANY in if_match else (SETS.c.etag.in_(sorted(if_match)),)


def _saved(row: Row[tuple[object, ...]]) -> SavedSet:
    return SavedSet(row.name, tuple(row.hashtags), row.etag, row.created_ms, row.updated_ms)
