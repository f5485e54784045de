"""WebSockets against peers of other makers: aiohttp, the package `websockets`, and bare bytes."""

import asyncio
import contextlib
import os
import struct
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest
import websockets.asyncio.client
import websockets.asyncio.server
from aiohttp import web

from conduit_kernel.http import (
    ConnectFailed,
    ConnectionReset,
    Exchange,
    HeaderTimeout,
    HttpClient,
    HttpServer,
    LocalExhausted,
    Origin,
    Timeouts,
    TotalTimeout,
)
from conduit_kernel.websocket import (
    HandshakeRefused,
    WebSocket,
    WebSocketClosed,
    WebSocketLimits,
    accept,
    connect,
)

from .http_peers import (
    FIRM,
    GET,
    MIB,
    Peer,
    Script,
    both_loops,
    calling,
    client,
    serving,
    until,
    upstream,
)

HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
ACCEPTED = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
MESSAGES: list[str | bytes] = [
    "",
    "text",
    "ü\U0001f600" * 1_000,
    b"",
    b"\0\xff",
    os.urandom(300_000),
]
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


async def echo(exchange: Exchange) -> None:
    """Accept, and say everything back."""
    more = b"x-report: 2\r\n"
    ws = accept(exchange, subprotocols=("b", "c"), headers=((b"x-served", b"1"),), lines=more)
    try:
        async for message in ws:
            await ws.send(message)
    finally:
        await ws.close()


class Listening:
    """A handler that receives, and remembers what and how it ended."""

    def __init__(self, **limits: float) -> None:
        self.limits = WebSocketLimits(**limits)  # type: ignore[arg-type]  # ints among them
        self.got: list[str | bytes] = []
        self.end: WebSocketClosed | None = None
        self.ws: WebSocket | None = None
        self.go = asyncio.Event()
        self.go.set()

    async def __call__(self, exchange: Exchange) -> None:
        """Receive until the end."""
        self.ws = accept(exchange, limits=self.limits)
        try:
            while True:
                await self.go.wait()
                self.got.append(await self.ws.receive())
        except WebSocketClosed as end:
            self.end = end
        finally:
            await self.ws.close()

    async def ended(self, code: int) -> None:
        """Wait for the end; it has this code."""
        await until(lambda: self.end is not None, 10.0)
        assert self.end is not None
        assert self.ws is not None
        await self.ws.wait_closed()
        assert self.end.code == code


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, masked: bool = True) -> bytes:
    """Write a frame, as a client does."""
    size, mask = len(payload), b"\1\2\3\4" if masked else b""
    flag = 0x80 if masked else 0
    first = bytes([opcode | (0x80 if fin else 0)])
    if size < 126:
        length = bytes([size | flag])
    elif size < 65_536:
        length = struct.pack("!BH", 126 | flag, size)
    else:
        length = struct.pack("!BQ", 127 | flag, size)
    if masked:
        payload = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
    return first + length + mask + payload


async def read_frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Read an unmasked frame, as a server sends it."""
    first, size = await reader.readexactly(2)
    if size == 126:
        (size,) = struct.unpack("!H", await reader.readexactly(2))
    elif size == 127:
        (size,) = struct.unpack("!Q", await reader.readexactly(8))
    return first & 15, await reader.readexactly(size)


@contextlib.asynccontextmanager
async def shaken(server: HttpServer) -> AsyncIterator[Peer]:
    """Connect as a bare client that has shaken hands."""
    async with calling(server) as peer:
        answer = await peer.ask(HANDSHAKE)
        assert answer.status == 101
        assert answer.headers["sec-websocket-accept"] == ACCEPTED.decode()
        yield peer


# With peers of other makers.


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


# A server with bare clients.

BROKEN: dict[str, tuple[bytes, int]] = {
    "not UTF-8": (frame(TEXT, b"\xff"), 1007),
    "not UTF-8 in pieces": (frame(TEXT, b"\xc3", fin=False) + frame(0, b"("), 1007),
    "too large": (frame(BINARY, b"x" * 2_001), 1009),
    "too large in pieces": (frame(BINARY, b"x" * 1_500, fin=False) + frame(0, b"x" * 501), 1009),
    "too large by its head": (frame(BINARY, b"x" * 70_000)[:14], 1009),
    "unmasked": (frame(TEXT, b"a", masked=False), 1002),
    "reserved bit": (b"\xc1\x80\1\2\3\4", 1002),
    "reserved opcode": (frame(3), 1002),
    "large ping": (frame(PING, b"x" * 126), 1002),
    "ping in pieces": (frame(PING, b"x", fin=False), 1002),
    "nothing to continue": (frame(0, b"x"), 1002),
    "a second beginning": (frame(TEXT, b"a", fin=False) + frame(TEXT, b"b"), 1002),
    "goodbye of one byte": (frame(CLOSE, b"x"), 1002),
    "goodbye with no such code": (frame(CLOSE, struct.pack("!H", 1005)), 1002),
    "goodbye that is not UTF-8": (frame(CLOSE, struct.pack("!H", 1000) + b"\xff"), 1007),
}


@pytest.mark.parametrize(("sent", "code"), BROKEN.values(), ids=BROKEN)
@both_loops
async def test_broken_frames_end_the_connection(sent: bytes, code: int) -> None:
    """With the code that says why; what was whole before is received."""
    handler = Listening(message_bytes=2_000)
    async with serving(handler) as server, shaken(server) as peer:
        await peer.send(frame(TEXT, b"whole") + sent)
        opcode, payload = await read_frame(peer.reader)
        assert (opcode, struct.unpack("!H", payload[:2])[0]) == (CLOSE, code)
        assert await peer.reader.read() == b""
        await peer.send(frame(TEXT, b"late"))
        peer.writer.close()
        await handler.ended(code)
        assert handler.got == ["whole"]


@both_loops
async def test_goodbye_in_the_middle_of_a_message_is_no_message() -> None:
    """Nor is it a clean end."""
    handler = Listening()
    async with serving(handler) as server, shaken(server) as peer:
        await peer.send(frame(TEXT, b"a", fin=False) + frame(CLOSE, struct.pack("!H", 1000)))
        assert (await read_frame(peer.reader))[0] == CLOSE
        peer.writer.close()
        await until(lambda: handler.end is not None)
        assert not handler.got


@pytest.mark.parametrize("way", ["reset", "close", "half-close"])
@both_loops
async def test_peer_that_vanishes_ends_the_connection(way: str) -> None:
    """Inside a message; code 1006."""
    handler = Listening()
    async with serving(handler) as server, shaken(server) as peer:
        await peer.send(frame(TEXT, b"a", fin=False))
        await until(lambda: handler.ws is not None)
        if way == "reset":
            peer.reset()
        elif way == "close":
            peer.writer.close()
        else:
            peer.writer.write_eof()
        await handler.ended(1006)
        assert not handler.got


@both_loops
async def test_silent_peer_is_pinged_and_given_up() -> None:
    """One that answers stays."""
    handler = Listening(ping_seconds=0.1, close_seconds=0.2)
    async with serving(handler) as server, shaken(server) as peer:
        for _ in range(3):
            assert await read_frame(peer.reader) == (PING, b"")
            assert handler.end is None
            await peer.send(frame(PONG))
        assert await read_frame(peer.reader) == (PING, b"")
        await handler.ended(1006)
        # However often it was pinged meanwhile.
        await peer.reader.read()


@both_loops
async def test_peer_that_does_not_say_goodbye_is_cut() -> None:
    """In bounds."""
    handler = Listening(close_seconds=0.1)
    async with serving(handler) as server, shaken(server) as peer:
        await until(lambda: handler.ws is not None)
        assert handler.ws is not None
        await handler.ws.close(1001, "going")
        assert await read_frame(peer.reader) == (CLOSE, struct.pack("!H", 1001) + b"going")
        assert await peer.ended()


@both_loops
async def test_unreceived_messages_hold_the_peer_back() -> None:
    """Empty ones too; receiving brings the rest."""
    handler = Listening(close_seconds=0.2)
    handler.go.clear()
    sent = frame(BINARY, b"x" * 60_000) * 200 + frame(TEXT) * 20_000
    async with serving(handler) as server, shaken(server) as peer:
        sending = asyncio.ensure_future(peer.send(sent + frame(CLOSE, struct.pack("!H", 1000))))
        await asyncio.sleep(0.3)
        assert not sending.done()
        handler.go.set()
        await sending
        await until(lambda: handler.end is not None, 10.0)
        assert len(handler.got) == 20_200


@both_loops
async def test_peer_that_takes_nothing_is_given_up() -> None:
    """Senders wait, in bounds; pings that want answers are left unread."""
    sent = 0

    async def handler(exchange: Exchange) -> None:
        nonlocal sent
        ws = accept(exchange, limits=WebSocketLimits(write_stall_seconds=0.2))
        with contextlib.suppress(WebSocketClosed):
            while True:
                await ws.send(b"x" * 65_536)
                sent += 65_536

    async with serving(handler) as server, shaken(server) as peer:
        peer.hold()
        await until(lambda: server.connections == 0, 3.0)
        assert 0 < sent < 32 * MIB


@both_loops
async def test_flood_of_pings_is_answered_no_faster_than_it_is_read() -> None:
    """The answers to it do not fill the memory."""
    handler = Listening(write_stall_seconds=0.3)
    flood = frame(PING, b"x" * 125) * 400_000
    async with serving(handler) as server, shaken(server) as peer:
        peer.hold()
        sending = asyncio.ensure_future(peer.send(flood))
        await until(lambda: handler.ws is not None)
        assert handler.ws is not None
        ws = handler.ws
        await until(ws.transport.get_write_buffer_size, 10.0)
        assert ws.transport.get_write_buffer_size() < 2 * MIB
        await handler.ended(1006)
        peer.writer.transport.abort()
        await asyncio.gather(sending, return_exceptions=True)


NO_HANDSHAKE = {
    "no upgrade": (GET, 426),
    "an old version": (HANDSHAKE.replace(b"Version: 13", b"Version: 8"), 426),
    "no key": (HANDSHAKE.replace(b"Sec-WebSocket-Key", b"X-Key"), 400),
    "a short key": (HANDSHAKE.replace(b"dGhlIHNhbXBsZSBub25jZQ==", b"dGhl"), 400),
    "no connection field": (HANDSHAKE.replace(b"Connection: Upgrade", b"Connection: close"), 426),
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
async def test_frames_behind_the_handshake_are_read() -> None:
    """Those that came in one piece with it."""
    async with serving(echo) as server, calling(server) as peer:
        await peer.send(HANDSHAKE + frame(TEXT, b"early"))
        assert (await peer.answer()).status == 101
        assert await read_frame(peer.reader) == (TEXT, b"early")
        await peer.send(frame(CLOSE))
        assert await read_frame(peer.reader) == (CLOSE, b"")
        assert await peer.ended()


# A client with bare servers.


async def refused(http: HttpClient, origin: Origin, timeouts: Timeouts = FIRM) -> HandshakeRefused:
    """Expect that the handshake does not come about."""
    with pytest.raises(HandshakeRefused) as caught:
        await connect(http, origin, "/ws", ((b"x-key", b"secret"),), timeouts=timeouts)
    assert "secret" not in str(caught.value)
    return caught.value


def answering(answer: bytes, then: Callable[[Peer], Awaitable[None]] | None = None) -> Script:
    """Make a script that answers the handshake; ``KEY`` in it stands for what proves it right."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        key = head.lower().partition(b"sec-websocket-key: ")[2]
        start = len(head) - len(key)
        proof = websockets.utils.accept_key(head[start : start + 24].decode()).encode()
        writer.write(answer.replace(b"KEY", proof))
        await (then(Peer(reader, writer)) if then else reader.read())

    return script


SWITCH = (
    b"HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Accept: KEY\r\n\r\n"
)


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


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"", 1006),
        (frame(TEXT, b"a", masked=False)[:2], 1006),
        (frame(TEXT, b"a"), 1002),
        (frame(TEXT, b"\xff", masked=False), 1007),
        (frame(CLOSE, struct.pack("!H", 4001) + b"why", masked=False), 4001),
    ],
    ids=["nothing", "cut in a frame", "masked", "not UTF-8", "goodbye"],
)
@pytest.mark.parametrize("at_once", [True, False])
@both_loops
async def test_client_hears_how_a_server_ends(sent: bytes, code: int, *, at_once: bool) -> None:
    """In one piece with the handshake or later."""

    async def then(peer: Peer) -> None:
        if not at_once:
            await asyncio.sleep(0.02)
            await peer.send(sent)
        if code != 1006:
            await peer.reader.read()

    script = answering(SWITCH + sent if at_once else SWITCH, then)
    limits = WebSocketLimits(close_seconds=0.2)
    async with upstream(script) as peer, client() as http:
        ws = await connect(http, peer.origin, "/", timeouts=FIRM, limits=limits)
        with pytest.raises(WebSocketClosed) as caught:
            await ws.receive()
        assert caught.value.code == code
        await ws.close()


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
