"""Getting through: names, addresses, TLS, and what is said when one of them fails."""

import asyncio
import contextlib
import gc
import socket
import threading
import weakref

import pytest
from tests.support.http_peers import (
    FIRM,
    always,
    both_loops,
    client,
    until,
    upstream,
)
from tests.support.http_tls import Certificate

from conduit_kernel.http import (
    ClientClosed,
    ConnectFailed,
    HttpClient,
    IsolatedResolver,
    Origin,
    SharedResolver,
    SystemTrust,
    Timeouts,
)

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


@both_loops
async def test_a_providers_name_is_looked_up_once_at_a_time() -> None:
    """However many connections wait for it; who gives up leaves it to the others."""
    answers, asked = threading.Event(), list[str]()

    def hang(host: str, _port: int) -> list[str]:
        asked.append(host)
        if host != "quick.test":
            answers.wait(10)
        return ["127.0.0.1"]

    resolver = SharedResolver(addresses_of=hang)
    waiting = [asyncio.create_task(resolver("slow.test", 80)) for _ in range(100)]
    await until(lambda: asked == ["slow.test"])
    assert await resolver("quick.test", 80) == ["127.0.0.1"]
    waiting[0].cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting[0]
    answers.set()
    assert await asyncio.gather(*waiting[1:]) == [["127.0.0.1"]] * 99
    assert asked == ["slow.test", "quick.test"]
    # What was found is not kept: names move.
    await resolver("slow.test", 80)
    assert asked == ["slow.test", "quick.test", "slow.test"]


@both_loops
async def test_a_name_that_is_not_found_is_told_to_all_who_wait() -> None:
    """Also where nobody waits any more."""
    answers = threading.Event()

    def fail(_host: str, _port: int) -> list[str]:
        answers.wait(10)
        raise OSError("no such name")

    resolver = SharedResolver(addresses_of=fail)
    waiting = [asyncio.create_task(resolver("gone.test", 80)) for _ in range(3)]
    await until(lambda: threads("resolver") == 1)
    waiting[0].cancel()
    answers.set()
    found = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(each) for each in found] == [asyncio.CancelledError, OSError, OSError]
    await until(lambda: not threads("resolver"))


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


class Body:
    """What a call has in hand."""


@both_loops
async def test_cancelled_connecting_keeps_nothing_in_memory() -> None:
    """Whenever it is cancelled: not until somebody looks for garbage."""

    async def call(http: HttpClient, origin: Origin, _body: Body) -> None:
        await http.send(origin, "GET", "/", timeouts=FIRM)

    gc.disable()
    try:
        async with upstream(silent) as peer, client() as http:
            for turns in range(12):
                body = Body()
                left = weakref.ref(body)
                task = asyncio.create_task(call(http, peer.origin, body))
                del body
                for _ in range(turns):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.wait([task])
                del task
                assert left() is None, turns
    finally:
        gc.enable()


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
