"""Sessions over WebSockets, each with a scripted Router behind it, on real sockets."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from tests.support.endpoints import BEARER, edge, here
from tests.support.exchanges import Caller, context_of, request_of, route_of
from tests.support.http_peers import FIRM, calling, client, serving, until
from tests.support.http_peers import Peer as RawPeer
from tests.support.websocket_peers import HANDSHAKE

from conduit.v1.call_pb2 import CallReport
from conduit.v1.converse_requests_pb2 import ConverseResponse, SessionEnd
from conduit_bridge.endpoints.unary import GONE, Outcome
from conduit_bridge.endpoints.websocket import OPENED, WebSocketEndpoint
from conduit_bridge.metrics import Metrics
from conduit_kernel.errors import (
    ConduitError,
    InvalidRequest,
    StreamInterrupted,
    UpstreamRateLimited,
    VirtualKeyInvalid,
)
from conduit_kernel.http import Exchange, Origin
from conduit_kernel.websocket import WebSocket, WebSocketClosed, connect

LIMITED = UpstreamRateLimited("The provider asked us to slow down")


class Router:
    """Says each event back; one that is `bye` ends the session, `fail` and `crash` break it."""

    def __init__(self, first: Exception | None = None, *, is_silent: bool = False) -> None:
        self.first = first
        self.is_silent = is_silent
        self.started: list[Any] = []
        self.has_ended = False

    async def Converse(  # noqa: N802 # the contract's name
        self, requests: AsyncIterator[Any], **_: object
    ) -> AsyncGenerator[ConverseResponse, None]:
        """Hold a session."""
        try:
            self.started.append(await anext(requests))
            if self.first is not None:
                raise self.first
            if self.is_silent:
                return
            yield ConverseResponse(started=CallReport(attempts=3))
            async for request in requests:
                if request.json == b'{"type":"bye"}':
                    break
                if request.json == b'{"type":"fail"}':
                    raise LIMITED
                if request.json == b'{"type":"crash"}':
                    raise ValueError("canary")
                yield ConverseResponse(json=request.json)
            yield ConverseResponse(finished=SessionEnd(seconds=1))
        finally:
            self.has_ended = True


class Sessions:
    """The endpoint behind a port, and how its requests ended."""

    def __init__(self, router: Router) -> None:
        self.stopping = asyncio.Event()
        self.outcomes: list[Outcome | ConduitError] = []
        self.port = 0
        route = route_of("Converse")
        self.endpoint = WebSocketEndpoint(
            route,
            here(router),
            Metrics().add(route.verb, route.path),
            edge(stopping=self.stopping),
        )

    async def handle(self, exchange: Exchange) -> None:
        """Serve, and note what came of it; refuse what raises."""
        try:
            self.outcomes.append(await self.endpoint.serve(context_of(exchange)))
        except ConduitError as error:
            self.outcomes.append(error)
            if not exchange.is_answered:
                exchange.respond(error.failure.http_status, (), b"")

    async def ended(self) -> Outcome | ConduitError:
        """Return how the one session ended."""
        await until(lambda: self.outcomes, 5.0)
        [outcome] = self.outcomes
        return outcome


@contextlib.asynccontextmanager
async def sessions(router: Router) -> AsyncIterator[Sessions]:
    """Serve sessions."""
    made = Sessions(router)
    async with serving(made.handle) as server:
        made.port = server.port
        yield made


@contextlib.asynccontextmanager
async def session(made: Sessions) -> AsyncIterator[WebSocket]:
    """Open one."""
    async with client() as http:
        fields = ((b"authorization", BEARER.encode()),)
        origin = Origin("http", "127.0.0.1", made.port)
        socket = await connect(http, origin, "/v1/realtime?model=m", fields, timeouts=FIRM)
        try:
            yield socket
        finally:
            await socket.close()


async def end_of(socket: WebSocket) -> WebSocketClosed:
    """Receive the last."""
    with pytest.raises(WebSocketClosed) as caught:
        await socket.receive()
    return caught.value


async def test_events_go_both_ways_until_the_call_ends() -> None:
    """The query begins the call; its end is a goodbye."""
    router = Router()
    async with sessions(router) as made, session(made) as socket:
        assert router.started[0].start.model == "m"
        await socket.send('{"type":"a"}')
        assert await socket.receive() == '{"type":"a"}'
        await socket.send('{"type":"bye"}')
        assert (await end_of(socket)).code == 1000
        assert await made.ended() == OPENED
    assert router.has_ended


async def test_a_caller_that_says_goodbye_held_its_session_to_the_end() -> None:
    """The call ends with it."""
    router = Router()
    async with sessions(router) as made:
        async with session(made):
            pass
        assert await made.ended() == OPENED
    assert router.has_ended


async def test_a_caller_that_vanishes_is_gone() -> None:
    """The call ends all the same."""
    router = Router()
    async with sessions(router) as made, session(made) as socket:
        socket.abort()
        assert await made.ended() == GONE
    assert router.has_ended


async def test_a_session_that_breaks_says_why() -> None:
    """As an event, and by the code of its end; it counts with the error's status."""
    async with sessions(Router()) as made, session(made) as socket:
        await socket.send('{"type":"fail"}')
        event = json.loads(await socket.receive())
        assert (event["type"], event["error"]["code"]) == ("error", "rate_limit_exceeded")
        end = await end_of(socket)
        assert (end.code, end.reason) == (1008, "PROVIDER_RATE_LIMITED")
        assert await made.ended() == Outcome(429, "PROVIDER_RATE_LIMITED")


async def test_a_crash_says_nothing_of_itself() -> None:
    """It is ours, which the code says."""
    async with sessions(Router()) as made, session(made) as socket:
        await socket.send('{"type":"crash"}')
        assert "canary" not in str(await socket.receive())
        assert (await end_of(socket)).code == 1011
        assert await made.ended() == Outcome(500, "INTERNAL")


async def test_bytes_are_no_events() -> None:
    """The caller hears what it did, and the call ends."""
    router = Router()
    async with sessions(router) as made, session(made) as socket:
        await socket.send(b"\0")
        assert (await end_of(socket)).code == 1003
        await made.ended()
    assert router.has_ended


async def test_sessions_end_with_the_process() -> None:
    """Callers hear that we go away, and may begin anew elsewhere."""
    router = Router()
    async with sessions(router) as made, session(made) as socket:
        made.stopping.set()
        assert (await end_of(socket)).code == 1001
        assert await made.ended() == OPENED
    assert router.has_ended


@contextlib.asynccontextmanager
async def refused(router: Router, head: bytes) -> AsyncIterator[tuple[Sessions, RawPeer]]:
    """Send a handshake that is not granted."""
    async with sessions(router) as made, calling_port(made.port) as peer:
        await peer.send(head)
        yield made, peer


@contextlib.asynccontextmanager
async def calling_port(port: int) -> AsyncIterator[RawPeer]:
    """Connect to a port."""

    class Server:
        def __init__(self) -> None:
            self.port = port

    async with calling(Server()) as peer:  # type: ignore[arg-type] # only its port is asked for
        yield peer


GRANTED = HANDSHAKE.replace(b"Host: x", f"Host: x\r\nAuthorization: {BEARER}".encode())


@pytest.mark.parametrize(
    ("router", "head", "error"),
    [
        (Router(), HANDSHAKE, VirtualKeyInvalid),
        (Router(LIMITED), GRANTED, UpstreamRateLimited),
        (Router(is_silent=True), GRANTED, StreamInterrupted),
    ],
    ids=["a stranger", "no session", "no first message"],
)
async def test_a_session_that_cannot_begin_has_its_status(
    router: Router, head: bytes, error: type[ConduitError]
) -> None:
    """The handshake is answered only once the session is open; strangers begin no call."""
    async with refused(router, head) as (made, peer):
        answer = await peer.answer()
        outcome = await made.ended()
    assert isinstance(outcome, error)
    assert answer.status == outcome.failure.http_status
    assert bool(router.started) is router.has_ended is (head == GRANTED)


async def test_a_path_of_sessions_asks_for_a_websocket() -> None:
    """Whoever comes without an upgrade is told, and begins no call."""
    router = Router()
    endpoint = Sessions(router).endpoint
    exchange = request_of(Caller(), authorization=BEARER)
    with pytest.raises(InvalidRequest) as caught:
        await endpoint.serve(context_of(exchange))
    assert caught.value.metadata == {"field": "upgrade"}
    assert not router.started


async def test_the_handshake_has_the_report() -> None:
    """Of the attempts that opening the session took."""
    async with refused(Router(), GRANTED) as (made, peer):
        answer = await peer.answer(head_only=True)
        assert answer.status == 101
        assert answer.headers["x-conduit-attempts"] == "3"
        peer.writer.transport.abort()
        assert await made.ended() == GONE


async def test_operators_may_hold_no_responses() -> None:
    """A WebSocket that was offered is answered 426 then: clients go on by POST at once."""
    route, stub = route_of("HoldResponses"), SimpleNamespace(HoldResponses=None)
    parts = edge()._replace(has_response_sockets=False)
    made = Sessions(Router())
    made.endpoint = WebSocketEndpoint(
        route, here(stub), Metrics().add(route.verb, route.path), parts
    )
    async with serving(made.handle) as server, calling(server) as peer:
        await peer.send(GRANTED)
        answer = await peer.answer()
    assert answer.status == 426
    assert b'"param":"upgrade"' in answer.body
