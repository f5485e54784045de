"""Writes recorded history points to the database in batches, and reads them with what waits."""

import asyncio
from collections.abc import Sequence

from conduit_health.history.recorder import HistoryPoint, HistoryRecorder
from conduit_health.history.store import HistoryStore
from conduit_kernel.errors import ServiceUnavailable


class HistoryWriter:
    """Writes moments, one batch at a time, and knows which are stored and which are not yet."""

    def __init__(self, recorder: HistoryRecorder, store: HistoryStore) -> None:
        self._recorder = recorder
        self._store = store
        self._lock = asyncio.Lock()

    async def write(self) -> None:
        """Store what waits. ServiceUnavailable if the database is away.

        Nothing is lost by that, nor by whoever breaks it off.
        """
        async with self._lock:
            points = self._recorder.drain()
            try:
                await self._store.add(points)
            except (ServiceUnavailable, asyncio.CancelledError):
                self._recorder.restore(points)
                raise

    async def since(self, provider_id: int, at: float, limit: int) -> Sequence[HistoryPoint]:
        """Return the moments of an instance from a time on, oldest first; the newest, if too many.

        Stored or not: a disk that takes nothing still tells what there is.
        """
        async with self._lock:
            stored = await self._store.since(provider_id, at, limit)
            waiting = self._recorder.waiting_since(provider_id, at)
        return [*stored, *waiting][-limit:]
