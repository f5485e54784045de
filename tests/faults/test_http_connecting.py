"""Getting through: names, addresses, TLS, and what is said when one of them fails."""

import asyncio
import contextlib
import socket
import threading

import pytest

from conduit_kernel.http import (
    ClientClosed,
    ConnectFailed,
    Exchange,
    HeaderTimeout,
    HttpClient,
    HttpServer,
    IsolatedResolver,
    Origin,
    SystemTrust,
    Timeouts,
)

from .http_peers import FIRM, always, both_loops, client, request_head, serving, until, upstream
from .http_tls import Certificate

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """Make a certificate for this machine."""
    return Certificate(tmp_path_factory.mktemp("tls"))


def free_port() -> int:
    """Find a port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port: int = sock.getsockname()[1]
        return port


async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    """Say nothing."""
    await reader.read()


async def failure(http: HttpClient, origin: Origin, timeouts: Timeouts = FIRM) -> ConnectFailed:
    """Expect that no connection can be made."""
    with pytest.raises(ConnectFailed) as caught:
        await http.send(origin, "GET", "/secret", ((b"x-key", b"secret"),), timeouts=timeouts)
    assert "secret" not in str(caught.value)
    return caught.value


@both_loops
async def test_failures_say_where_they_happened() -> None:
    """No such name, nobody there, not allowed."""
    async with client() as http:
        assert (await failure(http, Origin("http", "no.such.name.invalid", 80))).kind == "dns"
        assert (await failure(http, Origin("http", "a" * 70, 80))).kind == "dns"
        assert (await failure(http, Origin("http", "127.0.0.1", free_port()))).kind == "refused"
    async with client(allow_address=lambda address: address != "127.0.0.1") as http:
        assert (await failure(http, Origin("http", "127.0.0.1", 80))).kind == "forbidden"


@both_loops
async def test_names_of_strangers_hold_up_nobody_else() -> None:
    """Name servers that do not answer keep the two threads that strangers have, and no other."""
    answers = threading.Event()

    def hang(_host: str, _port: int) -> list[str]:
        answers.wait(10)
        return ["127.0.0.1"]

    resolver = IsolatedResolver(seconds=0.1, addresses_of=hang)
    async with (
        upstream(always(OK)) as peer,
        client(resolve=resolver) as strangers,
        client() as providers,
    ):
        origins = [Origin("http", f"{number}.test", peer.origin.port) for number in range(20)]
        started = asyncio.get_running_loop().time()
        failures = asyncio.gather(*(failure(strangers, origin) for origin in origins))
        await until(lambda: threads("resolver") == 2)
        local = peer.origin._replace(host="localhost")
        response = await providers.send(local, "GET", "/", timeouts=FIRM)
        assert await response.read(10) == b"ok"
        assert not failures.done()
        assert {found.kind for found in await failures} == {"dns"}
        assert asyncio.get_running_loop().time() - started < 1
        assert threads("resolver") == 2
        # An address needs no looking up.
        response = await strangers.send(peer.origin, "GET", "/", timeouts=FIRM)
        assert await response.read(10) == b"ok"
        answers.set()
        await until(lambda: not threads("resolver"))
        response = await strangers.send(origins[0], "GET", "/", timeouts=FIRM)
        assert await response.read(10) == b"ok"


def threads(name: str) -> int:
    """Count the threads of a name; none of them may hold up the end of the process."""
    found = [thread for thread in threading.enumerate() if thread.name == name]
    assert all(thread.daemon for thread in found)
    return len(found)


@both_loops
async def test_names_that_cannot_be_are_told_apart_by_nobody() -> None:
    """Whatever the system says about them."""
    async with client(resolve=IsolatedResolver()) as http:
        for host in ("no.such.name.invalid", "a" * 70, "a\0b"):
            assert (await failure(http, Origin("http", host, 80))).kind == "dns"


@both_loops
async def test_connecting_is_bounded_in_time(certificate: Certificate) -> None:
    """A server that takes the connection and never shakes hands is given up."""
    async with (
        upstream(silent) as peer,
        client(ssl_context_factory=lambda _: certificate.client()) as http,
    ):
        started = asyncio.get_running_loop().time()
        origin = peer.origin._replace(scheme="https")
        assert (await failure(http, origin, Timeouts(connect=0.2))).kind == "timeout"
        assert asyncio.get_running_loop().time() - started < 0.3
        await until(lambda: not peer.open)


@both_loops
async def test_cancelled_connecting_leaves_nothing(certificate: Certificate) -> None:
    """Whenever it is cancelled; the place in the pool is free again."""
    limits = {"max_connections": 1}
    async with (
        upstream(always(OK), ssl=certificate.server()) as peer,
        client(ssl_context_factory=lambda _: certificate.client(), limits=limits) as http,
    ):
        for step in range(20):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(step / 2_000):
                    await http.send(peer.origin, "GET", "/", timeouts=FIRM)
        response = await http.send(peer.origin, "GET", "/", timeouts=FIRM)
        assert await response.read(10) == b"ok"


@both_loops
async def test_client_closed_while_connecting_ends_the_attempt(certificate: Certificate) -> None:
    """Neither the request nor the socket outlives the client."""
    async with (
        upstream(silent) as peer,
        client(ssl_context_factory=lambda _: certificate.client()) as http,
    ):
        origin = peer.origin._replace(scheme="https")
        trying = asyncio.ensure_future(http.send(origin, "GET", "/", timeouts=FIRM))
        await until(lambda: peer.connections)
        async with asyncio.timeout(0.5):
            await http.close()
            with pytest.raises(ClientClosed):
                await trying
        await until(lambda: not peer.open)


@both_loops
async def test_tls_checks_who_answers(certificate: Certificate) -> None:
    """The right name and a trusted issuer, or no connection; HTTP/1.1 is negotiated."""
    negotiated: list[tuple[str | None, str | None]] = []
    named: list[str | None] = []
    context = certificate.server()
    context.set_alpn_protocols(["h2", "http/1.1"])
    context.sni_callback = lambda _, name, __: named.append(name)

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tls = writer.get_extra_info("ssl_object")
        negotiated.append((tls.selected_alpn_protocol(), tls.version()))
        await always(OK)(reader, writer)

    async with upstream(script, ssl=context) as peer:
        async with client(ssl_context_factory=lambda _: certificate.client()) as http:
            for host in ("localhost", "127.0.0.1"):
                response = await http.send(
                    peer.origin._replace(host=host), "GET", "/", timeouts=FIRM
                )
                assert await response.read(10) == b"ok"
        assert [alpn for alpn, _ in negotiated] == ["http/1.1"] * 2
        assert named == ["localhost", None]
        async with client(ssl_context_factory=SystemTrust()) as http:
            assert (await failure(http, peer.origin)).kind == "tls"


@both_loops
async def test_server_without_tls_is_told_apart() -> None:
    """Plain text where a handshake should be."""

    async def plain(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK)

    async with upstream(plain) as peer, client() as http:
        assert (await failure(http, peer.origin._replace(scheme="https"))).kind == "tls"


@both_loops
async def test_wrong_name_is_refused(certificate: Certificate) -> None:
    """A trusted certificate of somebody else does not do."""

    async def elsewhere(*_: object) -> list[str]:
        return ["127.0.0.1"]

    async with (
        upstream(always(OK), ssl=certificate.server()) as peer,
        client(ssl_context_factory=lambda _: certificate.client(), resolve=elsewhere) as http,
    ):
        origin = peer.origin._replace(host="somebody.test")
        assert (await failure(http, origin)).kind == "tls"


@both_loops
async def test_both_address_families_are_tried() -> None:
    """A name with a dead address first leads to the living one; IPv6 addresses work as hosts."""
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")

    async def resolve(host: str, _: int) -> list[str]:
        # The first refuses; nobody answers from the documentation's network (RFC 5737).
        return ["127.0.0.1", "192.0.2.1", "::1", "::1"] if host == "mixed.test" else [host]

    async with upstream(always(OK), host="::1") as peer, client(resolve=resolve) as http:
        for host in ("::1", "mixed.test"):
            origin = peer.origin._replace(host=host)
            response = await http.send(origin, "GET", "/", timeouts=FIRM)
            assert await response.read(10) == b"ok"
        assert peer.origin.authority == b"[::1]:%d" % peer.origin.port
        await until(lambda: len(peer.open) == 2)


@both_loops
async def test_attempts_that_lose_are_ended(certificate: Certificate) -> None:
    """An address that takes the connection and hangs is overtaken by the next, and let go."""
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")

    async def both(*_: object) -> list[str]:
        return ["127.0.0.1", "::1"]

    async with (
        upstream(silent) as hanging,
        upstream(
            always(OK), host="::1", port=hanging.origin.port, ssl=certificate.server()
        ) as peer,
        client(ssl_context_factory=lambda _: certificate.client(), resolve=both) as http,
    ):
        origin = peer.origin._replace(host="localhost")
        response = await http.send(origin, "GET", "/", timeouts=FIRM)
        assert await response.read(10) == b"ok"
        assert hanging.connections == 1
        await until(lambda: not hanging.open)


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


def test_server_is_importable_without_a_loop() -> None:
    """Making one does nothing yet."""
    assert HttpServer(silent).port == 0  # type: ignore[arg-type]  # never called
