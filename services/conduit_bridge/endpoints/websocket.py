"""WebSocket routes: a session's events both ways, each a message of a bidirectional RPC.

The RPC begins before the handshake is answered, so that one that fails at once gets its status.
Its first message opens the session; an error after that is an event, and then the end.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import parse_qs

import orjson
from websockets.frames import CloseCode

from conduit.v1.http_runtime import Route
from conduit.v1.options_pb2 import DIALECT_RESPONSES
from conduit_bridge.endpoints.stream import first_of, let_go
from conduit_bridge.endpoints.unary import (
    GONE,
    PATIENCE_SECONDS,
    Backend,
    Edge,
    Outcome,
    RequestContext,
    RouteEndpoint,
)
from conduit_bridge.errors import JSON_FIELD, body_of, frame_of
from conduit_bridge.metrics import RouteCounts
from conduit_kernel.errors import InvalidRequest, NotImplementedYet
from conduit_kernel.http import Request
from conduit_kernel.rpc import until_connected
from conduit_kernel.websocket import WebSocket, WebSocketClosed, accept

# What OpenAI's clients in browsers offer beside their key.
SUBPROTOCOLS = ("realtime",)
# How callers ask for the beta of such sessions, whose events have other names: OpenAI has ended it.
_BETA = {
    b"openai-beta": b"realtime=v1",
    b"sec-websocket-protocol": b"openai-beta.realtime-v1",
}
# What OpenAI says to them, in an event and in the end.
BETA_ENDED = "beta_api_shape_disabled"
_BETA_CLOSE = 4000
NO_CALLS = (
    "Conduit holds no sessions by WebRTC or SIP: open a WebSocket at /v1/realtime or"
    " /v1/live/sessions, in browsers with a secret of /v1/realtime/client_secrets"
)
# By which a server joins such a session: OpenAI's sideband.
_CALL = "call_id"
_BAD_REQUEST = 400
_UPGRADE_REQUIRED = 426
OPENED = Outcome(101)
_SERVER_ERROR = 500


class WebSocketEndpoint(RouteEndpoint):
    """Holds sessions."""

    def __init__(self, route: Route, backend: Backend, counts: RouteCounts, edge: Edge) -> None:
        """Bind a route to its service."""
        super().__init__(route, backend, counts, edge)
        assert route.read_frame is not None  # noqa: S101 # as of every such route
        self._read_frame = route.read_frame
        self._stopping = edge.stopping
        self._has_response_sockets = edge.has_response_sockets

    async def serve(self, context: RequestContext) -> Outcome:
        """Call, shake hands once the session is open, and relay until one side ends it."""
        caller = self.admit(context)
        if self.dialect == DIALECT_RESPONSES and not self._holds_responses(context):
            return _refuse_to_upgrade(context)
        if not context.exchange.upgrade_offered:
            raise InvalidRequest("Open a WebSocket at this path", field="upgrade")
        if _CALL in parse_qs(context.exchange.query, keep_blank_values=True):
            raise NotImplementedYet(NO_CALLS, field=_CALL)
        if _is_of_beta(context.exchange):
            return await _refuse_beta(context)
        sent = _SentMessages(self.request_of(context), self._read_frame)
        if self.channel is not None:
            await until_connected(self.channel, PATIENCE_SECONDS)
        call = self.call(sent, **caller)
        try:
            messages = aiter(call)
            first = await first_of(messages)
            lines = context.lines + self._report(first)
            socket = accept(context.exchange, lines=lines, subprotocols=SUBPROTOCOLS)
            sent.open(socket)
            return await self._hold(context, socket, messages)
        finally:
            await let_go(call)

    def _holds_responses(self, context: RequestContext) -> bool:
        """Return whether responses can be held: a proxy on the way may not let WebSockets pass."""
        return self._has_response_sockets and context.exchange.upgrade_offered

    async def _hold(
        self, context: RequestContext, socket: WebSocket, messages: AsyncIterator[Any]
    ) -> Outcome:
        """Relay until the call ends, the caller leaves, or this process stops."""
        relaying = asyncio.create_task(self._relay(socket, messages))
        leaving = asyncio.create_task(socket.wait_closed())
        stopping = asyncio.create_task(self._stopping.wait())
        tasks = (relaying, leaving, stopping)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if leaving.done():
                # A caller that says goodbye has held its session to the end.
                return OPENED if leaving.result().is_clean else GONE
            if relaying.done():
                return await self._end(context, socket, relaying.exception())
            await socket.close(CloseCode.GOING_AWAY)
            return OPENED
        finally:
            socket.abort()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _relay(self, socket: WebSocket, messages: AsyncIterator[Any]) -> None:
        send, write = socket.send, self.write
        async for message in messages:
            if text := write(message):
                await send(text.decode())

    async def _end(
        self, context: RequestContext, socket: WebSocket, problem: BaseException | None
    ) -> Outcome:
        """Close a session as its call ended."""
        if isinstance(problem, WebSocketClosed):
            return OPENED if problem.is_clean else GONE
        if not isinstance(problem, Exception):
            await socket.close()
            return OPENED
        error = self.told(problem, context.request_id)
        status = error.failure.http_status
        try:
            await socket.send(frame_of(error, f"event_{context.request_id}", self.dialect))
        except WebSocketClosed:
            return GONE
        is_ours = status >= _SERVER_ERROR
        code = CloseCode.INTERNAL_ERROR if is_ours else CloseCode.POLICY_VIOLATION
        await socket.close(code, error.reason)
        return Outcome(status, error.reason)


def _refuse_to_upgrade(context: RequestContext) -> Outcome:
    """Answer with the one status after which clients of Responses send them by POST at once."""
    error = InvalidRequest("Send responses by POST: WebSockets are not held here", field="upgrade")
    body = body_of(error, DIALECT_RESPONSES)
    context.exchange.respond(_UPGRADE_REQUIRED, (JSON_FIELD,), body, context.lines)
    return Outcome(_UPGRADE_REQUIRED, error.reason)


def _is_of_beta(request: Request) -> bool:
    """Return whether a caller would understand none of the events."""
    for name, value in request.headers.items():
        mark = _BETA.get(name)
        if mark is not None and mark in map(bytes.strip, value.split(b",")):
            return True
    return False


async def _refuse_beta(context: RequestContext) -> Outcome:
    """Open a session, and end it with the error for which clients of the beta look."""
    error = {
        "type": "invalid_request_error",
        "code": BETA_ENDED,
        "message": "The beta of realtime sessions has ended: leave out the header or subprotocol"
        " that asks for it, and expect the events of the released API",
        "param": None,
        "event_id": None,
    }
    event = {"type": "error", "event_id": f"event_{context.request_id}", "error": error}
    socket = accept(context.exchange, lines=context.lines, subprotocols=SUBPROTOCOLS)
    try:
        await socket.send(orjson.dumps(event).decode())
        await socket.close(_BETA_CLOSE, f"invalid_request_error.{BETA_ENDED}")
    except WebSocketClosed:
        return GONE
    finally:
        socket.abort()
    return Outcome(_BAD_REQUEST, "INVALID_REQUEST")


class _SentMessages:
    """The caller's messages: the first one, and then each text that comes."""

    def __init__(self, first: Any, read: Callable[[bytes], Any]) -> None:  # noqa: ANN401 # of each RPC its own
        self._first: Any | None = first
        self._read = read
        self._opened: asyncio.Future[WebSocket] = asyncio.get_running_loop().create_future()

    def open(self, socket: WebSocket) -> None:
        """Let messages come."""
        self._opened.set_result(socket)

    def __aiter__(self) -> "_SentMessages":
        return self

    async def __anext__(self) -> Any:  # noqa: ANN401 # as above
        if self._first is not None:
            first, self._first = self._first, None
            return first
        # Who waits may be cut off; the next one waits for the same.
        socket = await asyncio.shield(self._opened)
        try:
            message = await socket.receive()
        except WebSocketClosed:
            raise StopAsyncIteration from None
        if isinstance(message, str):
            return self._read(message.encode())
        await socket.close(CloseCode.UNSUPPORTED_DATA, "Events are text")
        raise StopAsyncIteration
