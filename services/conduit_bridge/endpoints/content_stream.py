"""Streamed answers in a media type that their first message tells: bytes, or events."""

from collections.abc import AsyncIterator
from typing import Any

from google.protobuf.message import Message

from conduit.v1.http_runtime import Route
from conduit_bridge.endpoints.stream import EventsEndpoint, StreamEndpoint, first_of, let_go
from conduit_bridge.endpoints.unary import Backend, Edge, Outcome, RequestContext
from conduit_bridge.metrics import RouteCounts

EVENTS = b"text/event-stream"


class ContentStreamEndpoint(StreamEndpoint):
    """Relays bytes as they are, and events with what belongs to events."""

    def __init__(self, route: Route, backend: Backend, counts: RouteCounts, edge: Edge) -> None:
        """Bind a route to its service."""
        super().__init__(route, backend, counts, edge)
        self._media_type_of = route.media_type_of
        self._events = EventsEndpoint(route, backend, counts, edge)

    async def serve(self, context: RequestContext) -> Outcome:
        """Call, and relay the messages until they end or the caller leaves."""
        call = await self.begin(context)
        try:
            messages = aiter(call)
            first = await first_of(messages)
            if self._is_events(first):
                return await self._serve_events(context, first, messages)
            stream = context.exchange.start(
                self.done.status, (), context.lines + self.lines_of(first)
            )
            return await self.finish(context, stream, self.relay(stream, first, messages))
        finally:
            await let_go(call)

    def _is_events(self, first: Message) -> bool:
        media_type = self._media_type_of(first) if self._media_type_of is not None else None
        return media_type is not None and media_type.lower().startswith(EVENTS)

    async def _serve_events(
        self, context: RequestContext, first: Message, messages: AsyncIterator[Any]
    ) -> Outcome:
        events = self._events
        heartbeat = events.heartbeat(context)
        stream = heartbeat.open(context.lines + events.media + self._report(first))
        try:
            return await events.finish(context, stream, events.relay(stream, first, messages))
        finally:
            heartbeat.stop()
