"""Writes recorded history points to the database in batches."""

import asyncio

from conduit_health.history.recorder import HistoryRecorder
from conduit_health.history.store import HistoryStore
from conduit_kernel.errors import ServiceUnavailable


class HistoryWriter:
    """Writes moments, one batch at a time."""

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
