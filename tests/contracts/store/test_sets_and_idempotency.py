"""Saved sets and answers to be repeated, on both databases."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from service.store.database import Store, open_store
from service.store.idempotency import MAX_KEPT, SLACK, IdempotencyRecords, Lease, StoredAnswer
from service.store.sets import ANY, SavedSet, Sets, Stale, VersionNeeded
from service.store.tables import IDEMPOTENCY
from tests.contracts.store.conftest import Clock

ANSWER = StoredAnswer(201, "application/json", b'{"id": 1}')


async def test_a_set_is_read_as_it_was_saved(store: Store, second_store: Store) -> None:
    """In its order, from another process, and by its own workspace alone."""
    saved, is_new = await Sets(store).put("studio", "summer", ["sun", "太陽", "art"])
    assert is_new
    assert await Sets(second_store).get("studio", "summer") == saved
    assert saved.hashtags == ("sun", "太陽", "art")
    assert await Sets(store).get("rival", "summer") is None


async def test_only_the_version_that_was_meant_is_replaced(store: Store) -> None:
    """No version named: refused; a stale one: refused; the one there is, or any: replaced."""
    sets = Sets(store)
    first, _ = await sets.put("studio", "a", ["sun"])
    with pytest.raises(VersionNeeded):
        await sets.put("studio", "a", ["moon"])
    with pytest.raises(Stale):
        await sets.put("studio", "a", ["moon"], if_match=frozenset({"another"}))
    with pytest.raises(Stale):
        await sets.put("studio", "a", ["moon"], if_none_match=True)
    second, is_new = await sets.put("studio", "a", ["moon"], if_match=frozenset({first.etag, "x"}))
    assert (is_new, second.created_ms) == (False, first.created_ms)
    assert second.etag != first.etag
    with pytest.raises(Stale):
        await sets.put("studio", "a", ["sun"], if_match=frozenset({first.etag}))
    assert (await sets.put("studio", "a", ["sun"], if_match=frozenset({ANY})))[0].hashtags == ("sun",)
    with pytest.raises(Stale):
        await sets.put("studio", "nosuch", ["sun"], if_match=frozenset({ANY}))


async def test_a_set_made_anew_is_not_the_one_before(store: Store) -> None:
    """Whoever held the version of the deleted one cannot change its successor."""
    sets = Sets(store)
    first, _ = await sets.put("studio", "a", ["sun"])
    with pytest.raises(VersionNeeded):
        await sets.delete("studio", "a", None)
    with pytest.raises(Stale):
        await sets.delete("studio", "a", frozenset({"another"}))
    assert await sets.delete("studio", "a", frozenset({first.etag}))
    assert not await sets.delete("studio", "a", frozenset({first.etag}))
    await sets.put("studio", "a", ["sun"])
    with pytest.raises(Stale):
        await sets.delete("studio", "a", frozenset({first.etag}))


async def test_of_writers_at_once_one_wins(store: Store, second_store: Store) -> None:
    """Twenty changes of one version: one is made, the others learn that they are late."""
    both = [Sets(store), Sets(second_store)]
    first, _ = await both[0].put("studio", "a", ["sun"])
    tried = await asyncio.gather(
        *(both[i % 2].put("studio", "a", [f"tag{i}"], if_match=frozenset({first.etag})) for i in range(20)),
        return_exceptions=True,
    )
    won = [one for one in tried if not isinstance(one, BaseException)]
    assert len(won) == 1
    assert {type(one) for one in tried if isinstance(one, BaseException)} == {Stale}
    assert await both[1].get("studio", "a") == won[0][0]


async def test_pages_follow_the_names_and_miss_none(store: Store) -> None:
    """Whatever language the database sorts by."""
    sets = Sets(store)
    names = ["B", "a", "Z-1", "z.2", "_", "A", "10", "9"]
    for name in names:
        await sets.put("studio", name, ["sun"])
    found: list[str] = []
    while page := await sets.page("studio", found[-1] if found else "", 3):
        found += [one.name for one in page]
    assert found == sorted(names)
    assert await sets.page("rival", "", 3) == []


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["put", "new", "delete"]), st.sampled_from(["a", "b"]), st.sampled_from(["now", "old", "none"])
    ),
    max_size=12,
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_etags_hold_for_any_sequence(
    empty_database: Path, tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str, str]]
) -> None:
    """A change is made exactly when it names the version that there is, or makes a set where there is none."""
    path = tmp_path_factory.mktemp("sets") / "t.db"
    path.write_bytes(empty_database.read_bytes())
    asyncio.run(_walk(f"sqlite:///{path}", steps))


async def _walk(url: str, steps: list[tuple[str, str, str]]) -> None:
    store = open_store(url)
    sets = Sets(store)
    there: dict[str, SavedSet] = {}
    gone: dict[str, str] = {}
    for action, name, version in steps:
        now = there.get(name)
        etag = now.etag if version == "now" and now else gone.get(name, "never")
        if_match = None if version == "none" else frozenset({etag})
        names_it = now is not None and if_match == frozenset({now.etag})
        try:
            if action == "delete":
                done = await sets.delete("w", name, if_match)
            else:
                there_now, _ = await sets.put("w", name, ["x"], if_match=if_match, if_none_match=action == "new")
                done = True
        except (Stale, VersionNeeded):
            done = False
        if action == "delete":
            assert done == names_it
            if done and now:
                gone[name] = there.pop(name).etag
        else:
            assert done == (names_it or (now is None and if_match is None))
            if done:
                gone[name] = now.etag if now else "never"
                there[name] = there_now
    assert {one.name: one for one in await sets.page("w", "", 10)} == there
    await store.close()


async def test_an_answer_is_given_again(store: Store, second_store: Store, clock: Clock) -> None:
    """To the same request with the same key in the same workspace, from any process, for a day."""
    idempotency, elsewhere = IdempotencyRecords(store, now_ms=clock), IdempotencyRecords(second_store, now_ms=clock)
    lease = await idempotency.take("studio", "k", b"same", 30.0)
    assert isinstance(lease, Lease)
    assert await elsewhere.take("studio", "k", b"same", 30.0) == "running"
    assert await elsewhere.take("studio", "k", b"different", 30.0) == "other"
    assert isinstance(await elsewhere.take("rival", "k", b"same", 30.0), Lease)
    await idempotency.finish(lease, ANSWER)
    clock.pass_s(86_400.0)
    assert await elsewhere.take("studio", "k", b"same", 30.0) == ANSWER
    assert await elsewhere.take("studio", "k", b"different", 30.0) == "other"
    clock.pass_s(0.001)
    assert isinstance(await elsewhere.take("studio", "k", b"different", 30.0), Lease)


async def test_a_dead_workers_lock_runs_out(store: Store, clock: Clock) -> None:
    """The next one takes over, and the dead one's late answer changes nothing."""
    idempotency = IdempotencyRecords(store, now_ms=clock)
    dead = await idempotency.take("studio", "k", b"same", 30.0)
    clock.pass_s(29.9)
    assert await idempotency.take("studio", "k", b"same", 30.0) == "running"
    clock.pass_s(0.1)
    heir = await idempotency.take("studio", "k", b"same", 30.0)
    assert isinstance(dead, Lease)
    assert isinstance(heir, Lease)
    await idempotency.finish(dead, StoredAnswer(500, "text/plain", b"late"))
    await idempotency.give_up(dead)
    await idempotency.finish(heir, ANSWER)
    assert await idempotency.take("studio", "k", b"same", 30.0) == ANSWER


async def test_what_was_given_up_can_be_asked_again(store: Store) -> None:
    """A refusal is no answer to be repeated."""
    idempotency = IdempotencyRecords(store)
    lease = await idempotency.take("studio", "k", b"same", 30.0)
    assert isinstance(lease, Lease)
    await idempotency.give_up(lease)
    assert isinstance(await idempotency.take("studio", "k", b"different", 30.0), Lease)


async def test_of_equal_requests_at_once_one_does_the_work(store: Store, second_store: Store) -> None:
    """Ten through two processes: one lease, nine that wait."""
    both = [IdempotencyRecords(store), IdempotencyRecords(second_store)]
    taken = await asyncio.gather(*(both[i % 2].take("studio", "k", b"same", 30.0) for i in range(10)))
    assert sum(isinstance(one, Lease) for one in taken) == 1
    assert sum(one == "running" for one in taken) == 9


async def test_only_the_newest_answers_of_a_workspace_are_kept(store: Store, clock: Clock) -> None:
    """One that asks for more than a day can hold pushes out its own oldest, and nobody else's."""
    n_rows = MAX_KEPT + SLACK
    row = {"digest": b"d", "locked_until_ms": 0, "holder": "h", "media_type": "a/b", "body": b""}
    rows = [
        {
            **row,
            "workspace": "studio",
            "key_hash": b"%d" % n,
            "created_ms": clock.ms + n,
            "status": None if n == 1 else 201,
        }
        for n in range(n_rows)
    ]
    rows.append({**row, "workspace": "rival", "key_hash": b"0", "created_ms": clock.ms, "status": 201})
    async with store.transaction() as connection:
        await connection.execute(IDEMPOTENCY.insert(), rows)
    clock.pass_s(60.0)
    idempotency = IdempotencyRecords(store, now_ms=clock)
    assert isinstance(await idempotency.take("studio", "new", b"d", 60.0), Lease)
    async with store.statements() as connection:
        left = (await connection.execute(select(IDEMPOTENCY.c.workspace, IDEMPOTENCY.c.created_ms))).all()
    mine = sorted(created - clock.ms + 60_000 for workspace, created in left if workspace == "studio")
    assert len(mine) == MAX_KEPT
    assert mine[:2] == [1, SLACK + 2], "what is still worked on stays, however old"
    assert len(left) == MAX_KEPT + 1
    assert await idempotency.take("studio", "new", b"d", 60.0) == "running"
