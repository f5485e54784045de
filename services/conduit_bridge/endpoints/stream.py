"""Streamed answers: server-sent events and plain bytes.

The first message is awaited before the head is sent, so that a call that fails at once gets its
real status. From then on each message is written as it comes; a slow caller holds the stub back,
and a caller that leaves ends the stub's call at once.
"""

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Coroutine
from typing import Any

import grpc
from google.protobuf.message import Message

from conduit.v1.http_runtime import Route
from conduit_bridge.endpoints.unary import (
    GONE,
    PATIENCE_SECONDS,
    Backend,
    Outcome,
    RequestContext,
    RouteEndpoint,
)
from conduit_bridge.errors import event_of
from conduit_bridge.metrics import RouteCounts
from conduit_bridge.request_metadata import metadata_of
from conduit_kernel.errors import ConduitError, StreamInterrupted
from conduit_kernel.http import CallerGone, Fields, Stream, field_lines
from conduit_kernel.rpc import until_connected

EVENT_FIELDS: Fields = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    # Proxies such as nginx would gather the events otherwise.
    (b"x-accel-buffering", b"no"),
)


class StreamEndpoint(RouteEndpoint):
    """One request, many messages."""

    async def serve(self, context: RequestContext) -> Outcome:
        """Call, and relay the messages until they end or the caller leaves."""
        if self.channel is not None:
            await until_connected(self.channel, PATIENCE_SECONDS)
        call = self.begin(context)
        try:
            messages = aiter(call)
            first = await anext(messages, None)
            if first is None:
                raise StreamInterrupted("The stream ended before its first message")
            stream = context.exchange.start(
                self.done.status, (), context.lines + self.lines_of(first)
            )
            return await self.finish(context, stream, self._relay(stream, first, messages))
        finally:
            await let_go(call)

    def begin(self, context: RequestContext) -> AsyncIterable[Any]:
        """Start the call; end it with `let_go`."""
        request = self.request_of(context)
        metadata = metadata_of(context.exchange, context.request_id)
        call: AsyncIterable[Any] = self.call(request, metadata=metadata)
        return call

    async def finish(
        self, context: RequestContext, stream: Stream, relaying: Coroutine[Any, Any, None]
    ) -> Outcome:
        """Relay the rest, and end the stream as it deserves."""
        try:
            await relaying
        except CallerGone:
            return GONE
        except Exception as problem:  # noqa: BLE001 # whatever it is, the caller must be told
            error = self.told(problem, context.request_id)
            self.break_off(stream, error)
            return Outcome(error.failure.http_status, error.reason)
        stream.finish()
        return self.done

    def break_off(self, stream: Stream, error: ConduitError) -> None:
        """End a stream that cannot be completed, so that it does not look whole."""
        stream.abort()

    async def _relay(self, stream: Stream, first: Message, messages: AsyncIterator[Any]) -> None:
        write, encode, drain = stream.write, self.write, stream.drain
        write(encode(first))
        await drain()
        async for message in messages:
            write(encode(message))
            await drain()


class EventsEndpoint(StreamEndpoint):
    """Server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html."""

    def __init__(
        self, route: Route, backend: Backend, counts: RouteCounts, *, master_key: bytes
    ) -> None:
        """Bind a route to its service."""
        super().__init__(route, backend, counts, master_key=master_key)
        self.media = field_lines(EVENT_FIELDS)

    def break_off(self, stream: Stream, error: ConduitError) -> None:
        """Tell the caller in an event; what ends a whole stream (`[DONE]`) never came."""
        stream.finish(event_of(error, self.dialect))


async def let_go(call: object) -> None:
    """End a stub's stream, whether it ended by itself or not."""
    if isinstance(call, grpc.aio.Call):
        call.cancel()
    elif isinstance(call, AsyncGenerator):
        await call.aclose()
