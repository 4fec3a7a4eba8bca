"""What all callers draw from: nobody gets so much of it that nothing is left to others."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack

import httpx
import pytest

from core.errors import Overloaded
from service.app import create_app
from service.engine.batches import Batches
from service.engine.inference import LoadGate
from service.intake import bodies
from service.intake.bodies import LEAST_BYTES, MAX_SMALL_BYTES, PACE_S, ByteBudget, Claim, Pace
from service.intake.fetching import MAX_AT_ONCE
from service.schemas.requests import MAX_BATCH_BYTES
from service.settings import Settings
from service.shares import MAX_CALLERS, OF_LATE_S, CallersOfLate, Holdings, share_of
from tests.support.fakes import PHOTO
from tests.support.guarded_server import Start, guarded_servers
from tests.support.serving import fake_loaded, loader
from tests.support.url_network import Lines, Listener, Names, answer, quick_fetcher, refusal
from tests.unit.service.conftest import until_ready


class Clock:
    """Time as the test has it."""

    now = 100.0

    def __call__(self) -> float:
        """Return it."""
        return self.now


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Start a server with the given bounds; return its port."""
    async with guarded_servers() as begin:
        yield begin


def test_what_is_given_back_is_forgotten() -> None:
    """Callers come and go by the million; those that hold nothing take no memory."""
    holdings = Holdings()
    for n in range(100):
        holdings.add(str(n), 5)
        holdings.add(str(n), -5)
    assert (holdings.total, holdings.of("3"), holdings._by_caller) == (0, 0, {})


def test_callers_of_late_are_those_that_asked_within_seconds() -> None:
    """However many there are, each call looks at a few of them."""
    clock = Clock()
    of_late = CallersOfLate(clock=clock)
    assert [of_late.note(name) for name in "abab"] == [1, 2, 2, 2]
    clock.now += OF_LATE_S + 1
    assert of_late.note("a") == 1
    assert [of_late.note(str(n)) for n in range(MAX_CALLERS + 50)][-1] == MAX_CALLERS


def test_large_bodies_of_one_caller_leave_room_to_others() -> None:
    """Two batches that stop one byte before their end once kept every caption out for two minutes."""
    budget = ByteBudget(128_000_000)
    with ExitStack() as stack:
        first, second, small, other = (stack.enter_context(budget.claims(who)) for who in ("a", "a", "b", "b"))
        budget.draw(first, MAX_BATCH_BYTES - 1)
        with pytest.raises(Overloaded, match="of your large bodies"):
            budget.draw(second, 1_000)
        budget.draw(small, 30)
        budget.draw(other, 15_000_000)
    assert budget.held == 0


def test_large_bodies_of_all_callers_leave_room_to_small_ones() -> None:
    """Any number of keys that send photographs keep no caption out."""
    budget = ByteBudget(128_000_000)
    with ExitStack() as stack:

        def draw(who: str, n_bytes: int) -> Claim:
            claim = stack.enter_context(budget.claims(who))
            budget.draw(claim, n_bytes)
            return claim

        for n in range(7):
            draw(f"photographer {n}", 16_000_000)
        with pytest.raises(Overloaded):
            draw("photographer 7", 16_000_000)
        grown = draw("writer", MAX_SMALL_BYTES)
        with pytest.raises(Overloaded):
            budget.draw(grown, 1)


def test_a_budget_takes_the_largest_body_that_it_can() -> None:
    """Also where that is more than a share."""
    for n_bytes in (32_000_000, 64_000_000, 128_000_000):
        budget = ByteBudget(n_bytes)
        with budget.claims("a") as claim:
            budget.draw(claim, min(n_bytes, MAX_BATCH_BYTES))


def test_a_body_that_came_fast_may_not_stand_still() -> None:
    """Its average would be good for minutes; what counts is when the last 80 kB came."""
    clock = Clock()
    pace = Pace(clock())
    assert pace.due == clock() + PACE_S
    clock.now += 2.0
    pace.came(63_999_999, clock())
    assert pace.due == clock() + PACE_S
    due = pace.due
    for _ in range(int(PACE_S)):
        clock.now += 1.0
        pace.came(LEAST_BYTES // 10, clock())
    assert pace.due == due <= clock()


def test_a_body_that_goes_on_has_all_the_time_of_its_request() -> None:
    """At 17 kB a second it is never cut."""
    clock = Clock()
    pace = Pace(clock())
    for _ in range(120):
        clock.now += 1.0
        pace.came(17_000, clock())
        assert pace.due > clock()


async def test_bodies_that_stop_before_their_end_keep_nobody_out(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """As over the network: two of 64 MB from one address, small ones from another; the stopped one is cut."""
    monkeypatch.setattr(bodies, "PACE_S", 2.0)
    app = create_app(Settings(), load=loader(fake_loaded()))
    async with app.router.lifespan_context(app):
        await until_ready(app)
        port = await start(app=app)

        async def send_almost_all() -> tuple[int, str, float]:
            reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=("127.0.0.2", 0))
            head = f"POST /v1/suggestions/batch HTTP/1.1\r\nHost: localhost\r\nContent-Length: {MAX_BATCH_BYTES}\r\n"
            writer.write(f"{head}Content-Type: application/json\r\n\r\n".encode())
            told = asyncio.create_task(reader.readuntil(b"}"))
            try:
                for _ in range(63):
                    writer.write(b" " * 1_000_000)
                    await writer.drain()
                writer.write(b" " * 999_999)
                await writer.drain()
            except ConnectionError:
                pass
            stopped = time.monotonic()
            lines, _, body = (await told).partition(b"\r\n\r\n")
            writer.close()
            return int(lines.split()[1]), json.loads(body)["code"], time.monotonic() - stopped

        holding = [asyncio.create_task(send_almost_all()) for _ in range(2)]
        statuses = set()
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as other:
            while not all(task.done() for task in holding):
                statuses.add((await other.post("/v1/suggestions", json={"seeds": ["dog"]})).status_code)
                await asyncio.sleep(0.02)
        assert statuses == {200}
        ends = sorted([await task for task in holding])
        assert [end[:2] for end in ends] == [(429, "overloaded"), (503, "timed_out")]
        assert ends[1][2] < 5.0


def test_one_caller_fills_the_gate_until_another_asks() -> None:
    """From then on what is freed goes to the other, up to an equal share."""
    clock = Clock()
    gate = LoadGate(8, clock=clock)

    def enter(caller: str) -> ExitStack:
        inside = ExitStack()
        inside.enter_context(gate.entered(caller))
        return inside

    many = [enter("a") for _ in range(8)]
    with pytest.raises(Overloaded, match="queue is full"):
        enter("b")
    many.pop().close()
    with pytest.raises(Overloaded, match="of your requests"):
        enter("a")
    theirs = [enter("b")]
    for _ in range(3):
        many.pop().close()
        theirs.append(enter("b"))
    assert (len(many), gate.n_inside) == (4, 8)
    many.pop().close()
    with pytest.raises(Overloaded, match="of your requests"):
        enter("b")
    many.append(enter("a"))
    for inside in (*many, *theirs):
        inside.close()
    clock.now += OF_LATE_S + 1
    for inside in [enter("a") for _ in range(8)]:
        inside.close()
    assert gate.n_inside == 0


def test_one_caller_has_its_share_of_the_batches() -> None:
    """A batch may take two minutes, so the rest is kept for others even while they ask for nothing."""
    batches = Batches(64)
    with ExitStack() as stack:
        for _ in range(share_of(8)):
            stack.enter_context(batches.entered("a"))
        with pytest.raises(Overloaded, match="of your batches"), batches.entered("a"):
            pass
        for n in range(share_of(8)):
            stack.enter_context(batches.entered(str(n)))
        with pytest.raises(Overloaded, match="Too many batches"), batches.entered("b"):
            pass


async def test_one_caller_has_its_share_of_the_fetches(listener: Listener, lines: Lines, names: Names) -> None:
    """Servers that keep silent for one caller delay no picture of another."""
    listener.respond = lambda path: None if path == "/silent" else answer(PHOTO)
    fetcher = quick_fetcher(resolve=names, network=lines, total_s=1.0)
    budget = ByteBudget(100_000_000)

    async def fetched_for(caller: str, path: str) -> bytes:
        with budget.claims(caller) as claim:
            return await fetcher.fetch(f"https://public.example/{path}", claim)

    waiting = [asyncio.create_task(fetched_for("a", "silent")) for _ in range(2 * MAX_AT_ONCE)]
    await asyncio.sleep(0.1)
    assert listener.n_connections == share_of(MAX_AT_ONCE)
    assert await asyncio.wait_for(fetched_for("b", "a.jpg"), 0.5) == PHOTO
    await asyncio.gather(*waiting, return_exceptions=True)
    assert (await refusal(fetcher, "https://public.example/silent")).code == "image_url_unreachable"
