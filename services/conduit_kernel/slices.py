"""Long work in an event loop, in slices between which others run."""

import asyncio
import time
from collections.abc import Callable, Iterable

# How long others may wait for a slice.
SLICE_SECONDS = 0.004


class Slices:
    """Lets others run whenever work has gone on for as long as they may wait."""

    def __init__(
        self, seconds: float = SLICE_SECONDS, *, timer: Callable[[], float] = time.monotonic
    ) -> None:
        self._seconds = seconds
        self._timer = timer
        self._ends = timer() + seconds

    async def pause(self) -> None:
        """Let others run if it is time; call it between small pieces of work."""
        if self._timer() >= self._ends:
            await asyncio.sleep(0)
            self._ends = self._timer() + self._seconds

    async def run(self, pieces: Iterable[None]) -> None:
        """Do work that yields between its pieces."""
        for _ in pieces:
            await self.pause()
