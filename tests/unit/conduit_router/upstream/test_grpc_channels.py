"""Channels for gRPC keep to the rules of addresses and proxies, and fail soon."""

import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest
from tests.support.egress_proxy import serve_proxy
from tests.support.grpc_upstream import SAY, GrpcUpstream, serve_grpc

from conduit_kernel.addresses import is_public
from conduit_kernel.egress import Egress, Proxy
from conduit_kernel.http import ConnectFailed, Origin
from conduit_router.upstream.grpc_channels import GrpcChannels


@pytest.fixture
async def upstream() -> AsyncIterator[GrpcUpstream]:
    """Run a provider."""
    async with serve_grpc() as served:
        yield served


async def said(channels: GrpcChannels, origin: Origin) -> bytes:
    """Have the provider say something."""
    return await say(await channels.connected(origin, 5.0, is_guarded=True))


async def say(channel: grpc.aio.Channel) -> bytes:
    """Say hello, and return what comes back."""
    method: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(SAY.path)
    return await method(b"hello")


async def test_channels_are_kept(upstream: GrpcUpstream) -> None:
    """One for each origin."""
    channels, origin = GrpcChannels(), Origin("http", "127.0.0.1", upstream.port)
    first = await channels.connected(origin, 5.0, is_guarded=True)
    assert await channels.connected(origin, 5.0, is_guarded=True) is first
    assert await said(channels, origin) == b"hello"
    await channels.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "inside.example"])
async def test_private_addresses_are_refused_where_operators_name_them(
    upstream: GrpcUpstream, host: str
) -> None:
    """Names are judged by where they lead, when they are connected to; the catalog is trusted."""

    async def resolve(_host: str, _port: int) -> list[str]:
        return ["127.0.0.1"]

    channels = GrpcChannels(allow_address=is_public, resolve=resolve)
    origin = Origin("http", host, upstream.port)
    with pytest.raises(ConnectFailed) as refused:
        await channels.connected(origin, 5.0, is_guarded=True)
    assert refused.value.kind == "forbidden"
    assert upstream.asked == []
    channel = await channels.connected(origin, 5.0, is_guarded=False)
    assert await say(channel) == b"hello"
    await channels.close()


async def test_what_cannot_be_connected_to_is_told_soon() -> None:
    """A name without addresses, a port without a server, one that says nothing."""

    async def nowhere(_host: str, _port: int) -> list[str]:
        raise OSError("no such name")

    channels = GrpcChannels(resolve=nowhere)
    with pytest.raises(ConnectFailed) as unknown:
        await channels.connected(Origin("https", "a.example", 443), 5.0, is_guarded=True)
    assert unknown.value.kind == "dns"
    channels = GrpcChannels()
    async with asyncio.timeout(3):
        with pytest.raises(ConnectFailed) as closed:
            await channels.connected(Origin("http", "127.0.0.1", 1), 30.0, is_guarded=True)
    assert closed.value.kind == "unreachable"
    writers: list[asyncio.StreamWriter] = []
    silent = await asyncio.start_server(lambda _, w: writers.append(w), "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    with pytest.raises(ConnectFailed) as late:
        await channels.connected(Origin("https", "127.0.0.1", port), 0.3, is_guarded=True)
    assert late.value.kind == "timeout"
    silent.close()
    for writer in writers:
        writer.transport.abort()
    await channels.close()


async def test_address_is_looked_up_again_when_it_is_lost() -> None:
    """A provider that moved is found where its name leads by now."""
    found = ["127.0.0.1"]

    async def resolve(_host: str, _port: int) -> list[str]:
        return found

    channels = GrpcChannels(resolve=resolve)
    async with serve_grpc() as old:
        origin = Origin("http", "moving.example", old.port)
        kept = await channels.connected(origin, 5.0, is_guarded=True)
    async with asyncio.timeout(5):
        while kept.get_state() is grpc.ChannelConnectivity.READY:
            await kept.wait_for_state_change(grpc.ChannelConnectivity.READY)
        with pytest.raises(ConnectFailed) as gone:
            await channels.connected(origin, 5.0, is_guarded=True)
    assert gone.value.kind == "unreachable"
    async with serve_grpc(port=old.port, host="127.0.0.2"):
        found[:] = ["127.0.0.2"]
        channel = await channels.connected(origin, 5.0, is_guarded=True)
        assert channel is not kept
    await channels.close()


async def test_calls_leave_by_the_egress_proxy(upstream: GrpcUpstream) -> None:
    """By a tunnel to the provider's name, with the proxy's credentials; this machine is direct."""
    async with serve_proxy() as proxy:
        proxy.known["grpc.example:80"] = upstream.port
        with_credentials = Proxy(proxy.host, proxy.port, b"Basic dXNlcjpwYXNz")
        channels = GrpcChannels(egress=Egress(http=with_credentials), allow_address=is_public)
        assert await said(channels, Origin("http", "grpc.example", 80)) == b"hello"
        [seen] = proxy.seen
        assert seen.line.startswith("CONNECT grpc.example:80 ")
        assert seen.authorization == "Basic dXNlcjpwYXNz"
        with pytest.raises(ConnectFailed) as failed:
            await channels.connected(Origin("http", "unknown.example", 80), 5.0, is_guarded=True)
        assert failed.value.kind == "proxy"
        with pytest.raises(ConnectFailed) as refused:
            await channels.connected(Origin("http", "10.0.0.1", 80), 5.0, is_guarded=True)
        assert refused.value.kind == "forbidden"
        assert len(proxy.seen) == 2
        await channels.close()
