"""What well-behaved callers of the HTTP server get, in every dialect of HTTP/1 that they speak."""

import asyncio
import socket

import pytest
from tests.support.http_peers import both_loops, calling, serving
from tests.support.http_tls import Certificate

from conduit_kernel.http import AnswerMisuse, Exchange, ServerLimits


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """Make a certificate for this machine."""
    return Certificate(tmp_path_factory.mktemp("tls"))


TEXT = ((b"content-type", b"text/plain"),)
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
CHUNKED = (
    b"POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
)


async def handler(exchange: Exchange) -> None:
    """Answer in the way that the path names."""
    match exchange.path:
        case "/stream":
            stream = exchange.start(200, TEXT)
            for part in (b"one ", b"", b"two "):
                stream.write(part)
                await stream.drain()
            stream.finish(b"three")
            stream.finish(b"never")
        case "/empty-stream":
            exchange.start(200, TEXT).finish()
        case "/none":
            exchange.respond(204, TEXT, b"ignored")
        case "/unchanged":
            exchange.respond(304, ((b"etag", b"1"),), b"")
        case _:
            exchange.respond(200, TEXT, f"{exchange.method} ".encode() + exchange.body)


@both_loops
async def test_connection_is_kept_between_requests() -> None:
    """Whole answers, streams and bodiless ones follow each other on one connection."""
    async with serving(handler) as server, calling(server) as caller:
        for _ in range(3):
            assert (await caller.ask(GET)).body == b"GET "
            stream = await caller.ask(GET.replace(b"/ ", b"/stream "))
            assert stream.body == b"one two three"
            assert stream.headers["transfer-encoding"] == "chunked"
            assert (await caller.ask(GET.replace(b"/ ", b"/empty-stream "))).body == b""
            none = await caller.ask(GET.replace(b"/ ", b"/none "))
            assert none.status == 204
            assert "content-length" not in none.headers
            assert (await caller.ask(GET.replace(b"/ ", b"/unchanged "))).headers["etag"] == "1"
            assert (await caller.ask(CHUNKED)).body == b"POST abcde"


@pytest.mark.parametrize("path", [b"/", b"/stream"])
@both_loops
async def test_head_gets_the_head_alone(path: bytes) -> None:
    """No byte of the body is sent, and the connection goes on."""
    async with serving(handler) as server, calling(server) as caller:
        await caller.send(b"HEAD %b HTTP/1.1\r\nHost: x\r\n\r\n" % path)
        answer = await caller.answer(head_only=True)
        assert answer.status == 200
        assert answer.headers.get("content-length") == ("5" if path == b"/" else None)
        assert (await caller.ask(GET)).body == b"GET "


@both_loops
async def test_old_callers_are_served() -> None:
    """HTTP/1.0: closed after each answer, or kept if asked; streams end with the connection."""
    async with serving(handler) as server:
        async with calling(server) as caller:
            answer = await caller.ask(b"GET / HTTP/1.0\r\n\r\n")
            assert answer.headers["connection"] == "close"
            assert await caller.ended()
        async with calling(server) as caller:
            for _ in range(2):
                answer = await caller.ask(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
                assert answer.headers["connection"] == "keep-alive"
            answer = await caller.ask(b"GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            assert answer.headers["connection"] == "close"
            assert answer.body == b"one two three"


@both_loops
async def test_caller_may_ask_for_the_end() -> None:
    """``connection: close`` is answered in kind."""
    async with serving(handler) as server, calling(server) as caller:
        answer = await caller.ask(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert answer.headers["connection"] == "close"
        assert await caller.ended()


@both_loops
async def test_pipelined_requests_are_answered_in_order() -> None:
    """All in one packet, all answered, none mixed up."""
    bodies = [b"%d" % n for n in range(300)]
    requests = [
        b"POST /%b HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (body, len(body), body)
        for body in bodies
    ]
    async with serving(handler) as server, calling(server) as caller:
        await caller.send(b"".join(requests))
        assert [(await caller.answer()).body for _ in bodies] == [
            b"POST " + body for body in bodies
        ]


@pytest.mark.parametrize("data", [GET, CHUNKED], ids=["get", "chunked"])
@both_loops
async def test_requests_may_come_byte_by_byte(data: bytes) -> None:
    """The answer is that of the request in one piece."""
    async with serving(handler) as server, calling(server) as caller:
        whole = await caller.ask(data)
        for byte in data:
            await caller.send(bytes([byte]))
            await asyncio.sleep(0)
        assert await caller.answer() == whole


@both_loops
async def test_large_bodies_arrive_whole() -> None:
    """In both framings, up to the limit to the byte."""
    body = bytes(range(256)) * 4096
    limits = ServerLimits(body_bytes=len(body))

    async def compare(exchange: Exchange) -> None:
        exchange.respond(200, TEXT, b"same" if exchange.body == body else b"different")

    async with serving(compare, limits=limits) as server, calling(server) as caller:
        head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
        assert (await caller.ask(head + body)).body == b"same"
        pieces = [body[at : at + 10_007] for at in range(0, len(body), 10_007)]
        chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
        await caller.send(CHUNKED[: CHUNKED.index(b"3\r\n")] + chunks + b"0\r\n\r\n")
        assert (await caller.answer()).body == b"same"


@both_loops
async def test_expectant_caller_is_told_to_go_on() -> None:
    """100 comes once the head is accepted, never before an earlier answer, not to HTTP/1.0."""
    head = b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
    async with serving(handler) as server, calling(server) as caller:
        assert (await caller.ask(head)).status == 100
        assert (await caller.ask(b"abc")).body == b"POST abc"
        assert (await caller.ask(head + b"abc")).status == 200
        await caller.send(GET + head)
        assert [(await caller.answer()).status for _ in range(2)] == [200, 100]
        assert (await caller.ask(b"abc")).status == 200
        old = head.replace(b"1.1", b"1.0").replace(b"Host: x", b"Connection: keep-alive")
        assert (await caller.ask(old + b"abc")).body == b"POST abc"


@both_loops
async def test_framing_is_the_servers_own() -> None:
    """Fields that a handler passes on from elsewhere cannot contradict it."""
    passed_on = (
        (b"content-length", b"999"),
        (b"transfer-encoding", b"gzip"),
        (b"connection", b"upgrade"),
        (b"x-kept", b"yes"),
    )

    async def pass_on(exchange: Exchange) -> None:
        exchange.respond(200, passed_on, b"body")

    async with serving(pass_on) as server, calling(server) as caller:
        answer = await caller.ask(GET)
    assert answer.body == b"body"
    assert answer.headers == {"x-kept": "yes", "content-length": "4"}


@both_loops
async def test_misuse_is_an_error_not_a_second_answer() -> None:
    """An exchange is answered once."""
    errors: list[type[Exception]] = []

    async def twice(exchange: Exchange) -> None:
        exchange.respond(200, TEXT, b"first")
        for again in (
            lambda: exchange.respond(200, TEXT, b"second"),
            lambda: exchange.start(200, TEXT),
            exchange.upgrade,
        ):
            try:
                again()
            except AnswerMisuse as error:
                errors.append(type(error))

    async with serving(twice) as server, calling(server) as caller:
        assert (await caller.ask(GET)).body == b"first"
        assert (await caller.ask(GET)).body == b"first"
    assert errors == [AnswerMisuse] * 6


class Echo(asyncio.Protocol):
    """Another protocol: sends back what it gets, until it hears an end."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self.ended = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        """Send back."""
        self.transport.write(data)
        if data.endswith(b"!"):
            self.ended.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """End with the connection."""
        self.ended.set()


async def take_over(exchange: Exchange) -> None:
    """Switch to Echo if the caller offers it, else answer."""
    if not exchange.upgrade_offered:
        exchange.respond(200, TEXT, b"plain " + exchange.body)
        return
    if exchange.path == "/refused":
        exchange.respond(403, TEXT, b"no")
        return
    transport, leftover = exchange.upgrade()
    echo = Echo(transport)
    transport.set_protocol(echo)
    transport.write(b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + leftover)
    await echo.ended.wait()


@both_loops
async def test_connection_can_be_taken_over() -> None:
    """The handler gets the transport and what came after the handshake; its return closes it."""
    handshake = b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
    async with serving(take_over) as server:
        async with calling(server) as caller:
            await caller.send(handshake + b"early ")
            assert (await caller.answer()).status == 101
            await caller.send(b"late!")
            assert await caller.reader.read() == b"early late!"
        async with calling(server) as caller:
            await caller.send(handshake)
            await caller.answer()
        async with calling(server) as caller:
            answer = await caller.ask(handshake.replace(b"/ws", b"/refused"))
            assert answer.status == 403
            assert await caller.ended()
        async with calling(server) as caller:
            await caller.send(handshake)
            await caller.answer()
            await server.drain(0.05)
            assert await caller.ended()


@both_loops
async def test_offers_of_other_protocols_are_passed_over() -> None:
    """A request that merely offers h2c is an ordinary one, with its body and its successors."""
    offer = (
        b"POST / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
        b"HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\nContent-Length: 3\r\n\r\nabc"
    )
    async with serving(take_over) as server, calling(server) as caller:
        await caller.send(offer + offer)
        assert [(await caller.answer()).body for _ in range(2)] == [b"plain abc"] * 2


@both_loops
async def test_answers_leave_at_once() -> None:
    """Nagle's algorithm is off, so that a streamed token does not wait for the one before."""
    options: list[int] = []

    async def look(exchange: Exchange) -> None:
        sock = exchange._caller.transport.get_extra_info("socket")  # noqa: SLF001 - no public way
        options.append(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        exchange.respond(200, (), exchange.peer.encode())

    async with serving(look) as server, calling(server) as caller:
        assert (await caller.ask(GET)).body == b"127.0.0.1"
    assert options[0] != 0


@both_loops
async def test_tls_is_served_like_plain_tcp(certificate: Certificate) -> None:
    """Answers, streams, refusals and goodbyes work over TLS too."""
    trust = certificate.client()
    tls = {"ssl": trust, "server_hostname": "localhost"}
    limits = ServerLimits(linger_seconds=0.1, sweep_seconds=0.02)
    async with serving(handler, ssl_context=certificate.server(), limits=limits) as server:
        async with calling(server, **tls) as caller:
            assert (await caller.ask(GET)).body == b"GET "
            assert (await caller.ask(GET.replace(b"/ ", b"/stream "))).body == b"one two three"
            assert (await caller.ask(b"junk\r\n\r\n")).status == 400
            assert await caller.ended()
        async with calling(server) as caller:
            await caller.send(GET)
            assert b"HTTP/1.1 200" not in await caller.reader.read()
