"""Connections of proxies that say in a preface for whom each is."""

import asyncio

import pytest
from tests.support.clock import Clock
from tests.support.http_peers import GET, TEXT, both_loops, calling, serving, until

from conduit_kernel.http import Exchange, ServerLimits
from conduit_kernel.trusted_proxies import read_trusted_proxies

PREFACE = b"PROXY TCP4 203.0.113.9 10.0.0.1 4711 80\r\n"


def proxies_at(address: str) -> dict[str, object]:
    """Return what makes a server expect prefaces from there."""
    env = {"CONDUIT_TRUSTED_PROXIES": address, "CONDUIT_REAL_IP_HEADER": "proxy_protocol"}
    return {"proxies": read_trusted_proxies(env)}


async def say_peer(exchange: Exchange) -> None:
    """Answer with the caller's address."""
    exchange.respond(200, TEXT, exchange.peer.encode())


@both_loops
async def test_a_preface_names_the_caller_of_all_requests() -> None:
    """Whether the first comes with it or behind it; fields say nothing then."""
    spoof = GET.replace(
        b"Host", b"X-Forwarded-For: 198.51.100.1\r\nForwarded: for=198.51.100.2\r\nHost"
    )
    async with serving(say_peer, **proxies_at("127.0.0.1")) as server:
        async with calling(server) as proxy:
            assert (await proxy.ask(PREFACE + GET)).body == b"203.0.113.9"
            assert (await proxy.ask(spoof)).body == b"203.0.113.9"
        async with calling(server) as proxy:
            for at in range(len(PREFACE)):
                await proxy.send(PREFACE[at : at + 1])
            assert (await proxy.ask(GET)).body == b"203.0.113.9"


@both_loops
async def test_a_proxy_that_speaks_for_itself_is_the_caller() -> None:
    """Such as one that checks whether we are well."""
    async with serving(say_peer, **proxies_at("127.0.0.1")) as server, calling(server) as proxy:
        assert (await proxy.ask(b"PROXY UNKNOWN\r\n" + GET)).body == b"127.0.0.1"


@both_loops
async def test_a_proxy_has_to_send_one() -> None:
    """Otherwise a caller could, through a proxy that was not told to."""
    async with serving(say_peer, **proxies_at("127.0.0.1")) as server, calling(server) as proxy:
        await proxy.send(GET)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await proxy.answer()


@both_loops
async def test_nobody_else_may() -> None:
    """It is no HTTP."""
    async with serving(say_peer, **proxies_at("10.0.0.1")) as server:
        async with calling(server) as caller:
            assert (await caller.ask(PREFACE + GET)).status == 400
        async with calling(server) as caller:
            assert (await caller.ask(GET)).body == b"127.0.0.1"


@both_loops
async def test_a_second_one_is_the_callers() -> None:
    """Behind the proxy's own, it is no HTTP either."""
    async with serving(say_peer, **proxies_at("127.0.0.1")) as server, calling(server) as proxy:
        assert (await proxy.ask(PREFACE + PREFACE + GET)).status == 400


@both_loops
async def test_waiting_for_one_has_an_end_and_counts() -> None:
    """Whoever sends half of one, or nothing, holds a connection no longer than a slow head does."""
    clock = Clock()
    limits = ServerLimits(head_seconds=5.0, sweep_seconds=0.01, max_connections=2)
    options = {"limits": limits, "clock": clock, **proxies_at("127.0.0.1")}
    async with serving(say_peer, **options) as server, calling(server) as slow:
        await slow.send(PREFACE[:10])
        async with calling(server) as silent:
            await until(lambda: server.connections == 2)
            async with calling(server) as third:
                assert (await third.answer()).status == 503
            clock.now += 5.1
            assert await slow.ended()
            assert await silent.ended()
            await until(lambda: server.connections <= 1)


@both_loops
async def test_a_proxy_that_leaves_before_it_is_forgotten() -> None:
    """Its connection is counted out."""
    async with serving(say_peer, **proxies_at("127.0.0.1")) as server:
        async with calling(server) as proxy:
            await proxy.send(PREFACE[:10])
            await until(lambda: server.connections == 1)
        await until(lambda: server.connections == 0)
