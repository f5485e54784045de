"""The events of a response that is made while nobody waits, for whoever asks for them meanwhile."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterator
from copy import copy
from typing import NamedTuple

import msgspec

from conduit_kernel.errors import ConduitError, InvalidRequest, ServiceUnavailable
from conduit_router.responses.keeping import read_json

# Of one response; beyond it the oldest events are forgotten.
MAX_BYTES = 4 * 1024 * 1024
_END = b"\n\n"
_DATA = b"data:"


class _Numbered(msgspec.Struct):
    sequence_number: int = -1


class LoggedEvent(NamedTuple):
    """A server-sent event."""

    # Its place in the stream; -1 if it does not say.
    number: int
    # With its name, and the blank line behind it.
    sse: bytes

    @property
    def data(self) -> bytes:
        """Return its JSON."""
        lines = self.sse.splitlines()
        return next((line[len(_DATA) :].strip() for line in lines if line.startswith(_DATA)), b"")


def events_in(sse: bytes) -> Iterator[LoggedEvent]:
    """Yield whole server-sent events one by one."""
    for block in sse.split(_END):
        if block:
            event = LoggedEvent(-1, block + _END)
            found = read_json(event.data, _Numbered)
            yield event if found is None else event._replace(number=found.sequence_number)


class EventLog:
    """Holds the events of a stream that were told so far."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._events = deque[LoggedEvent]()
        self._bytes = 0
        # How many events were forgotten, and the number of the last one of them.
        self._forgotten, self._last_forgotten = 0, -1
        self.is_done = False
        # Why there is no response, if that is a failure before it has begun.
        self.error: ConduitError | None = None
        self._changed = asyncio.Event()

    @property
    def is_whole(self) -> bool:
        """Return whether no event was forgotten."""
        return not self._forgotten

    @property
    def last_number(self) -> int:
        """Return the number of the last event; -1 if there is none."""
        return self._events[-1].number if self._events else self._last_forgotten

    @property
    def sse(self) -> bytes:
        """Return all events that are not forgotten."""
        return b"".join(event.sse for event in self._events)

    def add(self, event: LoggedEvent) -> None:
        """Take the next event."""
        self._events.append(event)
        self._bytes += len(event.sse)
        while self._bytes > self._max_bytes and len(self._events) > 1:
            oldest = self._events.popleft()
            self._bytes -= len(oldest.sse)
            self._forgotten += 1
            self._last_forgotten = oldest.number
        self._notify()

    def end(self, error: ConduitError | None = None) -> None:
        """Note that no more events come."""
        self.is_done, self.error = True, error
        self._notify()

    async def begun(self) -> None:
        """Wait for the first event. Raises what the response failed with before it."""
        while not self._events and not self.is_done:
            await self._changed.wait()
        if not self._events:
            # Others have it, too, and what is raised refers to whoever hears it.
            stopped = ServiceUnavailable("The router is stopping", service="router")
            raise stopped if self.error is None else copy(self.error)

    async def after(self, number: int) -> AsyncGenerator[bytes, None]:
        """Yield the events behind one, those that come now and later ones; -1 for all.

        InvalidRequest if some of them were forgotten.
        """
        if number < self._last_forgotten:
            raise forgotten()
        at = self._forgotten
        while True:
            changed, is_done = self._changed, self.is_done
            if at < self._forgotten:
                # A reader who is slower than all that is remembered.
                raise forgotten()
            new = [self._events[place] for place in range(at - self._forgotten, len(self._events))]
            at += len(new)
            if found := b"".join(each.sse for each in new if each.number > number):
                yield found
            elif is_done:
                return
            else:
                await changed.wait()

    def _notify(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


def forgotten() -> InvalidRequest:
    """Return the error of who asks for events that are not there any more."""
    message = "The events behind this one are kept no longer: get the response whole"
    return InvalidRequest(message, field="starting_after")
