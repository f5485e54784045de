"""Time that passes only when a test lets it."""

import asyncio
import heapq
import itertools

# Enough for whatever a wake-up sets going.
TURNS = 30


class Clock:
    """A clock, and a sleep that goes by it."""

    def __init__(self) -> None:
        self.now = 0.0
        self._order = itertools.count()
        self._sleeping: list[tuple[float, int, asyncio.Future[None]]] = []

    def __call__(self) -> float:
        """Return seconds since the beginning."""
        return self.now

    @property
    def sleeping(self) -> int:
        """How many sleep, and have not given up."""
        return sum(not woken.done() for _, _, woken in self._sleeping)

    async def sleep(self, seconds: float) -> None:
        """Return when the clock was advanced so far."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleeping, (self.now + seconds, next(self._order), woken))
        await woken

    async def advance(self, seconds: float) -> None:
        """Let time pass, and everybody who sleeps wake in turn."""
        end = self.now + seconds
        await settle()
        while self._sleeping and self._sleeping[0][0] <= end:
            self.now, _, woken = heapq.heappop(self._sleeping)
            if not woken.done():
                woken.set_result(None)
                await settle()
        self.now = end


async def settle() -> None:
    """Let all tasks go as far as they can without time."""
    for _ in range(TURNS):
        await asyncio.sleep(0)
