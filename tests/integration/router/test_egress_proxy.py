"""A router that reaches its providers by a proxy alone."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.integration.router.conftest import Runner, chunks, instances, text
from tests.support.egress_proxy import EgressProxy, serve_proxy

from conduit_kernel.egress import Egress
from conduit_kernel.errors import UpstreamUnreachable

# A name that only the proxy knows.
BASE_URL = "http://api.example/v1"


@pytest.fixture
async def proxy(upstream: str) -> AsyncIterator[EgressProxy]:
    """Run a proxy that knows the simulator by a name."""
    async with serve_proxy() as served:
        served.known["api.example:80"] = int(upstream.split(":")[2].partition("/")[0])
        yield served


async def test_calls_go_by_the_proxy(bench: Runner, proxy: EgressProxy) -> None:
    """Whole ones and streams, with the provider's key passed on as it is."""
    router = await bench(instances(BASE_URL, "echo"), egress=Egress(http=proxy.proxy))
    assert text(await router.chat()) == "hello there"
    streamed = chunks(await router.stream())
    assert "".join(c["choices"][0]["delta"].get("content", "") for c in streamed if c["choices"])
    line = "POST http://api.example/v1/chat/completions HTTP/1.1"
    assert [seen.line for seen in proxy.seen] == [line, line]


async def test_a_proxy_that_fails_is_named_and_blames_no_provider(
    bench: Runner, proxy: EgressProxy
) -> None:
    """However often: when it is back, the next call is served, with no circuit to wait for."""

    async def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 407 No\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()

    router = await bench(instances(BASE_URL, "echo"), egress=Egress(http=proxy.proxy))
    proxy.misbehaviour = refuse
    for _ in range(6):
        with pytest.raises(
            UpstreamUnreachable, match="the proxy on the way to it failed"
        ) as raised:
            await router.chat()
        assert raised.value.metadata["kind"] == "proxy"
    proxy.misbehaviour = None
    assert text(await router.chat()) == "hello there"


async def test_a_private_address_is_not_asked_of_the_proxy(
    bench: Runner, proxy: EgressProxy
) -> None:
    """The proxy would reach what callers of ours must not."""
    router = await bench(
        instances("http://10.0.0.1/v1", "echo"),
        egress=Egress(http=proxy.proxy),
        allow_private_addresses=False,
    )
    with pytest.raises(UpstreamUnreachable, match="its address may not be connected to") as raised:
        await router.chat()
    assert (raised.value.metadata["kind"], proxy.seen) == ("forbidden", [])
