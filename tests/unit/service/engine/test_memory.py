"""The memory of pictures in flight is bounded, and nobody is kept out for ever."""

from __future__ import annotations

import asyncio

from service.engine.memory import MemoryBudget


def test_small_pictures_are_decoded_side_by_side() -> None:
    """As long as there is room for both."""

    async def both() -> None:
        budget = MemoryBudget(100)
        async with asyncio.timeout(10):
            await budget.claim(50)
            await budget.claim(50)

    asyncio.run(both())


def test_a_large_picture_waits_its_turn_and_is_not_overtaken() -> None:
    """It goes in when the one before is done; a small one that came later waits behind it."""

    async def in_order() -> None:
        budget = MemoryBudget(100)
        give_first_back = await budget.claim(60)
        large = asyncio.create_task(budget.claim(100))
        await asyncio.sleep(0)
        small = asyncio.create_task(budget.claim(10))
        for _ in range(5):
            await asyncio.sleep(0)
        assert not large.done()
        assert not small.done()
        give_first_back()
        give_large_back = await asyncio.wait_for(large, 10)
        for _ in range(5):
            await asyncio.sleep(0)
        assert not small.done()
        give_large_back()
        await asyncio.wait_for(small, 10)

    asyncio.run(in_order())


def test_whoever_leaves_the_queue_keeps_nobody_out() -> None:
    """A caller whose time ran out while waiting holds nothing, and a claim over the whole bound is met alone."""

    async def leave() -> None:
        budget = MemoryBudget(100)
        give_back = await budget.claim(10**9)
        gone = asyncio.create_task(budget.claim(50))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
        give_back()
        async with asyncio.timeout(10):
            (await budget.claim(100))()
            await budget.claim(100)

    asyncio.run(leave())
