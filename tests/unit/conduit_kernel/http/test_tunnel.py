"""The client behind an egress proxy that works, refuses, hangs, breaks off, or is none."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support.egress_proxy import EgressProxy, Misbehaviour, serve_proxy
from tests.support.http_peers import FIRM, Upstream, always, both_loops, client, upstream
from tests.support.http_samples import OK, fetch
from tests.support.http_tls import Certificate

from conduit_kernel.addresses import is_public
from conduit_kernel.egress import Egress, Proxy
from conduit_kernel.http import ConnectFailed, ConnectionReset, HttpClient, Origin, Timeouts

# Names that nobody but the proxy knows. The certificate is for localhost, which is asked directly,
# so the name that is checked is given to the client's contexts by their factory.
HTTP = Origin("http", "api.example", 80)
HTTPS = Origin("https", "api.example", 443)
SHORT = Timeouts(connect=0.3, header=2.0, idle=2.0)


@contextlib.asynccontextmanager
async def behind(
    proxy: EgressProxy, certificate: Certificate | None = None, *, authorization: bytes = b""
) -> AsyncIterator[HttpClient]:
    """Make a client that leaves by the proxy."""
    through = Proxy(proxy.host, proxy.port, authorization)
    options = {}
    if certificate is not None:
        context = certificate.client()
        context.check_hostname = False
        options["ssl_context_factory"] = lambda _: context
    async with client(egress=Egress(through, through), **options) as http:
        yield http


@contextlib.asynccontextmanager
async def provider(proxy: EgressProxy, certificate: Certificate) -> AsyncIterator[Upstream]:
    """Run a provider that the proxy knows by a name, with TLS and without."""
    async with (
        upstream(always(OK)) as plain,
        upstream(always(OK), ssl=certificate.server()) as secure,
    ):
        proxy.known = {"api.example:80": plain.origin.port, "api.example:443": secure.origin.port}
        yield plain


@both_loops
async def test_https_goes_through_a_tunnel_that_is_kept(tmp_path: Path) -> None:
    """The proxy sees host and port, and its credentials; the next request takes the same tunnel."""
    certificate = Certificate(tmp_path)
    async with (
        serve_proxy() as proxy,
        provider(proxy, certificate),
        behind(proxy, certificate, authorization=b"Basic am9l") as http,
    ):
        for _ in range(3):
            assert (await fetch(http, HTTPS))[2] == b"hello"
        assert proxy.seen == [("CONNECT api.example:443 HTTP/1.1", "Basic am9l")]


@both_loops
async def test_http_is_passed_on_whole(tmp_path: Path) -> None:
    """In the form for proxies, which few would make a tunnel for."""
    async with (
        serve_proxy() as proxy,
        provider(proxy, Certificate(tmp_path)),
        behind(proxy, authorization=b"Basic am9l") as http,
    ):
        assert (await fetch(http, HTTP, "/v1/models?x=1"))[2] == b"hello"
        assert proxy.seen == [("GET http://api.example/v1/models?x=1 HTTP/1.1", "Basic am9l")]


@both_loops
async def test_private_addresses_are_refused_before_the_proxy_hears_of_them() -> None:
    """Names are looked up by the proxy; what is an address is judged here."""
    async with serve_proxy() as proxy:
        through = Egress(proxy.proxy, proxy.proxy)
        async with client(egress=through, allow_address=is_public) as http:
            for host in ("10.0.0.1", "192.168.1.1", "fd00::1"):
                for scheme, port in (("http", 80), ("https", 443)):
                    with pytest.raises(ConnectFailed) as raised:
                        await fetch(http, Origin(scheme, host, port))
                    assert raised.value.kind == "forbidden"
        assert proxy.seen == []


def saying(answer: bytes) -> Misbehaviour:
    """Make a proxy that gives everybody this answer, and ends."""

    async def say(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()

    return say


async def hang(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    """Say nothing until the caller goes."""
    while await reader.read(1024):
        pass


STATUSES = {
    "credentials": (b"407 Proxy Authentication Required", "proxy", "credentials"),
    "policy": (b"403 Forbidden", "proxy", "refused to connect to api.example"),
    "unreached": (b"502 Bad Gateway", "unreachable", "it answered 502"),
    "late": (b"504 Gateway Timeout", "unreachable", "it answered 504"),
}


@pytest.mark.parametrize("case", STATUSES)
@both_loops
async def test_refusals_name_the_proxy(case: str) -> None:
    """And say whose fault it is: the proxy's, or that of what lies behind it."""
    status, kind, words = STATUSES[case]
    async with serve_proxy() as proxy, behind(proxy) as http:
        proxy.misbehaviour = saying(b"HTTP/1.1 %b\r\ncontent-length: 0\r\n\r\n" % status)
        with pytest.raises(ConnectFailed, match=words) as raised:
            await fetch(http, HTTPS)
        assert raised.value.kind == kind
        assert f"127.0.0.1:{proxy.port}" in str(raised.value)


FAULTS = {
    "end": saying(b""),
    "half": saying(b"HTTP/1.1 200 Connec"),
    "garbage": saying(b"\x00\xffSSH-2.0\r\n\r\n"),
    "no status": saying(b"HTTP/1.1 OK\r\n\r\n"),
    "more": saying(b"HTTP/1.1 200 OK\r\n\r\nand more"),
    "endless": saying(b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 10_000),
    "hang": hang,
}


@pytest.mark.parametrize("case", FAULTS)
@both_loops
async def test_a_broken_proxy_is_not_the_providers_fault(case: str) -> None:
    """Whatever it does instead of making a tunnel, in bounded time."""
    async with serve_proxy() as proxy, behind(proxy) as http:
        proxy.misbehaviour = FAULTS[case]
        with pytest.raises(ConnectFailed) as raised:
            await http.send(HTTPS, "GET", "/", timeouts=SHORT)
        assert raised.value.kind == "proxy"
        assert f"127.0.0.1:{proxy.port}" in str(raised.value)


@both_loops
async def test_a_proxy_that_is_not_there_is_named() -> None:
    """For both ways of going through it."""
    async with serve_proxy() as proxy:
        pass
    async with behind(proxy) as http:
        for origin in (HTTP, HTTPS):
            with pytest.raises(ConnectFailed, match=r"proxy 127\.0\.0\.1") as raised:
                await fetch(http, origin)
            assert raised.value.kind == "proxy"


@both_loops
async def test_a_request_that_is_passed_on_learns_of_wrong_credentials() -> None:
    """407 is the proxy's alone; another status might be the provider's."""
    async with serve_proxy() as proxy, behind(proxy) as http:
        proxy.misbehaviour = saying(b"HTTP/1.1 407 No\r\ncontent-length: 0\r\n\r\n")
        with pytest.raises(ConnectFailed, match="credentials") as raised:
            await fetch(http, HTTP)
        assert raised.value.kind == "proxy"


@both_loops
async def test_a_tunnel_that_breaks_leaves_nothing_behind(tmp_path: Path) -> None:
    """While TLS is made, after it, and where the other side speaks none."""
    certificate = Certificate(tmp_path)

    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await reader.read(1)

    async def no_tls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await reader.read(1)
        writer.write(OK)
        await writer.drain()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await hang(reader, writer)

    async with serve_proxy() as proxy, behind(proxy, certificate) as http:
        for fault, kind in ((cut, "tls"), (no_tls, "tls"), (silent, "timeout")):
            proxy.misbehaviour = fault
            with pytest.raises(ConnectFailed, match="through the proxy") as raised:
                await http.send(HTTPS, "GET", "/", timeouts=SHORT)
            assert raised.value.kind == kind


@both_loops
async def test_an_answer_that_the_proxy_cuts_is_a_broken_one(tmp_path: Path) -> None:
    """A tunnel that ends before the answer is as a provider that hangs up."""
    certificate = Certificate(tmp_path)

    async def reset(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")

    async with (
        serve_proxy() as proxy,
        upstream(reset, ssl=certificate.server()) as cutting,
        behind(proxy, certificate) as http,
    ):
        proxy.known = {"api.example:443": cutting.origin.port}
        with pytest.raises(ConnectionReset):
            await http.send(HTTPS, "GET", "/", timeouts=FIRM)
