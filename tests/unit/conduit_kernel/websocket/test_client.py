"""The client's handshake, with servers of other makers and with bare bytes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import aiohttp
import pytest
import websockets.asyncio.client
import websockets.asyncio.server
from aiohttp import web
from tests.support.http_peers import (
    FIRM,
    both_loops,
    client,
    until,
    upstream,
)
from tests.support.websocket_peers import (
    MESSAGES,
    SWITCH,
    answering,
)

from conduit_kernel.http import (
    ConnectFailed,
    ConnectionReset,
    HeaderTimeout,
    HttpClient,
    LocalExhausted,
    Origin,
    Timeouts,
    TotalTimeout,
)
from conduit_kernel.websocket import (
    HandshakeRefused,
    WebSocketClosed,
    connect,
)


@contextlib.asynccontextmanager
async def aiohttp_server() -> AsyncIterator[Origin]:
    """Echo with aiohttp."""

    async def handle(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse(protocols=("b",))
        await ws.prepare(request)
        async for message in ws:
            if message.type is aiohttp.WSMsgType.TEXT:
                await ws.send_str(f"{request.headers.get('x-a', '')}{message.data}")
            else:
                await ws.send_bytes(message.data)
        return ws

    app = web.Application()
    app.router.add_get("/ws", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield Origin("http", "127.0.0.1", runner.addresses[0][1])
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def websockets_server() -> AsyncIterator[Origin]:
    """Echo with `websockets`, in fragments."""

    async def handle(ws: websockets.asyncio.server.ServerConnection) -> None:
        assert ws.request is not None
        prefix = ws.request.headers.get("x-a", "")
        async for message in ws:
            if isinstance(message, str):
                await ws.send([prefix, message])
            else:
                await ws.send([message[:10], message[10:]])

    async with websockets.asyncio.server.serve(
        handle, "127.0.0.1", 0, subprotocols=[websockets.Subprotocol("b")]
    ) as server:
        yield Origin("http", "127.0.0.1", next(iter(server.sockets)).getsockname()[1])


@pytest.mark.parametrize("kind", [aiohttp_server, websockets_server])
@both_loops
async def test_client_speaks_with_servers_of_others(
    kind: Callable[[], contextlib.AbstractAsyncContextManager[Origin]],
) -> None:
    """The same, the other way round; what was counted is given back."""
    async with kind() as origin, client(limits={"max_total": 1}) as http:
        for _ in range(2):
            ws = await connect(
                http,
                origin,
                "/ws?q=1",
                ((b"x-a", b">"),),
                timeouts=FIRM,
                subprotocols=("a", "b"),
            )
            assert ws.subprotocol == "b"
            with pytest.raises(LocalExhausted):
                await connect(http, origin, "/ws", timeouts=FIRM)
            for message in MESSAGES:
                await ws.send(message)
                wanted = message if isinstance(message, bytes) else f">{message}"
                assert await ws.receive() == wanted
            await ws.close()
            with pytest.raises(WebSocketClosed) as caught:
                await ws.receive()
            assert caught.value.code == 1000
            with pytest.raises(WebSocketClosed):
                await ws.send("late")


async def refused(http: HttpClient, origin: Origin, timeouts: Timeouts = FIRM) -> HandshakeRefused:
    """Expect that the handshake does not come about."""
    with pytest.raises(HandshakeRefused) as caught:
        await connect(http, origin, "/ws", ((b"x-key", b"secret"),), timeouts=timeouts)
    assert "secret" not in str(caught.value)
    return caught.value


@both_loops
async def test_refused_handshake_tells_what_was_answered() -> None:
    """Status, fields and body: providers say there what is wrong."""
    answer = b"HTTP/1.1 401 No\r\nContent-Length: 5\r\nX-A: 1\r\n\r\nwrong"
    async with upstream(answering(answer)) as peer, client() as http:
        error = await refused(http, peer.origin)
        assert (error.status, error.body) == (401, b"wrong")
        assert (b"x-a", b"1") in error.headers
        await until(lambda: not peer.open)


@pytest.mark.parametrize(
    "answer",
    [
        SWITCH.replace(b"KEY", b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
        SWITCH.replace(b"Upgrade: websocket", b"Upgrade: h2c"),
        SWITCH[:-2] + b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
        SWITCH[:-2] + b"Sec-WebSocket-Protocol: unasked\r\n\r\n",
        b"garbage\r\n\r\n",
    ],
    ids=["wrong proof", "other protocol", "compression", "subprotocol", "garbage"],
)
@both_loops
async def test_handshake_gone_wrong_is_no_connection(answer: bytes) -> None:
    """Compression least of all."""
    async with upstream(answering(answer)) as peer, client() as http:
        assert (await refused(http, peer.origin)).status == 0
        await until(lambda: not peer.open)


@both_loops
async def test_handshake_is_bounded_in_time_and_by_addresses() -> None:
    """By the head's limit and the total one; an address that is not allowed is not connected to."""

    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async with (
        upstream(silent) as peer,
        client() as http,
        client(allow_address=lambda _: False) as guarded,
    ):
        for timeouts, error in (
            (Timeouts(header=0.1), HeaderTimeout),
            (Timeouts(total=0.1), TotalTimeout),
        ):
            with pytest.raises(error):
                await connect(http, peer.origin, "/", timeouts=timeouts)
        await until(lambda: not peer.open)
        with pytest.raises(ConnectFailed) as caught:
            await connect(guarded, peer.origin, "/", timeouts=FIRM)
        assert caught.value.kind == "forbidden"
        with pytest.raises(ValueError, match="line break"):
            await connect(http, peer.origin, "/", ((b"a", b"b\r\nc: d"),), timeouts=FIRM)
        with pytest.raises(ValueError, match="target"):
            await connect(http, peer.origin, "/ x", timeouts=FIRM)


@both_loops
async def test_server_that_leaves_before_answering_is_a_reset() -> None:
    """As with requests."""

    async def script(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")

    async with upstream(script) as peer, client() as http:
        with pytest.raises(ConnectionReset):
            await connect(http, peer.origin, "/", timeouts=FIRM)


@both_loops
async def test_closing_the_client_cuts_its_websockets() -> None:
    """Whoever receives hears of it."""
    async with websockets_server() as origin:
        http = HttpClient()
        ws = await connect(http, origin, "/", timeouts=FIRM, subprotocols=("b",))
        receiving = asyncio.ensure_future(ws.receive())
        await asyncio.sleep(0)
        await http.close()
        with pytest.raises(WebSocketClosed) as caught:
            await receiving
        assert caught.value.code == 1006
