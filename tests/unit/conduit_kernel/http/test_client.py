"""What the client sends: as it was prepared, and nothing that a caller smuggled in."""

import asyncio
import socket

import pytest
from tests.support.http_peers import (
    FIRM,
    always,
    both_loops,
    client,
    request_head,
    serving,
    upstream,
)
from tests.support.http_tls import Certificate

from conduit_kernel.http import (
    Exchange,
    HeaderTimeout,
    HttpClient,
    Origin,
    Timeouts,
)

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """Make a certificate for this machine."""
    return Certificate(tmp_path_factory.mktemp("tls"))


@both_loops
async def test_requests_are_sent_as_prepared() -> None:
    """Host, the constant fields, those of the call, the length where a body may be."""
    heads: list[bytes] = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            heads.append(await request_head(reader))
            writer.write(OK)

    async with upstream(script) as peer, client() as http:
        for method, body in (
            ("POST", b"abc"),
            ("POST", b""),
            ("GET", b""),
            ("PUT", b"x" * 100_000),
        ):
            prepared = http.prepare(peer.origin, method, "/p?q=1", ((b"x-always", b"a"),))
            response = await http.send_prepared(prepared, ((b"x-now", b"b"),), body, timeouts=FIRM)
            assert await response.read(10) == b"ok"
    port = peer.origin.port
    start = b"POST /p?q=1 HTTP/1.1\r\nhost: 127.0.0.1:%d\r\nx-always: a\r\nx-now: b\r\n" % port
    assert heads[0] == start + b"content-length: 3\r\n\r\n"
    assert heads[1] == start + b"content-length: 0\r\n\r\n"
    assert heads[2] == start.replace(b"POST", b"GET") + b"\r\n"
    assert heads[3] == start.replace(b"POST", b"PUT") + b"content-length: 100000\r\n\r\n"


@both_loops
async def test_nothing_can_be_smuggled_into_a_request() -> None:
    """Line breaks in fields, methods and targets are errors; secrets are in no repr."""
    async with upstream(always(OK)) as peer, client() as http:
        for target in ("/a b", "/a\r\nx: y", "", "/\x7f", "/é"):
            with pytest.raises(ValueError, match="target"):
                http.prepare(peer.origin, "GET", target)
        for method in ("GE T", "GET\r\n", ""):
            with pytest.raises(ValueError, match="method"):
                http.prepare(peer.origin, method, "/")
        for field in ((b"x", b"a\r\nb: c"), (b"x", b"a\nb"), (b"x\r\ny", b"a"), (b"x", b"a\0")):
            with pytest.raises(ValueError, match="field"):
                http.prepare(peer.origin, "GET", "/", (field,))
            prepared = http.prepare(peer.origin, "GET", "/", ((b"x-key", b"secret"),))
            with pytest.raises(ValueError, match="field"):
                await http.send_prepared(prepared, (field,), b"", timeouts=FIRM)
            assert "secret" not in repr(prepared)


@both_loops
async def test_our_client_and_our_server_understand_each_other(certificate: Certificate) -> None:
    """Whole and streamed, plain and over TLS, many at once, from the largest to the empty body."""

    async def handler(exchange: Exchange) -> None:
        if exchange.path == "/whole":
            exchange.respond(200, (), exchange.body)
            return
        stream = exchange.start(200, ())
        for at in range(0, len(exchange.body), 50_000):
            stream.write(exchange.body[at : at + 50_000])
            await stream.drain()
        stream.finish()

    async def one(http: HttpClient, origin: Origin, size: int) -> None:
        body = bytes(range(256)) * (size // 256)
        for path in ("/whole", "/stream"):
            response = await http.send(origin, "POST", path, (), body, timeouts=FIRM)
            assert await response.read(len(body)) == body

    for tls in (None, certificate.server()):
        async with (
            serving(handler, ssl_context=tls) as server,
            client(ssl_context_factory=lambda _: certificate.client()) as http,
        ):
            origin = Origin("https" if tls else "http", "127.0.0.1", server.port)
            sizes = (0, 256, 10_240, 1_048_576, 4_194_304)
            await asyncio.gather(*(one(http, origin, size) for size in sizes for _ in range(4)))


@both_loops
async def test_server_that_only_listens_is_given_up() -> None:
    """Also while the request goes out to nobody."""
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        origin = Origin("http", "127.0.0.1", nobody.getsockname()[1])
        async with client() as http:
            with pytest.raises(HeaderTimeout):
                await http.send(
                    origin, "POST", "/", (), b"x" * 50_000_000, timeouts=Timeouts(header=0.1)
                )
