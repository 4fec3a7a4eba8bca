"""The micro-batcher: who shares a batch, who fails, who waits."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import NotReady
from service.engine.batcher import MicroBatcher

Start = Callable[..., MicroBatcher[int, int]]


class Model:
    """Doubles numbers; holds a batch up until told to go on, fails at 13."""

    def __init__(self, *, held: bool = False) -> None:
        self.batches: list[list[int]] = []
        self.entered = threading.Semaphore(0)
        self._go = threading.Semaphore(0)
        self._held = held

    def run(self, items: Sequence[int]) -> list[int]:
        """Note the batch and answer it, once told to go on when held."""
        self.batches.append(list(items))
        self.entered.release()
        if self._held:
            assert self._go.acquire(timeout=10)
        if 13 in items:
            raise ValueError("13")
        return [2 * item for item in items]

    def go(self, n_batches: int = 1) -> None:
        """Let so many batches through."""
        for _ in range(n_batches):
            self._go.release()

    async def has_entered(self) -> None:
        """Wait until one more batch runs."""
        await asyncio.to_thread(self.entered.acquire, timeout=10)


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Start batchers, and close them."""
    async with AsyncExitStack() as stack:
        executor = stack.enter_context(ThreadPoolExecutor(1))

        def begin(
            run: Callable[[Sequence[int]], Sequence[int]], n: int = 4, wait_s: float = 0.0
        ) -> MicroBatcher[int, int]:
            batcher = MicroBatcher(run, executor=executor, max_items=n, max_wait_s=wait_s)
            batcher.start()
            stack.push_async_callback(batcher.close)
            return batcher

        yield begin


async def _submit_all(batcher: MicroBatcher[int, int], items: Sequence[int]) -> list[asyncio.Task[int]]:
    async def one(item: int) -> int:
        return (await batcher.submit(item)).value

    tasks = [asyncio.create_task(one(item)) for item in items]
    await asyncio.sleep(0)
    return tasks


async def test_an_idle_model_answers_at_once(start: Start) -> None:
    """A lone item does not wait for company, however long company may be waited for."""
    model = Model()
    batcher = start(model.run, n=8, wait_s=3600.0)
    done = await asyncio.wait_for(batcher.submit(3), timeout=10)
    assert (done.value, model.batches) == (6, [[3]])


async def test_items_that_come_while_the_model_is_busy_share_batches(start: Start) -> None:
    """What gathers during a run is run together, in order, at most max_items at a time."""
    model = Model(held=True)
    batcher = start(model.run, n=4)
    first = await _submit_all(batcher, [0])
    await model.has_entered()
    rest = await _submit_all(batcher, [1, 2, 3, 4, 5, 6])
    model.go(3)
    assert await asyncio.gather(*first, *rest) == [0, 2, 4, 6, 8, 10, 12]
    assert model.batches == [[0], [1, 2, 3, 4], [5, 6]]


async def test_a_batch_is_filled_up_before_its_oldest_item_is_too_old(start: Start) -> None:
    """With time left the next batch waits for company, and runs as soon as it is full."""
    model = Model(held=True)
    batcher = start(model.run, n=3, wait_s=3600.0)
    first = await _submit_all(batcher, [0])
    await model.has_entered()
    early = await _submit_all(batcher, [1])
    model.go(2)
    await asyncio.gather(*first)
    late = await _submit_all(batcher, [2, 3])
    assert await asyncio.wait_for(asyncio.gather(*early, *late), timeout=10) == [2, 4, 6]
    assert model.batches == [[0], [1, 2, 3]]


async def test_a_poisoned_item_fails_alone(start: Start) -> None:
    """Those that shared its batch get their answers."""
    model = Model(held=True)
    batcher = start(model.run)
    first = await _submit_all(batcher, [0])
    await model.has_entered()
    rest = await _submit_all(batcher, [12, 13, 14])
    model.go(5)
    results = await asyncio.gather(*first, *rest, return_exceptions=True)
    assert results[:2] == [0, 24]
    assert isinstance(results[2], ValueError)
    assert results[3] == 28


async def test_a_model_that_loses_results_is_found_out(start: Start) -> None:
    """Nobody may get another item's result."""
    batcher = start(lambda items: [])
    with pytest.raises(RuntimeError, match="came back as 0"):
        await batcher.submit(1)


async def test_a_cancelled_item_is_not_run(start: Start) -> None:
    """A request that has gone costs the model nothing, and its neighbours nothing either."""
    model = Model(held=True)
    batcher = start(model.run)
    first = await _submit_all(batcher, [0])
    await model.has_entered()
    gone, stays = await _submit_all(batcher, [1, 2])
    gone.cancel()
    await asyncio.sleep(0)
    model.go(2)
    assert await asyncio.gather(*first, stays) == [0, 4]
    assert model.batches == [[0], [2]]


async def test_cancelling_what_runs_hurts_nobody(start: Start) -> None:
    """The batch goes on for the others."""
    model = Model(held=True)
    batcher = start(model.run)
    (running,) = await _submit_all(batcher, [0])
    await model.has_entered()
    running.cancel()
    (after,) = await _submit_all(batcher, [5])
    model.go(2)
    assert await after == 10


async def test_closing_answers_everything_that_waits(start: Start) -> None:
    """Draining loses nothing, and afterwards nothing is taken."""
    model = Model(held=True)
    batcher = start(model.run, n=2, wait_s=3600.0)
    tasks = await _submit_all(batcher, [0])
    await model.has_entered()
    tasks += await _submit_all(batcher, [1, 2, 3])
    model.go(3)
    await asyncio.wait_for(batcher.close(), timeout=10)
    assert await asyncio.gather(*tasks) == [0, 2, 4, 6]
    with pytest.raises(NotReady):
        await batcher.submit(1)


async def test_waiting_and_running_are_told_apart() -> None:
    """waited_s ends where the batch starts, ran_s where it ends; the clock is injected."""
    ticks = iter([10.0, 13.0, 20.0, 20.0])
    with ThreadPoolExecutor(1) as executor:
        batcher: MicroBatcher[int, int] = MicroBatcher(
            lambda xs: xs, executor=executor, max_items=1, max_wait_s=0, clock=lambda: next(ticks)
        )
        batcher.start()
        done = await batcher.submit(1)
        await batcher.close()
    assert (done.waited_s, done.ran_s) == (3.0, 7.0)


@given(st.lists(st.integers(0, 30), min_size=1, max_size=40), st.integers(1, 8))
def test_every_item_gets_its_own_result(items: list[int], max_items: int) -> None:
    """Whatever comes at once, in whatever batches: results do not get mixed up, and errors stay with their item."""
    model = Model()

    async def run() -> list[int | BaseException]:
        with ThreadPoolExecutor(1) as executor:
            batcher = MicroBatcher(model.run, executor=executor, max_items=max_items, max_wait_s=0.0)
            batcher.start()
            results = await asyncio.gather(*await _submit_all(batcher, items), return_exceptions=True)
            await batcher.close()
            return results

    for item, result in zip(items, asyncio.run(run()), strict=True):
        assert isinstance(result, ValueError) if item == 13 else result == 2 * item
    assert max(map(len, model.batches)) <= max_items
