"""Streamed answers: server-sent events and plain bytes.

The first message is awaited before the head is sent, so that a call that fails at once gets its
real status; events wait no longer than their heartbeat. From then on each message is written as it
comes; a slow caller holds the stub back, and a caller that leaves ends the stub's call at once.
"""

import asyncio
import contextlib
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Coroutine,
    Mapping,
)
from functools import partial
from typing import Any, cast

import grpc
from google.protobuf.message import Message

from conduit.v1.call_pb2 import CallReport
from conduit.v1.http_runtime import Route
from conduit.v1.options_pb2 import DIALECT_ANTHROPIC, DIALECT_GOOGLE, DIALECT_RESPONSES
from conduit_bridge.endpoints.heartbeats import COMMENT, PING, Heartbeat
from conduit_bridge.endpoints.response_stream import ResponseStream
from conduit_bridge.endpoints.unary import (
    GONE,
    NOT_GUESSED,
    Backend,
    Edge,
    Outcome,
    RequestContext,
    RouteEndpoint,
)
from conduit_bridge.errors import event_of
from conduit_bridge.metrics import RouteCounts
from conduit_kernel.errors import ConduitError, StreamInterrupted
from conduit_kernel.http import CallerGone, Fields, Stream, field_lines
from conduit_kernel.rpc import until_connected

# How long the head of a watch waits for a first message, so that a call that fails at once gets its
# status.
WATCH_HEAD_SECONDS = 1.0
EVENT_FIELDS: Fields = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    # Proxies such as nginx would gather the events otherwise.
    (b"x-accel-buffering", b"no"),
)


# By dialect. Google's clients take a comment for the beginning of an error.
_HEARTBEATS: Mapping[int, bytes] = {DIALECT_ANTHROPIC: PING, DIALECT_GOOGLE: b"\n"}


class StreamEndpoint(RouteEndpoint):
    """One request, many messages."""

    # Streams say themselves that they are not kept.
    guard = (NOT_GUESSED,)

    async def serve(self, context: RequestContext) -> Outcome:
        """Call, and relay the messages until they end or the caller leaves."""
        call = await self.begin(context)
        try:
            messages = aiter(call)
            first = await first_of(messages)
            stream = context.exchange.start(
                self.done.status, (), context.lines + self.lines_of(first)
            )
            return await self.finish(context, stream, self.relay(stream, first, messages))
        finally:
            await let_go(call)

    async def begin(self, context: RequestContext) -> AsyncIterable[Any]:
        """Start the call, once its service is there; end it with `let_go`."""
        caller = self.admit(context)
        request = self.request_of(context)
        if self.channel is not None:
            await until_connected(self.channel, self.patience)
        call: AsyncIterable[Any] = self.call(request, **caller)
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
            return self.fail(context, stream, problem)
        stream.finish()
        return self.done

    def fail(self, context: RequestContext, stream: Stream, problem: Exception) -> Outcome:
        """End a stream that failed; say why, where there is room for it."""
        error = self.told(problem, context.request_id)
        self.break_off(stream, error)
        return Outcome(error.failure.http_status, error.reason)

    def break_off(self, stream: Stream, error: ConduitError) -> None:
        """End a stream that cannot be completed, so that it does not look whole."""
        stream.abort()

    async def relay(self, stream: Stream, first: Message, messages: AsyncIterator[Any]) -> None:
        """Write each message as it comes."""
        if stream.write(self.write(first)):
            await stream.drain()
        async for message in messages:
            if stream.write(self.write(message)):
                await stream.drain()


class EventsEndpoint(StreamEndpoint):
    """Server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html."""

    def __init__(self, route: Route, backend: Backend, counts: RouteCounts, edge: Edge) -> None:
        """Bind a route to its service."""
        super().__init__(route, backend, counts, edge)
        self.media = field_lines(EVENT_FIELDS)
        self.heartbeat_seconds = edge.heartbeat_seconds
        self._heartbeat_text = _HEARTBEATS.get(route.dialect, COMMENT)

    async def serve(self, context: RequestContext) -> Outcome:
        """Call, and relay the messages until they end or the caller leaves."""
        call = await self.begin(context)
        heartbeat = self.heartbeat(context)
        try:
            return await self.relay_events(context, aiter(call), heartbeat)
        finally:
            heartbeat.stop()
            await let_go(call)

    def heartbeat(self, context: RequestContext, head_seconds: float = 0.0) -> Heartbeat:
        """Return what keeps an answer alive, and opens it."""
        start: Callable[[bytes], Stream] = partial(context.exchange.start, self.done.status, ())
        if self.dialect == DIALECT_RESPONSES:
            start = partial(_of_response, start)
        head = context.lines + self.media
        return Heartbeat(
            start, head, self.heartbeat_seconds, head_seconds, text=self._heartbeat_text
        )

    async def relay_events(
        self, context: RequestContext, messages: AsyncIterator[Any], heartbeat: Heartbeat
    ) -> Outcome:
        """Send the head with the first message, or before it, and then all of them."""
        try:
            first = await first_of(messages)
        except Exception as problem:
            if heartbeat.stream is None:
                raise
            return self.fail(context, heartbeat.stream, problem)
        stream = heartbeat.open(context.lines + self.lines_of(first))
        return await self.finish(context, stream, self.relay(stream, first, messages))

    async def relay(self, stream: Stream, first: Message, messages: AsyncIterator[Any]) -> None:
        """Write each message as it comes, and behind the last one the trace that it brings."""
        last = first
        if stream.write(self.write(first)):
            await stream.drain()
        async for message in messages:
            last = message
            if stream.write(self.write(message)):
                await stream.drain()
        if trace := _trace_in(last):
            stream.write(b": x-conduit-trace: %b\n\n" % trace.encode())

    def break_off(self, stream: Stream, error: ConduitError) -> None:
        """Tell the caller in an event; what ends a whole stream (`[DONE]`) never came."""
        if isinstance(stream, ResponseStream):
            stream.fail(error)
        else:
            stream.finish(event_of(error, self.dialect))


def _of_response(start: Callable[[bytes], Stream], head: bytes) -> Stream:
    """Return a stream of OpenAI's Responses, which is used as any other."""
    return cast("Stream", ResponseStream(start(head)))


class WatchEndpoint(EventsEndpoint):
    """Server-sent events that come when something happens, which may be hours apart.

    The head is sent soon, whether anything happened or not; the streams end with the process.
    """

    def __init__(self, route: Route, backend: Backend, counts: RouteCounts, edge: Edge) -> None:
        """Bind a route to its service."""
        super().__init__(route, backend, counts, edge)
        self._stopping = edge.stopping

    async def serve(self, context: RequestContext) -> Outcome:
        """Call, send the head soon, and relay."""
        if context.exchange.method == "HEAD":
            return self._serve_head(context)
        call = await self.begin(context)
        heartbeat = self.heartbeat(context, WATCH_HEAD_SECONDS)
        stopped = asyncio.create_task(self._stopping.wait())
        try:
            async with asyncio.timeout(None) as limit:
                stopped.add_done_callback(partial(_end, limit))
                # It knows its task, whose cancellation would know this frame: a circle.
                del limit
                return await self.relay_events(context, aiter(call), heartbeat)
        except TimeoutError:
            heartbeat.open(context.lines + self.media).finish()
            return self.done
        finally:
            heartbeat.stop()
            stopped.cancel()
            await let_go(call)

    def _serve_head(self, context: RequestContext) -> Outcome:
        # Only what can be judged without a call, for that would last until somebody hangs up.
        self.admit(context)
        self.request_of(context)
        context.exchange.respond(self.done.status, (), b"", context.lines + self.media)
        return self.done


def _trace_in(message: Message) -> str:
    """Return the trace of a call whose last message this is; empty if it brings none."""
    report = getattr(getattr(message, "finished", None), "report", None)
    return report.trace if isinstance(report, CallReport) else ""


async def first_of(messages: AsyncIterator[Any]) -> Any:  # noqa: ANN401 # the route's messages
    """Return the first message. StreamInterrupted if there is none."""
    first = await anext(messages, None)
    if first is None:
        raise StreamInterrupted("The stream ended before its first message")
    return first


def _end(limit: asyncio.Timeout, stopped: "asyncio.Task[bool]") -> None:
    if not stopped.cancelled():
        # What it limits may just have ended by itself.
        with contextlib.suppress(RuntimeError):
            limit.reschedule(0)


async def let_go(call: object) -> None:
    """End a stub's stream, whether it ended by itself or not."""
    if isinstance(call, grpc.aio.Call):
        call.cancel()
    elif isinstance(call, AsyncGenerator):
        await call.aclose()
