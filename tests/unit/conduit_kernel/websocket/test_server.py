"""The server's handshake, with clients of other makers and with bare bytes."""

import aiohttp
import pytest
import websockets.asyncio.client
import websockets.asyncio.server
from tests.support.http_peers import (
    GET,
    both_loops,
    calling,
    serving,
)
from tests.support.websocket_peers import (
    CLOSE,
    HANDSHAKE,
    MESSAGES,
    TEXT,
    frame,
    read_frame,
)

from conduit_kernel.http import (
    Exchange,
)
from conduit_kernel.websocket import (
    HandshakeRefused,
    accept,
)


async def echo(exchange: Exchange) -> None:
    """Accept, and say everything back."""
    more = b"x-report: 2\r\n"
    ws = accept(exchange, subprotocols=("b", "c"), headers=((b"x-served", b"1"),), lines=more)
    try:
        async for message in ws:
            await ws.send(message)
    finally:
        await ws.close()


@both_loops
async def test_server_serves_the_client_of_aiohttp() -> None:
    """Text, binary, large, empty; the first subprotocol of the client's that is ours."""
    async with serving(echo) as server, aiohttp.ClientSession() as session:
        url = f"http://127.0.0.1:{server.port}/ws"
        async with session.ws_connect(url, protocols=("a", "c", "b"), compress=15) as ws:
            assert ws.protocol == "c"
            assert ws.compress == 0
            for message in MESSAGES:
                if isinstance(message, str):
                    await ws.send_str(message)
                else:
                    await ws.send_bytes(message)
                assert (await ws.receive()).data == message
            await ws.ping()
            await ws.close()
            assert ws.close_code == 1000


@both_loops
async def test_server_serves_the_client_of_websockets() -> None:
    """Fragments too; each ping has its pong."""
    async with serving(echo) as server:
        url = f"ws://127.0.0.1:{server.port}/ws"
        async with websockets.asyncio.client.connect(url) as ws:
            assert ws.response is not None
            assert ws.response.headers["x-served"] == "1"
            assert ws.response.headers["x-report"] == "2"
            assert "sec-websocket-extensions" not in ws.response.headers
            for message in MESSAGES:
                await ws.send(message)
                assert await ws.recv() == message
            await ws.send(["in ", "three ", "pieces"])
            assert await ws.recv() == "in three pieces"
            await (await ws.ping())


NO_HANDSHAKE = {
    "no upgrade": (GET, 426),
    "an old version": (HANDSHAKE.replace(b"Version: 13", b"Version: 8"), 426),
    "no key": (HANDSHAKE.replace(b"Sec-WebSocket-Key", b"X-Key"), 400),
    "a short key": (HANDSHAKE.replace(b"dGhlIHNhbXBsZSBub25jZQ==", b"dGhl"), 400),
    "no connection field": (HANDSHAKE.replace(b"Connection: Upgrade", b"Connection: close"), 426),
    "too long a field": (
        HANDSHAKE.replace(b"\r\n\r\n", b"\r\nSec-WebSocket-Protocol: %b\r\n\r\n" % (b"x" * 9000)),
        400,
    ),
    "a POST": (HANDSHAKE.replace(b"GET", b"POST"), 426),
}


@pytest.mark.parametrize(("sent", "status"), NO_HANDSHAKE.values(), ids=NO_HANDSHAKE)
@both_loops
async def test_what_is_no_handshake_is_refused(sent: bytes, status: int) -> None:
    """In HTTP."""
    errors: list[HandshakeRefused] = []

    async def handler(exchange: Exchange) -> None:
        try:
            accept(exchange)
        except HandshakeRefused as error:
            errors.append(error)

    async with serving(handler) as server, calling(server) as peer:
        answer = await peer.ask(sent)
        assert answer.status == status == errors[0].status


@both_loops
async def test_what_a_browser_sends_beside_a_handshake_is_no_part_of_it() -> None:
    """Cookies of any length, and more fields than the core would read."""
    more = b"".join(b"\r\nX-%d: 1" % number for number in range(90))
    sent = HANDSHAKE.replace(b"\r\n\r\n", b"\r\nCookie: %b%b\r\n\r\n" % (b"x" * 20_000, more))
    async with serving(echo) as server, calling(server) as peer:
        answer = await peer.ask(sent)
        assert answer.status == 101


@both_loops
async def test_frames_behind_the_handshake_are_read() -> None:
    """Those that came in one piece with it."""
    async with serving(echo) as server, calling(server) as peer:
        await peer.send(HANDSHAKE + frame(TEXT, b"early"))
        assert (await peer.answer()).status == 101
        assert await read_frame(peer.reader) == (TEXT, b"early")
        await peer.send(frame(CLOSE))
        assert await read_frame(peer.reader) == (CLOSE, b"")
        assert await peer.ended()
