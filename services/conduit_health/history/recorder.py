"""Selects which history points are kept: each change of status, and at most one a minute."""

import asyncio
from collections import deque
from typing import NamedTuple

from conduit.v1.provider_health_pb2 import HealthStatus

MINUTE = 60.0
# While the database is away, the oldest are let go.
MAX_WAITING = 10_000


class HistoryPoint(NamedTuple):
    """The state of an instance at a moment; `at` is in seconds since 1970."""

    provider_id: int
    at: float
    status: HealthStatus.ValueType
    response_time_ms: int | None
    error: str
    is_probe: bool


class HistoryRecorder:
    """Chooses what to keep, and holds it until somebody stores it."""

    def __init__(self) -> None:
        # Set while something waits to be stored.
        self.waiting = asyncio.Event()
        self._last: dict[int, HistoryPoint] = {}
        self._waiting: deque[HistoryPoint] = deque(maxlen=MAX_WAITING)

    def offer(self, point: HistoryPoint) -> None:
        """Keep a moment if it tells something new."""
        last = self._last.get(point.provider_id)
        # Of a clock that was set back the moments go on.
        if last and last.status == point.status and abs(point.at - last.at) < MINUTE:
            return
        self._last[point.provider_id] = point
        self._waiting.append(point)
        self.waiting.set()

    def drain(self) -> list[HistoryPoint]:
        """Return what is not stored yet, oldest first; it is the caller's from then on."""
        taken = list(self._waiting)
        self._waiting.clear()
        return taken

    def waiting_since(self, provider_id: int, at: float) -> list[HistoryPoint]:
        """Return what is not stored yet of an instance, from a time on, oldest first."""
        return [each for each in self._waiting if each.provider_id == provider_id and each.at >= at]

    def restore(self, points: list[HistoryPoint]) -> None:
        """Hold what could not be stored."""
        room = MAX_WAITING - len(self._waiting)
        if room:
            self._waiting.extendleft(reversed(points[-room:]))
            self.waiting.set()
