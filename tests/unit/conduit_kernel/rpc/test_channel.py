"""Channels to our own services."""

import asyncio
import contextlib
from typing import Any

import grpc
import pytest

from conduit_kernel.errors import ConduitError, ServiceUnavailable
from conduit_kernel.rpc import RpcServer, connect, error_of, until_connected

CHAT = "/conduit.v1.RouterService/Chat"
CALLER = (("authorization", "Bearer condt_1"),)

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


async def router(port: int = 0) -> RpcServer:
    """Return a router, which may be one among others on a port."""

    async def chat(_request: bytes, _context: object) -> bytes:
        await asyncio.sleep(0)
        return b"answer"

    server = RpcServer(
        name="router", master_key="m", virtual_keys=lambda given: given, share_port=True
    )
    # Any: of bytes, as nothing is made of them here.
    handler: Any = grpc.unary_unary_rpc_method_handler(chat)
    service = grpc.method_handlers_generic_handler("conduit.v1.RouterService", {"Chat": handler})
    server.grpc.add_generic_rpc_handlers((service,))
    await server.start("127.0.0.1", port)
    return server


async def calls_until(stop: asyncio.Event, channel: grpc.aio.Channel) -> list[ConduitError]:
    """Call again and again; return what went wrong."""
    call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(CHAT)
    problems: list[ConduitError] = []
    while not stop.is_set():
        try:
            await call(b"hello", metadata=CALLER, timeout=20)
        except grpc.aio.AioRpcError as error:
            problems.append(error_of(error, "router"))
            await asyncio.sleep(0.01)
    return problems


async def problems_of_a_stop(*, others: int) -> list[ConduitError]:
    """Return what went wrong with calls while a router stopped that had others beside it."""
    stopping = await router()
    channels = [connect(f"127.0.0.1:{stopping.port}") for _ in range(4)]
    # All are connected to the one that will stop.
    for channel in channels:
        await until_connected(channel, 5)
    rest = [await router(stopping.port) for _ in range(others)]
    stop = asyncio.Event()
    calls = [asyncio.create_task(calls_until(stop, ch)) for ch in channels for _ in range(20)]
    await asyncio.sleep(0.05)
    await stopping.drain(0.5)
    stop.set()
    problems = [problem for found in await asyncio.gather(*calls) for problem in found]
    for channel in channels:
        await channel.close()
    for server in rest:
        await server.drain(0)
    return problems


async def test_a_call_that_meets_a_stopping_router_is_made_elsewhere() -> None:
    """The server cancels what it did not begin; another that listens beside it answers."""
    assert await problems_of_a_stop(others=1) == []


async def test_a_call_that_meets_the_last_router_stopping_is_told_so() -> None:
    """Nobody else is there: it is our absence (503), and no failure of ours (500)."""
    problems = await problems_of_a_stop(others=0)
    assert {type(problem) for problem in problems} == {ServiceUnavailable}


@pytest.mark.parametrize(
    ("path", "calls"),
    [
        # Idempotent, as the contract says; not so; and idempotent, but said in a loop of ours.
        ("/conduit.v1.RegistryService/GetProvider", 2),
        ("/conduit.v1.RegistryService/CreateProvider", 1),
        ("/conduit.internal.v1.LedgerService/RecordCharges", 1),
        ("/conduit.internal.v1.SnapshotService/ReportKeyUse", 1),
    ],
)
async def test_what_may_be_asked_twice_is_asked_again(path: str, calls: int) -> None:
    """By gRPC itself, where nobody else does."""
    seen: list[str] = []

    async def away_once(_request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        seen.append(path)
        if len(seen) == 1:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "starting")
        return b"answer"

    service, _, name = path.strip("/").partition("/")
    server = grpc.aio.server()
    # Any: of bytes, as nothing is made of them here.
    handler: Any = grpc.unary_unary_rpc_method_handler(away_once)
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(service, {name: handler}),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    channel = connect(f"127.0.0.1:{port}")
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(server.stop, 0)
        stack.push_async_callback(channel.close)
        call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(path)
        with contextlib.suppress(grpc.aio.AioRpcError):
            await call(b"hello", timeout=10)
    assert len(seen) == calls
