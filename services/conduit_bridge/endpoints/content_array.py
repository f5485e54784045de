"""A stream of Google's generateContent, as server-sent events or as one array of JSON.

https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent: `alt=sse` asks for
events. Without it the pieces are the items of an array, which is whole where the answer is.
"""

from functools import partial
from typing import cast
from urllib.parse import parse_qs

from conduit.v1.http_runtime import Route
from conduit_bridge.endpoints.heartbeats import Heartbeat
from conduit_bridge.endpoints.stream import EventsEndpoint
from conduit_bridge.endpoints.unary import Backend, Edge, Outcome, RequestContext
from conduit_bridge.metrics import RouteCounts
from conduit_kernel.http import Stream, field_lines

_DATA = b"data: "
# Between items, and events, it says nothing.
_BLANK = b"\n"
_MEDIA = field_lines(((b"content-type", b"application/json; charset=utf-8"),))


class ArrayStream:
    """A stream whose events are written as the items of an array."""

    __slots__ = ("_has_begun", "_stream")

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._has_begun = False

    @property
    def has_ended(self) -> bool:
        """Return whether it was finished or aborted."""
        return self._stream.has_ended

    @property
    def is_quiet(self) -> bool:
        """Return whether nothing was written since this was set."""
        return self._stream.is_quiet

    @is_quiet.setter
    def is_quiet(self, value: bool) -> None:
        self._stream.is_quiet = value

    def write(self, data: bytes) -> bool:
        """Send some of the body, now; return whether `drain` has to be awaited before more."""
        return self._stream.write(_BLANK if data == _BLANK else self._items(data))

    async def drain(self) -> None:
        """Return at once, or when a slow caller has caught up. Raises CallerGone."""
        await self._stream.drain()

    def finish(self, last: bytes = b"") -> None:
        """Send the last of the body and its end."""
        items = self._items(last)
        self._stream.finish(items + (b"]" if self._has_begun else b"[]"))

    def abort(self) -> None:
        """Cut the connection, so that the broken answer cannot look whole."""
        self._stream.abort()

    def _items(self, events: bytes) -> bytes:
        """Return events as items; comments are none."""
        found = b""
        for event in events.split(b"\n\n"):
            if event.startswith(_DATA):
                found += (b",\r\n" if self._has_begun else b"[") + event[len(_DATA) :]
                self._has_begun = True
        return found


class ContentEventsEndpoint(EventsEndpoint):
    """One request, many pieces: as an array, or as events where the query asks for them."""

    def __init__(self, route: Route, backend: Backend, counts: RouteCounts, edge: Edge) -> None:
        """Bind a route to its service."""
        super().__init__(route, backend, counts, edge)
        self._events = EventsEndpoint(route, backend, counts, edge)
        self.media = _MEDIA

    async def serve(self, context: RequestContext) -> Outcome:
        """Call, and relay the messages until they end or the caller leaves."""
        if "sse" in parse_qs(context.exchange.query).get("alt", ()):
            return await self._events.serve(context)
        return await super().serve(context)

    def heartbeat(self, context: RequestContext, head_seconds: float = 0.0) -> Heartbeat:
        """Return what keeps an answer alive, and opens it."""
        start = partial(_of_items, context)
        head = context.lines + self.media
        return Heartbeat(start, head, self.heartbeat_seconds, head_seconds, text=_BLANK)


def _of_items(context: RequestContext, head: bytes) -> Stream:
    """Return a stream of items, which is used as any other."""
    return cast("Stream", ArrayStream(context.exchange.start(200, (), head)))
