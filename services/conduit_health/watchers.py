"""Tells watchers which instances changed. What waits for a slow one is a set of ids, not a list."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable

# Watchers take silence of three times as long for a lost connection.
SIGN_OF_LIFE_SECONDS = 10.0


class Watchers:
    """Everybody who watches the instances' health."""

    def __init__(self) -> None:
        self._waiting: dict[asyncio.Event, set[int]] = {}
        self._is_closed = False

    def tell(self, provider_ids: Iterable[int]) -> None:
        """Note that instances changed."""
        ids = set(provider_ids)
        for event, changed in self._waiting.items():
            changed |= ids
            event.set()

    def close(self) -> None:
        """End all watches."""
        self._is_closed = True
        self.tell(())

    async def watch(self) -> AsyncIterator[set[int]]:
        """Yield the ids of instances that changed; an empty set as a sign of life."""
        event = asyncio.Event()
        changed = self._waiting[event] = set()
        try:
            while not self._is_closed:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(SIGN_OF_LIFE_SECONDS):
                        await event.wait()
                event.clear()
                told = set(changed)
                changed.clear()
                if not self._is_closed:
                    yield told
        finally:
            del self._waiting[event]
