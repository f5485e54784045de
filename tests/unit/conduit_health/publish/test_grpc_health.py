"""The standard health protocol for providers and services."""

import asyncio
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tests.integration.health.conftest import NOW, configuration, key
from tests.unit.conduit_health.conftest import Watched

from conduit.internal.v1.snapshot_pb2 import Snapshot
from conduit.v1.provider_pb2 import Provider
from conduit_health.publish.grpc_health import ProviderStatuses, ServiceStatus
from conduit_health.state.observation import Classification, Observation
from conduit_kernel.errors import ServiceUnavailable
from conduit_kernel.rpc.health import HealthStatuses

Response = health_pb2.HealthCheckResponse
URL = "http://127.0.0.1:1/v1"


class Server:
    """A server of the protocol on a real port."""

    def __init__(self) -> None:
        self.statuses = HealthStatuses(lambda _metadata, _address: True)
        self.grpc = grpc.aio.server()
        health_pb2_grpc.add_HealthServicer_to_server(self.statuses, self.grpc)
        self.port = self.grpc.add_insecure_port("127.0.0.1:0")

    def channel(self) -> grpc.aio.Channel:
        """Return a channel to it."""
        return grpc.aio.insecure_channel(f"127.0.0.1:{self.port}")


async def names(statuses: HealthStatuses) -> dict[str, int]:
    """Return all that is published."""
    server = grpc.aio.server()
    health_pb2_grpc.add_HealthServicer_to_server(statuses, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        # Newer than their types.
        stub: Any = health_pb2_grpc.HealthStub(channel)
        listed = await stub.List(health_pb2.HealthListRequest())  # type: ignore[attr-defined] # newer
    await server.stop(None)
    return {name: each.status for name, each in listed.statuses.items()}


async def published(watched: Watched, statuses: ProviderStatuses) -> None:
    """Publish once."""
    step = asyncio.create_task(statuses.publish())
    await asyncio.sleep(0)
    watched.subscribers.tell([1])
    async with asyncio.timeout(5):
        await step


@pytest.mark.parametrize(
    ("seen", "is_enabled", "status"),
    [
        ([], True, Response.UNKNOWN),
        ([Classification.WORKS], True, Response.SERVING),
        ([Classification.FAILED], True, Response.SERVING),
        ([Classification.FAILED] * 3, True, Response.NOT_SERVING),
        ([Classification.WORKS], False, Response.NOT_SERVING),
    ],
)
async def test_a_provider_is_published_as_it_is(
    watched: Watched, seen: list[Classification], status: int, *, is_enabled: bool
) -> None:
    """One that is degraded serves; one of which nothing is known is unknown."""
    watched.configure(configuration(URL, key(1), is_enabled=is_enabled))
    watched.monitor.observe(1, [Observation(NOW, each, "key_1") for each in seen])
    held = HealthStatuses(lambda _metadata, _address: True)
    await published(watched, ProviderStatuses(held, watched.monitor, watched.subscribers))
    assert await names(held) == {"provider/OpenAI Production": status}


async def test_what_is_gone_or_renamed_is_no_longer_published(watched: Watched) -> None:
    """Under its new name it is."""
    held = HealthStatuses(lambda _metadata, _address: True)
    statuses = ProviderStatuses(held, watched.monitor, watched.subscribers)
    for expected in ("First", "Second"):
        watched.configure(Snapshot(epoch="e", providers=[Provider(id=1, name=expected)]))
        await published(watched, statuses)
        assert list(await names(held)) == [f"provider/{expected}"]
    watched.configure(Snapshot(epoch="e"))
    await published(watched, statuses)
    assert await names(held) == {}


async def test_once_nothing_changes_any_more_the_step_rests(watched: Watched) -> None:
    """A draining service does not spin."""
    held = HealthStatuses(lambda _metadata, _address: True)
    step = asyncio.create_task(
        ProviderStatuses(held, watched.monitor, watched.subscribers).publish()
    )
    await asyncio.sleep(0)
    watched.subscribers.close()
    for _ in range(20):
        await asyncio.sleep(0)
    assert not step.done()
    step.cancel()
    await asyncio.gather(step, return_exceptions=True)


async def test_a_service_is_published_as_its_server_says() -> None:
    """And reported; one that goes away does not serve."""
    reported: list[bool] = []

    def report(*, is_serving: bool) -> None:
        reported.append(is_serving)

    server, held = Server(), HealthStatuses(lambda _metadata, _address: True)
    server.statuses.set("billing", Response.SERVING)
    await server.grpc.start()
    channel = server.channel()
    status = ServiceStatus(held, "billing", channel, report)
    async with asyncio.timeout(10):
        await status.follow()
        assert await names(held) == {"billing": Response.SERVING}
        server.statuses.set("billing", Response.NOT_SERVING)
        await status.follow()
        assert await names(held) == {"billing": Response.NOT_SERVING}
        server.statuses.set("billing", Response.SERVING)
        await status.follow()
        await server.grpc.stop(None)
        with pytest.raises((grpc.RpcError, ServiceUnavailable)):
            await status.follow()
    assert await names(held) == {"billing": Response.NOT_SERVING}
    assert reported == [True, False, True, False]
    await channel.close()
