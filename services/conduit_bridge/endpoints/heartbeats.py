"""Keeps streams of events from falling silent: proxies commonly cut what is silent for 30 s."""

import asyncio
from collections.abc import Callable

from conduit_kernel.http import Stream

COMMENT = b": keep-alive\n\n"
# What Anthropic's clients know for the same.
PING = b'event: ping\ndata: {"type": "ping"}\n\n'


class Heartbeat:
    """Writes a comment where nothing was written for a while.

    A timer looks twice in that time whether anything was, so that an event pays for neither a timer
    nor a clock. Where no event came yet, it first sends the head; a call that fails after that can
    no longer have a status of its own.
    """

    __slots__ = (
        "_beat_text",
        "_has_beaten",
        "_head",
        "_loop",
        "_pause",
        "_start",
        "_timer",
        "stream",
    )

    def __init__(
        self,
        start: Callable[[bytes], Stream],
        head: bytes,
        seconds: float,
        head_seconds: float = 0.0,
        *,
        text: bytes = COMMENT,
    ) -> None:
        """Take what sends a head, and the head to send while nothing is known of the answer.

        `seconds` is the longest silence (0 for any), `head_seconds` the longest before the head;
        `text` is what is written.
        """
        self._beat_text = text
        self._start = start
        self._head = head
        self._pause = seconds / 2
        self._loop = asyncio.get_running_loop()
        # The answer, once its head was sent.
        self.stream: Stream | None = None
        # With a limit of its own, the head does not wait for a second beat.
        self._has_beaten = bool(head_seconds)
        first = head_seconds or self._pause
        self._timer = self._loop.call_later(first, self._beat) if first else None

    def open(self, head: bytes) -> Stream:
        """Return the answer; send this head first, unless one was sent."""
        if self.stream is None:
            self.stream = self._start(head)
        return self.stream

    def stop(self) -> None:
        """Be silent from now on."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _beat(self) -> None:
        if self.stream is not None and self.stream.has_ended:
            # Who answers may have something to do after the answer's end.
            self._timer = None
            return
        if self.stream is None and self._has_beaten:
            self.open(self._head).write(self._beat_text)
        elif self.stream is not None and self.stream.is_quiet:
            self.stream.write(self._beat_text)
        if self.stream is not None:
            self.stream.is_quiet = True
        self._has_beaten = True
        self._timer = self._loop.call_later(self._pause, self._beat) if self._pause else None
