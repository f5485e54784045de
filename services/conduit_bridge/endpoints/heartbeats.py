"""Keeps streams of events from falling silent: proxies commonly cut what is silent for 30 s."""

import asyncio
from collections.abc import Callable

from conduit_kernel.http import Stream

COMMENT = b": keep-alive\n\n"


class Heartbeat:
    """Writes a comment where nothing was written for a while.

    A timer looks twice in that time whether anything was: each event only says so, and pays for
    neither a timer nor a clock. Where no event came yet, it first sends the head; a call that fails
    after that can no longer have a status of its own.
    """

    __slots__ = ("_head_seconds", "_loop", "_pause", "_start", "_timer", "is_quiet", "stream")

    def __init__(
        self, start: Callable[[], Stream], seconds: float, head_seconds: float = 0.0
    ) -> None:
        """Take what sends the head, the longest silence (0 for any), and the head's own limit."""
        self._start = start
        self._pause = seconds / 2
        self._head_seconds = head_seconds
        self._loop = asyncio.get_running_loop()
        # The answer, once its head was sent.
        self.stream: Stream | None = None
        # Set to false with each event.
        self.is_quiet = False
        first = head_seconds or self._pause
        self._timer = self._loop.call_later(first, self._beat) if first else None

    def stop(self) -> None:
        """Be silent from now on."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _beat(self) -> None:
        if self.stream is None and (self.is_quiet or self._head_seconds):
            self.stream = self._start()
            self.stream.write(COMMENT)
        elif self.stream is not None and self.is_quiet:
            self.stream.write(COMMENT)
        self.is_quiet = True
        self._timer = self._loop.call_later(self._pause, self._beat) if self._pause else None
