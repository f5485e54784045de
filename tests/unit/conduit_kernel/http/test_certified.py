"""TLS of the HTTP server, and callers with certificates."""

import asyncio
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest
from tests.support.certificates import PrivateAuthority, renew
from tests.support.http_peers import GET, TEXT, Peer, both_loops, serving

from conduit_kernel.http import Exchange, HttpServer
from conduit_kernel.tls import WatchedTls
from conduit_kernel.trusted_proxies import read_trusted_proxies

NAME = "spiffe://example.org/billing"


async def say_name(exchange: Exchange) -> None:
    """Answer with the name of the caller's certificate."""
    exchange.respond(200, TEXT, exchange.certificate.encode())


async def connected(
    server: HttpServer, context: ssl.SSLContext, address: str = "127.0.0.1"
) -> Peer:
    """Connect as a caller."""
    # Its certificate is one for the first address.
    name = "127.0.0.1"
    found = await asyncio.open_connection(address, server.port, ssl=context, server_hostname=name)
    return Peer(*found)


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def close(*peers: Peer) -> None:
    """Close connections, and wait for their end."""
    for peer in peers:
        peer.writer.close()
        await peer.writer.wait_closed()


async def said(
    server: HttpServer,
    context: ssl.SSLContext,
    request: bytes = GET,
    address: str = "127.0.0.1",
) -> str:
    """Return what a caller is answered."""
    peer = await connected(server, context, address)
    try:
        return (await peer.ask(request)).body.decode()
    finally:
        await close(peer)


@both_loops
async def test_a_caller_has_the_name_of_its_certificate(tmp_path: Path) -> None:
    """Which it need not show; what it writes in a header is none."""
    authority = PrivateAuthority(tmp_path)
    context = WatchedTls(authority.files(asks=True)).server_context()
    claim = GET.replace(b"Host", b"x-conduit-client-certificate: %b\r\nHost" % NAME.encode())
    async with serving(say_name, ssl_context=context) as server:
        assert await said(server, authority.caller()) == ""
        assert await said(server, authority.caller(), claim) == ""
        assert await said(server, authority.caller(NAME, "billing.example.org")) == NAME
        assert await said(server, authority.caller("billing.example.org")) == "billing.example.org"


@both_loops
async def test_a_certificate_of_another_authority_is_refused(tmp_path: Path) -> None:
    """Before a byte of a request is read."""
    authority, other = PrivateAuthority(tmp_path / "own"), PrivateAuthority(tmp_path / "other")
    context = WatchedTls(authority.files(asks=True)).server_context()
    stranger = other.caller(NAME)
    stranger.load_verify_locations(authority.ca_file)
    async with serving(say_name, ssl_context=context) as server:
        with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
            await said(server, stranger)


@both_loops
async def test_without_an_authority_nobody_is_asked(tmp_path: Path) -> None:
    """So a certificate that was not asked for is nobody's name."""
    authority = PrivateAuthority(tmp_path)
    context = WatchedTls(authority.files()).server_context()
    async with serving(say_name, ssl_context=context) as server:
        assert await said(server, authority.caller(NAME)) == ""


@both_loops
async def test_a_proxys_certificate_is_not_its_callers(tmp_path: Path) -> None:
    """The proxy showed it, whoever it speaks for."""
    authority = PrivateAuthority(tmp_path)
    context = WatchedTls(authority.files(asks=True)).server_context()
    proxies = read_trusted_proxies({"CONDUIT_TRUSTED_PROXIES": "127.0.0.1"})
    async with serving(say_name, ssl_context=context, proxies=proxies) as server:
        assert await said(server, authority.caller(NAME)) == ""


@both_loops
async def test_old_protocols_are_not_spoken(tmp_path: Path) -> None:
    """TLS 1.2 is the least."""
    authority = PrivateAuthority(tmp_path)
    context = WatchedTls(authority.files()).server_context()
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    old = authority.caller()
    old.minimum_version = ssl.TLSVersion.TLSv1_2
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    async with serving(say_name, ssl_context=context) as server:
        assert await said(server, old) == ""


@both_loops
async def test_a_new_certificate_is_shown_to_new_connections(tmp_path: Path) -> None:
    """Those that there are go on, and none is refused meanwhile."""
    first, second = PrivateAuthority(tmp_path / "first"), PrivateAuthority(tmp_path / "second")
    files = first.files()
    watched = WatchedTls(files)
    async with serving(say_name, ssl_context=watched.server_context()) as server:
        kept = await connected(server, first.caller())
        assert (await kept.ask(GET)).status == 200
        renew(files, second.files())
        assert watched.refresh()
        for _ in range(3):
            await server.show(watched.server_context())
            assert await said(server, second.caller()) == ""
        with pytest.raises(ssl.SSLCertVerificationError):
            await said(server, first.caller())
        assert (await kept.ask(GET)).status == 200
        await close(kept)


@both_loops
async def test_a_new_certificate_is_shown_at_all_addresses(tmp_path: Path) -> None:
    """A name may stand for several; a server that stops is reached at none of them."""
    first, second = PrivateAuthority(tmp_path / "first"), PrivateAuthority(tmp_path / "second")
    files = first.files()
    watched = WatchedTls(files)
    server = HttpServer(say_name)
    addresses: Any = ["127.0.0.1", "127.0.0.2"]
    await server.start(addresses, free_port(), ssl_context=watched.server_context())
    try:
        renew(files, second.files())
        assert watched.refresh()
        for _ in range(2):
            await server.show(watched.server_context())
            for address in addresses:
                assert await said(server, second.caller(), address=address) == ""
    finally:
        await server.drain(0.1)
    for address in addresses:
        with pytest.raises(ConnectionError):
            await said(server, second.caller(), address=address)
