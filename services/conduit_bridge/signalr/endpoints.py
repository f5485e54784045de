"""The hub's paths: negotiation, the two transports, and what clients of the second one send."""

import asyncio
import contextlib
import hashlib
import hmac
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, NamedTuple

import grpc
import orjson
from websockets.frames import CloseCode

from conduit.v1 import hub_requests_pb2 as pb
from conduit.v1.options_pb2 import DIALECT_ADMIN
from conduit_bridge.endpoints.stream import EVENT_FIELDS
from conduit_bridge.endpoints.unary import (
    GONE,
    NOT_GUESSED,
    PATIENCE_SECONDS,
    Endpoint,
    Outcome,
    RequestContext,
    query_of,
)
from conduit_bridge.errors import JSON_FIELD
from conduit_bridge.metrics import Metrics
from conduit_bridge.request_metadata import credentials_of
from conduit_bridge.signalr.feed import NotificationFeed
from conduit_bridge.signalr.records import MAX_RECORD_CHARS
from conduit_bridge.signalr.session import HubSession
from conduit_kernel.administrators import token_of
from conduit_kernel.auth import Authorize
from conduit_kernel.errors import InvalidRequest, ServiceUnavailable
from conduit_kernel.http import CallerGone, Request, field_lines
from conduit_kernel.not_found_errors import RouteNotFound
from conduit_kernel.rpc import until_connected
from conduit_kernel.websocket import WebSocket, WebSocketClosed, WebSocketLimits, accept

PATH = "/hubs/notifications"
METHOD = "/conduit.v1.HealthService/WatchNotifications"
MAX_CONNECTIONS = 200
MAX_BODY_BYTES = 64 * 1024
CALL_SECONDS = 5.0
_BEARER = "bearer "
_TEXT = ["Text"]
_TRANSPORTS = [
    {"transport": "WebSockets", "transferFormats": _TEXT},
    {"transport": "ServerSentEvents", "transferFormats": _TEXT},
]
_LIMITS = WebSocketLimits(message_bytes=4 * MAX_RECORD_CHARS, buffer_bytes=MAX_BODY_BYTES)


class Hub(NamedTuple):
    """Parts that all endpoints of the hub share."""

    feed: NotificationFeed
    # Health's stub, whose types differ from its classes.
    stub: Any
    channel: grpc.aio.Channel
    metadata: tuple[tuple[str, str], ...]
    authorize: Authorize
    # Set when this process stops.
    stopping: asyncio.Event
    clock: Callable[[], float]
    # One for each connection that is open.
    connections: set[object]
    # Of which only bridges know: strangers' ids go no further than here.
    signing_key: bytes

    def signed(self, ticket: str) -> str:
        """Return a ticket as the id that a client is given."""
        return f"{ticket}.{_signature(self.signing_key, ticket)}"

    def ticket_of(self, name: str) -> str:
        """Return the ticket of an id. RouteNotFound if a bridge never gave it to anybody."""
        ticket, _, signature = name.partition(".")
        expected = _signature(self.signing_key, ticket)
        if not hmac.compare_digest(signature.encode(), expected.encode()):
            raise RouteNotFound("There is no such connection, or its id was used", path=PATH)
        return ticket

    async def redeem(self, ticket: str) -> bool:
        """Use a ticket up; return whether it was one. RpcError if Health is away."""
        request = pb.RedeemHubTicketRequest(ticket=ticket)
        answer = await self.stub.RedeemHubTicket(
            request, metadata=self.metadata, timeout=CALL_SECONDS
        )
        return bool(answer.is_valid)


class HubEndpoint(Endpoint):
    """A path of the hub with one method."""

    # It says itself what is not kept.
    guard = (NOT_GUESSED,)

    service = "health"

    def __init__(self, hub: Hub, metrics: Metrics, method: str, path: str) -> None:
        """Take what all share, and where to count."""
        self.counts = metrics.add(method, path)
        self.dialect = DIALECT_ADMIN
        self.max_body_bytes = MAX_BODY_BYTES
        self._hub = hub


class NegotiateEndpoint(HubEndpoint):
    """Gives an administrator a ticket for one connection.

    Without `negotiateVersion` the ticket is the connection's id, as such clients send that.
    """

    def judge_head(self, request: Request) -> None:
        """Authorize a caller whose body is still to come."""
        _authorize(self._hub, request)

    async def serve(self, context: RequestContext) -> Outcome:
        """Answer with the transports and a ticket."""
        hub = self._hub
        by_bearer = _authorize(hub, context.exchange)
        version = _version(dict(query_of(context.exchange)).get("negotiateVersion", "0"))
        await until_connected(hub.channel, PATIENCE_SECONDS)
        made = await hub.stub.CreateHubTicket(
            pb.CreateHubTicketRequest(), metadata=hub.metadata, timeout=CALL_SECONDS
        )
        name, ticket = secrets.token_urlsafe(16), hub.signed(made.ticket)
        answer: dict[str, Any] = {"negotiateVersion": version, "availableTransports": _TRANSPORTS}
        if version:
            answer |= {"connectionId": name, "connectionToken": ticket}
        else:
            answer |= {"connectionId": ticket}
        if by_bearer:
            # Browsers would write the key that they have into the connection's URL; this, which
            # opens nothing, takes its place.
            answer["accessToken"] = name
        fields = (JSON_FIELD, (b"cache-control", b"no-store"))
        context.exchange.respond(200, fields, orjson.dumps(answer), context.lines)
        return Outcome(200)


class ConnectEndpoint(HubEndpoint):
    """Holds connections: a WebSocket, or server-sent events."""

    async def serve(self, context: RequestContext) -> Outcome:
        """Let in whoever has a ticket, and serve until the connection ends."""
        hub, exchange = self._hub, context.exchange
        query = dict(query_of(exchange))
        _refuse_keys(query)
        accepts = exchange.fields.get(b"accept", b"")
        if not exchange.upgrade_offered and b"text/event-stream" not in accepts:
            message = "Negotiate first, then open a WebSocket or server-sent events here"
            raise InvalidRequest(message, field="accept")
        if len(hub.connections) >= MAX_CONNECTIONS:
            raise ServiceUnavailable("The hub has no room for another connection", service="bridge")
        connection = object()
        hub.connections.add(connection)
        try:
            ticket = await self._admitted(context, query)
            if exchange.upgrade_offered:
                return await self._hold_socket(context)
            return await self._hold_events(context, ticket)
        finally:
            hub.connections.discard(connection)

    async def _admitted(self, context: RequestContext, query: Mapping[str, str]) -> str:
        """Return the connection's id. Raises what is wrong with the caller's right to it."""
        hub, name = self._hub, query.get("id", "")
        if not name:
            # A client that skips the negotiation, and is no page of a browser.
            _authorize(hub, context.exchange)
            return ""
        ticket = hub.ticket_of(name)
        await until_connected(hub.channel, PATIENCE_SECONDS)
        if not await hub.redeem(ticket):
            raise RouteNotFound("There is no such connection, or its id was used", path=PATH)
        return ticket

    async def _hold_socket(self, context: RequestContext) -> Outcome:
        socket = accept(context.exchange, lines=context.lines, limits=_LIMITS)
        session = HubSession(self._hub.feed, _texts(socket), socket.send, self._hub.clock)
        try:
            is_stopped = await _until_stopped(session, self._hub.stopping)
            await socket.close(CloseCode.GOING_AWAY if is_stopped else CloseCode.NORMAL_CLOSURE)
        except WebSocketClosed as end:
            return Outcome(101) if end.is_clean else GONE
        finally:
            socket.abort()
        return Outcome(101)

    async def _hold_events(self, context: RequestContext, ticket: str) -> Outcome:
        if not ticket:
            raise InvalidRequest("Server-sent events need the id of a negotiation", field="id")
        hub = self._hub
        call = hub.stub.WatchHubMessages(
            pb.WatchHubMessagesRequest(connection=ticket), metadata=hub.metadata
        )
        try:
            # From here on what the client sends has somewhere to go.
            await call.initial_metadata()
            stream = context.exchange.start(200, (), context.lines + field_lines(EVENT_FIELDS))

            async def send(record: str) -> None:
                stream.write(b"data: %b\n\n" % record.encode())
                await stream.drain()

            stream.write(b":\n\n")
            session = HubSession(hub.feed, _messages(call), send, hub.clock)
            with contextlib.suppress(CallerGone):
                await _until_stopped(session, hub.stopping)
            stream.finish()
        finally:
            call.cancel()
        return Outcome(200)


class SendEndpoint(HubEndpoint):
    """Takes what clients of server-sent events send, for whichever worker holds the connection."""

    async def serve(self, context: RequestContext) -> Outcome:
        """Hand it on."""
        hub, exchange = self._hub, context.exchange
        query = dict(query_of(exchange))
        _refuse_keys(query)
        try:
            text = exchange.body.decode()
        except UnicodeDecodeError as error:
            raise InvalidRequest("Messages are text", field="body") from error
        ticket = hub.ticket_of(query.get("id", ""))
        await until_connected(hub.channel, PATIENCE_SECONDS)
        answer = await hub.stub.SendHubMessage(
            pb.SendHubMessageRequest(connection=ticket, text=text),
            metadata=hub.metadata,
            timeout=CALL_SECONDS,
        )
        if not answer.is_delivered:
            raise RouteNotFound("There is no such connection, or it is too busy", path=PATH)
        exchange.respond(202, (), b"", context.lines)
        return Outcome(202)


def hub_endpoints(hub: Hub, metrics: Metrics) -> list[HubEndpoint]:
    """Return the endpoints of the hub."""
    return [
        NegotiateEndpoint(hub, metrics, "POST", f"{PATH}/negotiate"),
        ConnectEndpoint(hub, metrics, "GET", PATH),
        SendEndpoint(hub, metrics, "POST", PATH),
    ]


def _authorize(hub: Hub, request: Request) -> bool:
    """Let in administrators; return whether one showed a key as a bearer, as clients prefer to.

    Raises as the authorizer does; virtual keys are none of an administrator's.
    """
    found = credentials_of(request)
    bearer = found.get("authorization", "")
    by_bearer = "x-master-key" not in found and bearer.lower().startswith(_BEARER)
    if by_bearer and not token_of(bearer):
        found = {"x-master-key": bearer[len(_BEARER) :].strip()}
    hub.authorize(found, request.peer)
    return by_bearer


def _signature(key: bytes, ticket: str) -> str:
    return hmac.new(key, ticket.encode(), hashlib.sha256).hexdigest()


def _refuse_keys(query: Mapping[str, str]) -> None:
    """Refuse connections without a ticket whose URL has what may be a key."""
    if "access_token" in query and not query.get("id"):
        message = "Keys do not belong in a URL: negotiate first, which gives an id for one use"
        raise InvalidRequest(message, field="access_token")


def _version(text: str) -> int:
    """Return the version of the negotiation to answer with, of which we know 0 and 1."""
    if not (text.isascii() and text.isdecimal()):
        raise InvalidRequest("negotiateVersion must be a number", field="negotiateVersion")
    return min(int(text[:9]), 1)


async def _until_stopped(session: HubSession, stopping: asyncio.Event) -> bool:
    """Run a session; return whether it was ended because this process stops."""
    running = asyncio.create_task(session.run())
    stopped = asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait((running, stopped), return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()
            return False
        await session.say_goodbye()
        return True
    finally:
        for task in (running, stopped):
            task.cancel()
        await asyncio.gather(running, stopped, return_exceptions=True)


async def _texts(socket: WebSocket) -> AsyncIterator[str]:
    async for message in socket:
        if not isinstance(message, str):
            # The one protocol that we speak is text, but some clients send it as bytes.
            message = message.decode(errors="replace")  # noqa: PLW2901 # the same message
        yield message


async def _messages(call: AsyncIterator[pb.WatchHubMessagesResponse]) -> AsyncIterator[str]:
    async for message in call:
        yield message.text
