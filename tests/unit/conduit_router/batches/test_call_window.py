"""How many requests of a batch are under way at a time."""

import asyncio

from conduit_router.batches.call_window import CallWindow


async def taken(window: CallWindow) -> int:
    """Take as many places as there are."""
    count = 0
    while True:
        try:
            async with asyncio.timeout(0):
                await window.take()
        except TimeoutError:
            return count
        count += 1


async def test_there_are_no_more_than_the_most() -> None:
    """Whoever comes then waits until one ends."""
    window = CallWindow(3)
    assert await taken(window) == 3
    waiting = asyncio.create_task(window.take())
    await asyncio.sleep(0)
    assert not waiting.done()
    window.give()
    await waiting


async def test_it_halves_where_somebody_is_slow_and_grows_again() -> None:
    """To one at least, and back to the most."""
    window = CallWindow(16)
    sizes = list[int]()
    for _ in range(6):
        window.slowed()
        sizes.append(window.size)
    assert sizes == [8, 4, 2, 1, 1, 1]
    assert await taken(window) == 1
    for _ in range(200):
        window.succeeded()
    assert window.size == 16
