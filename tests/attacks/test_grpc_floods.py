"""Oversized and too many calls of gRPC, by somebody without a key."""

import asyncio
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tests.support.suite import MASTER_KEY, Suite

from conduit.v1.provider_pb2 import ProviderSpec
from conduit.v1.provider_requests_pb2 import CreateProviderRequest, ListProvidersRequest
from conduit.v1.registry_service_pb2_grpc import RegistryServiceStub

pytestmark = pytest.mark.asyncio(loop_scope="module")

MIB = 1024 * 1024
WATCHES = 1500


def channel(gateway: Suite, service: str) -> grpc.aio.Channel:
    """Return a connection of its own to a service, which sends whatever it is told to."""
    return grpc.aio.insecure_channel(
        f"127.0.0.1:{gateway.ports()[service]}",
        options=[("grpc.max_send_message_length", -1), ("grpc.use_local_subchannel_pool", 1)],
    )


async def is_served(gateway: Suite, service: str) -> bool:
    """Return whether somebody else is answered now."""
    async with channel(gateway, service) as other:
        # Of no type: its stubs know no asyncio.
        stub: Any = health_pb2_grpc.HealthStub(other)
        answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=20)
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


async def test_a_large_message_without_a_key_is_refused_unread(gateway: Suite) -> None:
    """By its credential, and beyond what the service takes by its size."""
    request = CreateProviderRequest(provider=ProviderSpec(description="x" * (32 * MIB)))
    async with channel(gateway, "registry") as other:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await RegistryServiceStub(other).CreateProvider(request, timeout=20)
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert await is_served(gateway, "registry")


@pytest.mark.parametrize(
    "metadata",
    [
        (("x-master-key", "x" * 200_000),),
        tuple((f"x-{number}", "y" * 1000) for number in range(200)),
        (("x-conduit-service-token", "x" * 200_000),),
    ],
    ids=["key", "many", "token"],
)
async def test_large_metadata_is_refused(
    gateway: Suite, metadata: tuple[tuple[str, str], ...]
) -> None:
    """Before anybody looks at it; the connection's others are served."""
    for service in ("registry", "router", "health", "billing", "storage"):
        async with channel(gateway, service) as other:
            call: Any = other.unary_unary("/conduit.v1.RegistryService/ListProviders")
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await call(b"", metadata=metadata, timeout=20)
            assert refused.value.code() in {
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                grpc.StatusCode.UNAUTHENTICATED,
                grpc.StatusCode.UNIMPLEMENTED,
            }
        assert await is_served(gateway, service)


async def test_watches_without_end_leave_room_for_others(gateway: Suite) -> None:
    """A connection has a bound of streams; what is above it waits there, and nowhere else."""
    async with channel(gateway, "health") as other:
        # Of no type: its stubs know no asyncio.
        stub: Any = health_pb2_grpc.HealthStub(other)
        watches = [stub.Watch(health_pb2.HealthCheckRequest()) for _ in range(WATCHES)]
        reads = [asyncio.ensure_future(watch.read()) for watch in watches]
        await asyncio.wait(reads, timeout=3)
        assert any(each.done() for each in reads)
        assert await is_served(gateway, "health")
        async with channel(gateway, "registry") as registry:
            answer = await RegistryServiceStub(registry).ListProviders(
                ListProvidersRequest(), metadata=(("x-master-key", MASTER_KEY),), timeout=20
            )
            assert answer is not None
        for watch in watches:
            watch.cancel()
        await asyncio.gather(*reads, return_exceptions=True)


@pytest.mark.slow  # as long as it is waited for
async def test_connections_that_say_nothing_are_ended(gateway: Suite) -> None:
    """After a quarter of a minute, and are no use to whoever takes all that there are."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.ports()["router"])
    async with asyncio.timeout(30):
        while await reader.read(1000):
            pass
    writer.close()
