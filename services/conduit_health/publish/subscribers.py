"""Tells subscribers which instances changed. What waits for a slow one is a set of ids."""

import asyncio
import contextlib
from collections.abc import Iterable, Iterator

# Subscribers take silence of three times as long for a lost connection.
SIGN_OF_LIFE_SECONDS = 10.0


class Subscription:
    """One watcher's view of what changed since it last looked."""

    def __init__(self) -> None:
        self.is_closed = False
        self._changed: set[int] = set()
        self._event = asyncio.Event()

    def tell(self, provider_ids: Iterable[int]) -> None:
        """Note that instances changed."""
        self._changed.update(provider_ids)
        self._event.set()

    def close(self) -> None:
        """End the watch."""
        self.is_closed = True
        self._event.set()

    async def next(self) -> set[int]:
        """Return the ids of instances that changed; none as a sign of life, or at the end."""
        if not self._event.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SIGN_OF_LIFE_SECONDS):
                    await self._event.wait()
        self._event.clear()
        changed, self._changed = self._changed, set()
        return changed


class Subscribers:
    """Everybody who watches the instances' health."""

    def __init__(self) -> None:
        self._watches: set[Subscription] = set()
        self._is_closed = False

    def tell(self, provider_ids: Iterable[int]) -> None:
        """Note that instances changed."""
        ids = list(provider_ids)
        for watch in self._watches:
            watch.tell(ids)

    def close(self) -> None:
        """End all watches, those to come as well."""
        self._is_closed = True
        for watch in self._watches:
            watch.close()

    @contextlib.contextmanager
    def watching(self) -> Iterator[Subscription]:
        """Watch from here on."""
        watch = Subscription()
        if self._is_closed:
            watch.close()
        self._watches.add(watch)
        try:
            yield watch
        finally:
            self._watches.discard(watch)
