"""A gRPC server with what every service of ours has."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from structlog.testing import capture_logs
from tests.support.waiting import eventually

from conduit.v1.billing_service_pb2 import DESCRIPTOR
from conduit_kernel.errors import ServiceUnavailable
from conduit_kernel.rpc import RpcServer

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
BILLING = DESCRIPTOR.services_by_name["BillingService"]


def made() -> RpcServer:
    """Make a server that announces a service."""
    server = RpcServer(name="billing", master_key="master")
    server.announce(BILLING)
    return server


@asynccontextmanager
async def listening(*problems: str) -> AsyncIterator[tuple[RpcServer, grpc.aio.Channel]]:
    """Serve, and connect to it."""
    server = made()
    await server.start("127.0.0.1", 0, problems=problems)
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
            yield server, channel
    finally:
        await server.drain(0)


def health(channel: grpc.aio.Channel) -> Any:  # noqa: ANN401 # gRPC's own, without types
    """Return a stub of the health service."""
    return health_pb2_grpc.HealthStub(channel)


async def statuses(channel: grpc.aio.Channel) -> set[int]:
    """Return what health says of the server and of its service."""
    stub = health(channel)
    names = ("", BILLING.full_name)
    answers = [await stub.Check(health_pb2.HealthCheckRequest(service=name)) for name in names]
    return {answer.status for answer in answers}


async def test_a_server_without_problems_serves_from_the_start_on() -> None:
    """Its service, too, and nobody needs a key to ask."""
    async with listening() as (_, channel):
        assert await statuses(channel) == {SERVING}


async def test_a_server_with_problems_says_so_until_they_are_gone() -> None:
    """The log has a line for each change, and none for problems it has told."""
    async with listening("no snapshot") as (server, channel):
        assert await statuses(channel) == {NOT_SERVING}
        with capture_logs() as lines:
            await server.set_problems(["no snapshot"])
            await server.set_problems([])
            assert await statuses(channel) == {SERVING}
            await server.set_problems([])
            await server.set_problems(["the disk is full"])
            assert await statuses(channel) == {NOT_SERVING}
        found = [(line["event"], line.get("reasons")) for line in lines]
        assert found == [("ready", None), ("not_ready", ["the disk is full"])]


async def test_a_draining_server_serves_nobody_new() -> None:
    """Health says so while calls under way finish, whatever becomes of the problems."""
    async with listening() as (server, channel):
        stub = health(channel)
        watch = stub.Watch(health_pb2.HealthCheckRequest())
        assert (await watch.read()).status == SERVING
        server.announce_drain()
        assert (await watch.read()).status == NOT_SERVING
        await server.set_problems([])
        assert await statuses(channel) == {NOT_SERVING}
        watch.cancel()


async def ending(call: "grpc.aio.UnaryStreamCall[object, object]") -> grpc.StatusCode:
    """Read a stream to its end; return how it ended."""
    try:
        while await call.read() is not grpc.aio.EOF:
            pass
    except grpc.aio.AioRpcError as error:
        return error.code()
    return await call.code()


async def test_a_call_that_outlasts_the_grace_is_cut() -> None:
    """So that the process ends."""
    async with listening() as (server, channel):
        stub: Any = reflection_pb2_grpc.ServerReflectionStub(cast("Any", channel))
        call = stub.ServerReflectionInfo()
        await call.write(reflection_pb2.ServerReflectionRequest(list_services=""))
        await call.read()
        await server.drain(0.01)
        assert await ending(call) in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}


async def test_a_port_that_is_taken_is_named() -> None:
    """A second server would silently take half of the calls."""
    async with listening() as (first, _):
        second = made()
        with pytest.raises(ServiceUnavailable, match=f"billing.*127.0.0.1:{first.port}") as caught:
            await second.start("127.0.0.1", first.port)
        assert caught.value.metadata == {"service": "billing"}
        await second.drain(0)


async def test_an_address_of_ipv6_is_listened_on() -> None:
    """Without brackets, as it is configured."""
    server = made()
    await server.start("::1", 0)
    async with grpc.aio.insecure_channel(f"[::1]:{server.port}") as channel:
        assert await statuses(channel) == {SERVING}
    await server.drain(0)


async def test_reflection_names_what_was_announced() -> None:
    """And health and itself, so that tools find everything."""
    async with listening() as (_, channel):
        stub: Any = reflection_pb2_grpc.ServerReflectionStub(cast("Any", channel))
        call = stub.ServerReflectionInfo()
        await call.write(reflection_pb2.ServerReflectionRequest(list_services=""))
        answer = await call.read()
        await call.done_writing()
        names = {service.name for service in answer.list_services_response.service}
        assert names == {
            BILLING.full_name,
            "grpc.health.v1.Health",
            "grpc.reflection.v1alpha.ServerReflection",
        }
        call.cancel()


async def test_connections_of_a_port_are_bounded() -> None:
    """Those beyond are closed; those that there are go on, and one that goes makes room."""
    server = RpcServer(name="billing", master_key="master", max_connections=2)
    await server.start("127.0.0.1", 0)
    try:
        kept = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(2)]
        # Each is greeted by settings.
        async with asyncio.timeout(5):
            assert all([await reader.read(9) for reader, _ in kept])
            beyond, writer = await asyncio.open_connection("127.0.0.1", server.port)
            assert await beyond.read() == b""
            writer.close()
            kept[0][1].close()
        await eventually(lambda: greeted(server.port))
        kept[1][1].close()
    finally:
        await server.drain(0)


async def greeted(port: int) -> bool:
    """Return whether a connection is taken."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        return bool(await reader.read(9))
    except ConnectionError:
        return False
    finally:
        writer.close()
