"""How many requests of a batch are under way at a time."""

import asyncio


class CallWindow:
    """Grows with each call that succeeds, and halves where somebody asks to slow down.

    So a batch uses what others leave, and gives way where there is not enough for all.
    """

    def __init__(self, most: int) -> None:
        """Take the most calls at a time."""
        self._most = most
        self._size = float(most)
        self._taken = 0
        self._changed = asyncio.Event()

    @property
    def size(self) -> int:
        """Return how many calls there may be just now."""
        return max(1, int(self._size))

    @property
    def is_idle(self) -> bool:
        """Return whether no call is under way."""
        return not self._taken

    async def take(self) -> None:
        """Count a call, once there is room for it."""
        while self._taken >= self.size:
            self._changed.clear()
            await self._changed.wait()
        self._taken += 1

    def give(self) -> None:
        """Count the end of a call."""
        self._taken -= 1
        self._changed.set()

    def succeeded(self) -> None:
        """Let there be more."""
        self._size = min(self._most, self._size + 1 / self._size)
        self._changed.set()

    def slowed(self) -> None:
        """Let there be half of it."""
        self._size = max(1.0, self._size / 2)
