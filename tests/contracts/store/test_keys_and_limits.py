"""Keys and their buckets, on both databases."""

from __future__ import annotations

import asyncio

import pytest

from core.errors import StoreUnavailable
from service.store.database import Store
from service.store.key_limits import KeyLimits
from service.store.key_ring import KEY, KeyRing, StoredKey, digest_of, parse_key
from service.store.tables import KEYS
from tests.contracts.store.conftest import Clock, take_away


async def _create(ring: KeyRing, *, per_minute: int = 60, lifetime_s: float | None = None) -> tuple[StoredKey, str]:
    return await ring.create(
        workspace="studio", name="queue", scopes=["read", "suggest"], per_minute=per_minute, lifetime_s=lifetime_s
    )


async def test_a_key_is_found_by_its_id_and_stored_as_its_hash_alone(store: Store, second_store: Store) -> None:
    """Another process knows the key the moment that it is made, and no row holds it."""
    stored, key = await _create(KeyRing(store))
    assert KEY.fullmatch(key)
    assert parse_key(key) == stored.key_id
    found = await KeyRing(second_store).find(stored.key_id)
    assert found == stored
    assert found.hash == digest_of(key)
    async with store.statements() as connection:
        row = (await connection.execute(KEYS.select())).one()
    assert key.rpartition("_")[2] not in repr(row)


async def test_keys_are_never_equal(store: Store) -> None:
    """Neither their ids nor their secrets."""
    made = [await _create(KeyRing(store)) for _ in range(20)]
    assert len({stored.key_id for stored, _ in made}) == len({key for _, key in made}) == 20


async def test_a_revoked_key_is_worthless_at_once_and_stays_listed(store: Store, second_store: Store) -> None:
    """Also for a process that used it a moment ago; revoking twice changes nothing."""
    ring, other = KeyRing(store), KeyRing(second_store)
    stored, _ = await _create(ring)
    before = await other.find(stored.key_id)
    assert before is not None
    assert other.is_valid(before)
    assert await ring.revoke(stored.key_id)
    after = await other.find(stored.key_id)
    assert after is not None
    assert not other.is_valid(after)
    assert await ring.revoke(stored.key_id)
    assert [key.revoked_ms for key in await ring.all()] == [after.revoked_ms]
    assert not await ring.revoke("nosuchkey")


async def test_a_key_expires(store: Store, clock: Clock) -> None:
    """To the moment."""
    ring = KeyRing(store, now_ms=clock)
    stored, _ = await _create(ring, lifetime_s=60.0)
    clock.pass_s(59.9)
    assert ring.is_valid(stored)
    clock.pass_s(0.1)
    assert not ring.is_valid(stored)


async def test_keys_are_on_for_good_once_there_was_one(store: Store, second_store: Store) -> None:
    """Revoking a leaked key must not open the service to everyone."""
    ring, seconds = KeyRing(store), [0.0]
    other = KeyRing(second_store, clock=lambda: seconds[0])
    assert not await other.any_key()
    stored, _ = await _create(ring)
    await ring.revoke(stored.key_id)
    seconds[0] += 1.1
    assert await other.any_key()
    assert await ring.any_key()


async def test_keys_seen_before_are_known_for_an_hour_without_the_database(store: Store) -> None:
    """A worker goes on with what it knew; who was unknown stays so, and after an hour nobody is let in."""
    seconds = [0.0]
    stored, _ = await _create(KeyRing(store))
    ring = KeyRing(store, clock=lambda: seconds[0])
    await ring.refresh()
    await take_away(store)
    assert await ring.find(stored.key_id) == stored
    assert await ring.find("someoneelse1") is None
    assert await ring.any_key()
    seconds[0] = 3601.0
    with pytest.raises(StoreUnavailable):
        await ring.find(stored.key_id)


async def test_a_key_that_was_seen_to_be_revoked_stays_so_without_the_database(
    store: Store, second_store: Store, clock: Clock
) -> None:
    """The copy for bad times is as new as the last look at each key; one that expires meanwhile expires."""
    ring, worker = KeyRing(store), KeyRing(second_store, now_ms=clock)
    revoked, _ = await _create(ring)
    short, _ = await _create(KeyRing(store, now_ms=clock), lifetime_s=60.0)
    assert await worker.find(revoked.key_id) == revoked
    await ring.revoke(revoked.key_id)
    assert await worker.find(revoked.key_id) != revoked
    await take_away(second_store)
    known = await worker.find(revoked.key_id)
    assert known is not None
    assert not worker.is_valid(known)
    assert worker.is_valid(short)
    clock.pass_s(60.0)
    assert await worker.find(short.key_id) == short
    assert not worker.is_valid(short)


async def test_a_bucket_holds_a_minutes_worth_and_fills_evenly(store: Store, clock: Clock) -> None:
    """What is taken comes back at the key's rate, and never more than a full bucket."""
    limits = KeyLimits(store, now_ms=clock)
    key, _ = await _create(KeyRing(store, now_ms=clock), per_minute=6)
    assert [(await limits.take(key.key_id, 6, 1)).allowed for _ in range(7)] == [True] * 6 + [False]
    refused = await limits.take(key.key_id, 6, 1)
    assert refused.retry_after_s == pytest.approx(10.0)
    assert refused.full_in_s == pytest.approx(60.0)
    clock.pass_s(10.0)
    assert [(await limits.take(key.key_id, 6, 1)).allowed for _ in range(2)] == [True, False]
    clock.pass_s(86_400.0)
    assert (await limits.take(key.key_id, 6, 2)).left == pytest.approx(4.0)
    assert (await limits.look(key.key_id, 6)).left == pytest.approx(4.0)


async def test_more_than_a_full_bucket_costs_a_full_bucket(store: Store, clock: Clock) -> None:
    """A batch of a hundred is possible with a rate of six, once a minute."""
    limits = KeyLimits(store, now_ms=clock)
    key, _ = await _create(KeyRing(store, now_ms=clock), per_minute=6)
    assert (await limits.take(key.key_id, 6, 100)).allowed
    clock.pass_s(59.0)
    assert not (await limits.take(key.key_id, 6, 100)).allowed
    clock.pass_s(1.0)
    assert (await limits.take(key.key_id, 6, 100)).allowed


async def test_a_clock_that_jumps_neither_starves_nor_feeds_a_key(store: Store, clock: Clock) -> None:
    """Forwards it fills one bucket, back again a minute is the longest wait; small differences count for nothing."""
    limits = KeyLimits(store, now_ms=clock)
    key, _ = await _create(KeyRing(store, now_ms=clock), per_minute=6)
    await limits.take(key.key_id, 6, 6)
    clock.pass_s(-5.0)
    assert not (await limits.take(key.key_id, 6, 1)).allowed
    clock.pass_s(5.0)
    assert not (await limits.take(key.key_id, 6, 1)).allowed
    clock.pass_s(86_400.0)
    await limits.take(key.key_id, 6, 6)
    clock.pass_s(-86_400.0)
    assert not (await limits.take(key.key_id, 6, 1)).allowed
    clock.pass_s(10.0)
    assert not (await limits.take(key.key_id, 6, 1)).allowed, "a refusal leaves the bucket as it is"
    assert (await limits.take(key.key_id, 6, 0)).allowed
    clock.pass_s(10.0)
    assert (await limits.take(key.key_id, 6, 1)).allowed


async def test_two_processes_never_share_a_token(store: Store, second_store: Store, clock: Clock) -> None:
    """Forty requests at once through two connections pools, ten tokens: ten are let in."""
    key, _ = await _create(KeyRing(store, now_ms=clock), per_minute=10)
    both = [KeyLimits(store, now_ms=clock), KeyLimits(second_store, now_ms=clock)]
    rates = await asyncio.gather(*(both[i % 2].take(key.key_id, 10, 1) for i in range(40)))
    assert sum(rate.allowed for rate in rates) == 10


async def test_without_the_database_a_process_counts_by_itself(store: Store, clock: Clock) -> None:
    """The rate is kept while the database is away, if only here."""
    seconds = [0.0]
    limits = KeyLimits(store, now_ms=clock, clock=lambda: seconds[0])
    await take_away(store)
    assert [(await limits.take("k", 3, 1)).allowed for _ in range(4)] == [True] * 3 + [False]
    seconds[0] += 20.0
    assert (await limits.take("k", 3, 1)).allowed
