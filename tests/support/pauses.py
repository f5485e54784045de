"""How long the event loop lets others wait, on a machine that may have other work to do."""

import asyncio
import functools
import gc
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import ParamSpec, Self

P = ParamSpec("P")

_ROUNDS = 200_000
# What the rounds take on a machine that keeps the limits while it does nothing else.
_QUIET_SECONDS = 0.0105


def slowness() -> float:
    """Return how many times more time work takes now than it does on a quiet machine; at least 1.

    Neighbours on the same core slow a thread down though its own clock does not count them.
    """
    began = time.thread_time()
    sum(i * i for i in range(_ROUNDS))
    return max(1.0, (time.thread_time() - began) / _QUIET_SECONDS)


def in_one_of_three_tries(test: Callable[P, Awaitable[None]]) -> Callable[P, Awaitable[None]]:
    """Have a test of a pause hold if it does once: neighbours only ever make pauses longer."""

    @functools.wraps(test)
    async def tried(*args: P.args, **kwargs: P.kwargs) -> None:
        for _ in range(2):
            try:
                return await test(*args, **kwargs)
            except AssertionError as error:
                sys.stdout.write(f"once more, after: {error}\n")
        return await test(*args, **kwargs)

    return tried


@contextmanager
def garbage_as_in_a_process() -> Iterator[None]:
    """Look for garbage as the processes of `conduit serve` do, apart from all there is so far."""
    threshold = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    try:
        yield
    finally:
        gc.set_threshold(*threshold)
        gc.unfreeze()


class Ticker:
    """Looks at the clock of this thread each time that the event loop lets it.

    That clock stands still while other threads and processes run, so what it shows is what the
    loop itself did in between.
    """

    def __init__(self) -> None:
        # Seconds for which nothing else could run.
        self.longest = 0.0

    async def __aenter__(self) -> Self:
        """Begin to look."""
        self._task = asyncio.create_task(self._run())
        await asyncio.sleep(0)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Look for the last time."""
        await asyncio.sleep(0)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        last = time.thread_time()
        while True:
            await asyncio.sleep(0)
            now = time.thread_time()
            self.longest, last = max(self.longest, now - last), now
