"""Keys: created, listed, revoked and looked up.

A key is 256 random bits, so its SHA-256 is as hard to invert as the key is to guess. The slow hashes that
passwords need, because people choose them, would cost every request milliseconds and gain nothing.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sqlalchemy import Row, select, update

from core.clock import MsClock, now_ms
from core.errors import StoreUnavailable
from service.store.database import Store
from service.store.tables import BUCKETS, KEYS

PREFIX = "tgs"
_ID_BYTES, _SECRET_BYTES = 7, 32
KEY = re.compile(r"tgs_([a-z2-7]{12})_[a-z2-7]{52}")
"""The form of a key: a prefix of its own and a fixed length, so that scanners for leaked secrets find it."""
WORKSPACE = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
FRESH_S = 30.0
"""How old the copy of the keys may be while the database answers."""
KEYLESS_FRESH_S = 1.0
"""The same while there is no key: once the first one is created, calls must soon need it."""
GRACE_S = 3600.0
"""How long the copy may be used while the database is away. Nobody can revoke a key in that time."""


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key as it is stored, without its secret.

    Attributes:
        key_id: the public part of the key.
        hash: SHA-256 of the whole key, 32 bytes.
        per_minute: how many requests it may make in a minute; after a minute without any, that many at once.
    """

    key_id: str
    hash: bytes
    workspace: str
    name: str
    scopes: frozenset[str]
    per_minute: int
    created_ms: int
    expires_ms: int | None
    revoked_ms: int | None


def new_key() -> tuple[str, str]:
    """Return the id of a new key and the key."""
    key_id = _letters(secrets.token_bytes(_ID_BYTES) + b"\0")[:12]
    return key_id, f"{PREFIX}_{key_id}_{_letters(secrets.token_bytes(_SECRET_BYTES))}"


def parse_key(text: str) -> str | None:
    """Return the id in a key, or None when ``text`` does not have the form of a key."""
    found = KEY.fullmatch(text)
    return found.group(1) if found else None


def digest_of(key: str) -> bytes:
    """Return the SHA-256 of a key, which is what is stored of it."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()


class KeyRing:
    """The keys in one database, with a copy in memory for when the database is away."""

    def __init__(self, store: Store, *, now_ms: MsClock = now_ms, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._now_ms = now_ms
        self._clock = clock
        self._copy: dict[str, StoredKey] | None = None
        self._copied_at = 0.0
        self._had_any = False

    async def create(
        self, *, workspace: str, name: str, scopes: Iterable[str], per_minute: int, lifetime_s: float | None
    ) -> tuple[StoredKey, str]:
        """Return a new key as it is stored, and the key itself, which is not stored anywhere.

        Raises:
            StoreUnavailable: the database is away.
        """
        key_id, key = new_key()
        created = self._now_ms()
        expires = None if lifetime_s is None else created + int(lifetime_s * 1000.0)
        stored = StoredKey(
            key_id, digest_of(key), workspace, name, frozenset(scopes), per_minute, created, expires, None
        )
        async with self._store.transaction() as connection:
            await connection.execute(
                KEYS.insert().values(
                    id=key_id,
                    hash=stored.hash,
                    workspace=workspace,
                    name=name,
                    scopes=" ".join(sorted(stored.scopes)),
                    per_minute=per_minute,
                    created_ms=created,
                    expires_ms=expires,
                )
            )
            await connection.execute(
                BUCKETS.insert().values(key_id=key_id, tokens=float(per_minute), refilled_ms=created)
            )
        self._copy = None
        return stored, key

    async def all(self) -> list[StoredKey]:
        """Return every key that was ever created, oldest first.

        Raises:
            StoreUnavailable: the database is away.
        """
        async with self._store.statements() as connection:
            rows = (await connection.execute(select(KEYS).order_by(KEYS.c.created_ms, KEYS.c.id))).all()
        return [_stored(row) for row in rows]

    async def revoke(self, key_id: str) -> bool:
        """Revoke a key for good; return whether there was such a key.

        Raises:
            StoreUnavailable: the database is away.
        """
        async with self._store.statements() as connection:
            known = await connection.scalar(select(KEYS.c.id).where(KEYS.c.id == key_id))
            await connection.execute(
                update(KEYS).where(KEYS.c.id == key_id, KEYS.c.revoked_ms.is_(None)).values(revoked_ms=self._now_ms())
            )
        return known is not None

    async def find(self, key_id: str) -> StoredKey | None:
        """Return a key by its id, as it is now; while the database is away, as it was last known.

        Raises:
            StoreUnavailable: the database has been away for longer than ``GRACE_S``.
        """
        try:
            if self._copy is None or self._age_s() > FRESH_S:
                await self.refresh()
            async with self._store.statements() as connection:
                row = (await connection.execute(select(KEYS).where(KEYS.c.id == key_id))).one_or_none()
        except StoreUnavailable:
            if self._copy is None or self._age_s() > GRACE_S:
                raise
            return self._copy.get(key_id)
        found = None if row is None else _stored(row)
        if found is not None and self._copy is not None:
            # A key that was seen to be revoked must not be valid again when the database goes away.
            self._copy[key_id] = found
        return found

    async def any_key(self) -> bool:
        """Return whether any key was ever created: from then on every call needs a key, even when all are revoked.

        Also when the database is replaced by one without keys: nobody is let in by that.

        Raises:
            StoreUnavailable: the database is away, and the keys were never read in this process.
        """
        if self._had_any:
            return True
        try:
            if self._copy is None or self._age_s() > KEYLESS_FRESH_S:
                await self.refresh()
        except StoreUnavailable:
            if self._copy is None:
                raise
        return self._had_any

    async def refresh(self) -> None:
        """Copy the keys into memory.

        Raises:
            StoreUnavailable: the database is away.
        """
        self._copy = {key.key_id: key for key in await self.all()}
        self._copied_at = self._clock()
        self._had_any = self._had_any or bool(self._copy)

    def is_valid(self, key: StoredKey) -> bool:
        """Return whether a key is neither revoked nor expired."""
        return key.revoked_ms is None and (key.expires_ms is None or self._now_ms() < key.expires_ms)

    def _age_s(self) -> float:
        return self._clock() - self._copied_at


def _stored(row: Row[tuple[object, ...]]) -> StoredKey:
    return StoredKey(
        key_id=row.id,
        hash=bytes(row.hash),
        workspace=row.workspace,
        name=row.name,
        scopes=frozenset(row.scopes.split()),
        per_minute=row.per_minute,
        created_ms=row.created_ms,
        expires_ms=row.expires_ms,
        revoked_ms=row.revoked_ms,
    )


def _letters(data: bytes) -> str:
    return base64.b32encode(data).decode("ascii").rstrip("=").lower()
