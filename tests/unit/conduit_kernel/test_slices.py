"""Others run between the slices of long work."""

import asyncio
from collections.abc import Iterator

from conduit_kernel.slices import Slices


async def test_others_run_once_a_slice_is_over() -> None:
    """Neither before nor only at the end."""
    now, seen = 0.0, list[float]()

    async def watch() -> None:
        while True:
            seen.append(now)
            await asyncio.sleep(0)

    def pieces() -> Iterator[None]:
        nonlocal now
        for _ in range(10):
            now += 1.0
            yield

    watching = asyncio.create_task(watch())
    await Slices(3.0, timer=lambda: now).run(pieces())
    watching.cancel()
    assert seen == [3, 6, 9]
