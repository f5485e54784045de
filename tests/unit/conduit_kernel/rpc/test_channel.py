"""Channels to our own services."""

import asyncio
import contextlib

import pytest

from conduit_kernel.rpc import RpcServer, connect, until_connected

PROXY_VARIABLES = ("grpc_proxy", "http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")


async def test_no_proxy_sees_what_services_say_to_each_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The variables that gRPC obeys by itself do not lead our own calls through a proxy."""
    seen: list[bytes] = []

    async def record(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.read(4096))
        writer.close()

    service = RpcServer(name="registry", master_key="secret")
    await service.start("127.0.0.1", 0)
    proxy = await asyncio.start_server(record, "127.0.0.1", 0)
    for name in PROXY_VARIABLES:
        address = proxy.sockets[0].getsockname()
        monkeypatch.setenv(name, f"http://{address[0]}:{address[1]}")
    for name in ("no_grpc_proxy", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(service.drain, 0)
        stack.callback(proxy.close)
        channel = connect(f"127.0.0.1:{service.port}")
        stack.push_async_callback(channel.close)
        await until_connected(channel, 5)
        assert channel.get_state().name == "READY"
    assert seen == []
