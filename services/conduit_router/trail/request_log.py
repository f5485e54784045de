"""Tells the log of each call's end, behind the answers: together, and with a bound.

A call costs an entry in a list; all else is done once a second while there are any, for all since.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress

import structlog

from conduit.internal.v1.request_log_service_pb2 import LogRequestsRequest
from conduit_kernel.background import Background
from conduit_kernel.errors import ConduitError, ServiceUnavailable
from conduit_kernel.slices import Slices
from conduit_router.trail.call_end import EndListener
from conduit_router.trail.log_columns import columns_of, count_of
from conduit_router.trail.telling import EndedCalls

LOG_SECONDS = 1.0
# How long a stopping router tries to tell the log of its last calls.
LAST_SECONDS = 0.4
# Of requests that wait for the log: some sixty thousand that went as usual.
MAX_WAITING_BYTES = 8 * 1024 * 1024
# Storing a message takes as long, whatever is in it, as some thousand requests of one do beside.
_AT_ONCE = 4_000

Send = Callable[[LogRequestsRequest], Awaitable[object]]


class RequestLog:
    """Takes the ends of calls, and sends them on."""

    def __init__(
        self,
        send: Send,
        max_waiting_bytes: int = MAX_WAITING_BYTES,
        *,
        last_seconds: float = LAST_SECONDS,
    ) -> None:
        """Take what stores requests, and how much may wait for it; at the end, for how long."""
        self._last_seconds = last_seconds
        self._send = send
        self._max_waiting_bytes = max_waiting_bytes
        self._ended = EndedCalls()
        # With their sizes.
        self._waiting: deque[tuple[LogRequestsRequest, int]] = deque()
        self.waiting_bytes = 0
        # So many requests were stored, and given up.
        self.stored = 0
        self.dropped = 0
        self._log = structlog.get_logger("request_log")

    @property
    def listener(self) -> EndListener:
        """Return what hears of the calls' ends."""
        return self._ended.listener

    def run(self, background: Background) -> None:
        """Begin the loop that tells the log of calls."""
        background.run("request_log", self.deliver, every=LOG_SECONDS, when=self._ended.come)

    async def deliver(self) -> None:
        """Tell the log of all calls that have ended: a step of a loop.

        ServiceUnavailable if it is away: they wait, as far as there is room.
        """
        self._ended.begin()
        slices = Slices()
        for group in self._gathered():
            self._keep(group)
            await slices.pause()
        while self._waiting:
            group, _ = self._waiting[0]
            try:
                await self._send(group)
            except ServiceUnavailable:
                raise
            except ConduitError as error:
                # Others wait behind them.
                self._log.error("requests_refused", reason=error.message)
                self.dropped += count_of(group)
            else:
                self.stored += count_of(group)
            self._take_first()

    async def close(self) -> None:
        """Tell the log of the last calls, if it is there."""
        with suppress(TimeoutError, ConduitError):
            async with asyncio.timeout(self._last_seconds):
                await self.deliver()

    def _gathered(self) -> Iterator[LogRequestsRequest]:
        plain, others = self._ended.plain, self._ended.others
        while plain or others:
            some, rest = plain[:_AT_ONCE], others[:_AT_ONCE]
            del plain[:_AT_ONCE], others[:_AT_ONCE]
            yield columns_of(some, rest)

    def _keep(self, group: LogRequestsRequest) -> None:
        """Have requests wait; the oldest that wait make room for them."""
        size = group.ByteSize()
        self._waiting.append((group, size))
        self.waiting_bytes += size
        lost = 0
        while self.waiting_bytes > self._max_waiting_bytes and self._waiting:
            lost += self._take_first()
        if lost:
            self.dropped += lost
            self._log.warning("requests_not_logged", count=lost)

    def _take_first(self) -> int:
        """Take the oldest group out; return how many requests it has."""
        group, size = self._waiting.popleft()
        self.waiting_bytes -= size
        return count_of(group)
