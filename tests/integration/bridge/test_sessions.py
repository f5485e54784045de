"""Sessions over WebSockets, with the websockets package as their caller."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import httpx
import orjson
import pytest
from tests.integration.bridge.stage import CALLER, UNKNOWN, ScriptedRouter, soon, until
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from conduit.v1 import converse_requests_pb2 as converse_pb
from conduit_bridge import bootstrap
from conduit_kernel.errors import NotImplementedYet
from conduit_kernel.not_found_errors import ModelNotFound

PATHS = {
    "/v1/realtime?model=m": converse_pb.SESSION_PROTOCOL_REALTIME,
    "/v1/live/sessions": converse_pb.SESSION_PROTOCOL_LIVE,
}
REALTIME = "/v1/realtime?model=m"


@asynccontextmanager
async def session(
    bridge: bootstrap.BridgeProcess,
    path: str = REALTIME,
    headers: dict[str, str] = CALLER,
    subprotocols: tuple[str, ...] = (),
) -> AsyncIterator[ClientConnection]:
    """Hold a session."""
    url = f"ws://127.0.0.1:{bridge.port}{path}"
    names = [Subprotocol(name) for name in subprotocols] or None
    async with (
        asyncio.timeout(5),
        connect(url, additional_headers=headers, subprotocols=names, proxy=None) as socket,
    ):
        yield socket


async def closed(socket: ClientConnection) -> tuple[int, str]:
    """Return the code and the reason of a session's end."""
    with suppress(ConnectionClosed):
        while True:
            await socket.recv()
    assert socket.close_code is not None
    return socket.close_code, socket.close_reason or ""


@pytest.mark.parametrize(("path", "protocol"), PATHS.items())
async def test_a_session_is_events_both_ways(
    bridge: bootstrap.BridgeProcess,
    router: ScriptedRouter,
    path: str,
    protocol: converse_pb.SessionProtocol.ValueType,
) -> None:
    """The first message says how it is held; each text after it is an event."""
    async with session(bridge, path) as socket:
        for text in ('{"type":"a"}', '{"type":"ü"}'):
            await socket.send(text)
            assert await socket.recv() == text
        await socket.send("bye")
        assert await closed(socket) == (1000, "")
    start = router.requests[0].start
    assert (start.protocol, start.events) == (protocol, converse_pb.EVENT_FORM_JSON)
    assert start.model == ("m" if "model" in path else "")
    await soon(router.ended)


async def test_a_handshakes_answer_has_the_report(bridge: bootstrap.BridgeProcess) -> None:
    """And the request's id, as any answer has."""
    async with session(bridge, headers={**CALLER, "x-request-id": "r-7"}) as socket:
        assert socket.response is not None
        assert socket.response.headers["x-conduit-attempts"] == "1"
        assert socket.response.headers["x-request-id"] == "r-7"


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (NotImplementedYet("Converse is not in this version"), 501, "not_implemented"),
        (ModelNotFound("The model 'm' does not exist", model="m"), 404, "model_not_found"),
    ],
)
@pytest.mark.parametrize("path", PATHS)
async def test_a_session_that_cannot_begin_has_its_status(
    bridge: bootstrap.BridgeProcess,
    router: ScriptedRouter,
    path: str,
    error: Exception,
    status: int,
    code: str,
) -> None:
    """The handshake is answered once the session is open, and not before."""
    router.problem = error
    with pytest.raises(InvalidStatus) as refused:
        async with session(bridge, path):
            pass
    assert refused.value.response.status_code == status
    assert orjson.loads(refused.value.response.body or b"")["error"]["code"] == code


@pytest.mark.parametrize("headers", [{}, UNKNOWN])
async def test_strangers_hold_no_sessions(
    bridge: bootstrap.BridgeProcess, router: ScriptedRouter, headers: dict[str, str]
) -> None:
    """With a status, before anything was opened."""
    with pytest.raises(InvalidStatus) as refused:
        async with session(bridge, headers=headers):
            pass
    assert refused.value.response.status_code == 401
    assert not router.requests


async def test_a_page_says_its_key_as_a_subprotocol(
    bridge: bootstrap.BridgeProcess, router: ScriptedRouter
) -> None:
    """Browsers' WebSockets can set no header; the protocol that is agreed on has no key in it."""
    names = ("realtime", "openai-insecure-api-key.condt_caller")
    async with session(bridge, headers={}, subprotocols=names) as socket:
        assert socket.subprotocol == "realtime"
    assert router.identified == ["Bearer condt_caller"]


async def test_a_session_that_breaks_says_why(bridge: bootstrap.BridgeProcess) -> None:
    """An event with the error, and a code that is not that of a good end."""
    async with session(bridge) as socket:
        await socket.send("fail")
        event = orjson.loads(await socket.recv())
        assert (event["type"], event["error"]["code"]) == ("error", "rate_limit_exceeded")
        assert event["event_id"].startswith("event_")
        assert await closed(socket) == (1008, "PROVIDER_RATE_LIMITED")


async def test_bytes_are_no_events(bridge: bootstrap.BridgeProcess, router: ScriptedRouter) -> None:
    """Both protocols are text alone."""
    async with session(bridge) as socket:
        await socket.send(b"\x00")
        assert await closed(socket) == (1003, "Events are text")
    await soon(router.ended)


async def test_a_caller_that_leaves_ends_the_call(
    bridge: bootstrap.BridgeProcess, router: ScriptedRouter
) -> None:
    """Without a word, too."""
    async with session(bridge) as socket:
        socket.transport.abort()
    await soon(router.ended)


@pytest.mark.parametrize(("code", "status"), [(1000, 101), (None, 101), (0, 499)])
async def test_a_caller_that_says_goodbye_is_not_one_that_was_lost(
    bridge: bootstrap.BridgeProcess,
    router: ScriptedRouter,
    http: httpx.AsyncClient,
    code: int | None,
    status: int,
) -> None:
    """The metrics tell them apart; browsers give no code where the page gives none."""
    async with session(bridge) as socket:
        if code:
            await socket.close(code)
        elif code is None:
            # A close frame without a code, masked with nothing.
            socket.transport.write(b"\x88\x80\0\0\0\0")
            await socket.wait_closed()
        else:
            socket.transport.abort()
    await soon(router.ended)

    async def is_counted() -> bool:
        text = (await http.get("/metrics")).text
        return any("/v1/realtime" in x and f'status="{status}"' in x for x in text.splitlines())

    await until(is_counted)


async def test_sessions_end_when_the_process_stops(
    bridge: bootstrap.BridgeProcess, router: ScriptedRouter
) -> None:
    """Politely, and long before they would end by themselves."""
    async with session(bridge) as socket:
        stopping = asyncio.create_task(bridge.drain(2))
        assert await closed(socket) == (1001, "")
        await stopping
    await soon(router.ended)


async def test_a_path_of_sessions_asks_for_a_websocket(
    http: httpx.AsyncClient, router: ScriptedRouter
) -> None:
    """A plain request is told so, once it is known who asks."""
    answer = await http.get(REALTIME)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "upgrade")
    assert (await http.get(REALTIME, headers=UNKNOWN)).status_code == 401
    assert not router.requests


@pytest.mark.parametrize(
    ("headers", "subprotocols"),
    [
        ({"OpenAI-Beta": "realtime=v1"}, ()),
        ({"OpenAI-Beta": "assistants=v2, realtime=v1"}, ()),
        ({}, ("realtime", "openai-beta.realtime-v1")),
    ],
)
async def test_a_caller_of_the_beta_is_told_that_it_has_ended(
    bridge: bootstrap.BridgeProcess,
    router: ScriptedRouter,
    headers: dict[str, str],
    subprotocols: tuple[str, ...],
) -> None:
    """As OpenAI tells it, in an event, rather than sent events by names that it does not know."""
    asked = {**CALLER, **headers}
    async with session(bridge, headers=asked, subprotocols=subprotocols) as socket:
        event = orjson.loads(await socket.recv())
        assert event["type"] == "error"
        assert event["error"]["code"] == "beta_api_shape_disabled"
        assert event["error"]["type"] == "invalid_request_error"
        assert await closed(socket) == (4000, "invalid_request_error.beta_api_shape_disabled")
    assert not router.requests


async def test_the_beta_is_no_way_around_a_key(bridge: bootstrap.BridgeProcess) -> None:
    """Who calls is asked first."""
    with pytest.raises(InvalidStatus) as refused:
        async with session(bridge, headers={**UNKNOWN, "OpenAI-Beta": "realtime=v1"}):
            pass
    assert refused.value.response.status_code == 401


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/realtime/calls"),
        ("POST", "/v1/realtime/calls/"),
        ("POST", "/v1/realtime/calls/rtc_1/accept"),
        ("POST", "/v1/realtime/calls/rtc_1/hangup"),
        ("POST", "/v1/live/sessions"),
        ("POST", "/v1/live/sessions/live_1/fork"),
        ("GET", "/v1/live/sessions/live_1/attach"),
        ("GET", "/v1/live/sessions/live_1/content"),
    ],
)
async def test_sound_by_other_ways_is_refused(
    http: httpx.AsyncClient, method: str, path: str
) -> None:
    """With what there is instead: neither WebRTC nor SIP can pass through here."""
    fields = {"content-type": "application/sdp"}
    answer = await http.request(method, path, content=b"v=0", headers=fields)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (501, "not_implemented")
    assert "/v1/realtime/client_secrets" in error["message"]


@pytest.mark.parametrize("query", ["call_id=rtc_1", "call_id=", "model=m&call_id=rtc_1"])
async def test_a_session_of_another_kind_cannot_be_joined(
    bridge: bootstrap.BridgeProcess, router: ScriptedRouter, query: str
) -> None:
    """A server's second way into one: the session itself is none of this gateway's."""
    with pytest.raises(InvalidStatus) as refused:
        async with session(bridge, f"/v1/realtime?{query}"):
            pass
    assert refused.value.response.status_code == 501
    error = orjson.loads(refused.value.response.body or b"")["error"]
    assert (error["code"], error["param"]) == ("not_implemented", "call_id")
    assert not router.requests


async def test_another_beta_is_no_concern_of_sessions(bridge: bootstrap.BridgeProcess) -> None:
    """Some clients send such a header with each request."""
    async with session(bridge, headers={**CALLER, "OpenAI-Beta": "assistants=v2"}) as socket:
        await socket.send('{"type":"a"}')
        assert await socket.recv() == '{"type":"a"}'
