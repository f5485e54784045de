"""The standard health protocol, asked by its own client."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tests.support.credentials import Metadata, admin_metadata
from tests.support.waiting import eventually

from conduit.v1.billing_service_pb2 import DESCRIPTOR
from conduit_kernel.rpc import RpcServer, connect, health

SERVICE = "conduit.v1.BillingService"
STATUSES = health_pb2.HealthCheckResponse
UNKNOWN: int = STATUSES.SERVICE_UNKNOWN


@pytest.fixture
async def server() -> AsyncIterator[RpcServer]:
    """Serve one service, and know one provider."""
    server = RpcServer(name="billing", master_key="master")
    server.announce(DESCRIPTOR.services_by_name["BillingService"])
    server.health.set("provider/OpenAI", STATUSES.SERVING)
    await server.start("127.0.0.1", 0)
    yield server
    await server.drain(0)


@pytest.fixture
async def probe(server: RpcServer) -> AsyncIterator[Any]:
    """Return the protocol's own client."""
    channel = connect(f"127.0.0.1:{server.port}")
    yield health_pb2_grpc.HealthStub(channel)
    await channel.close()


def asked(service: str) -> health_pb2.HealthCheckRequest:
    """Return a request."""
    return health_pb2.HealthCheckRequest(service=service)


async def names(probe: Any, metadata: Metadata = ()) -> set[str]:  # noqa: ANN401 # untyped
    """Return the names that `List` shows."""
    request = health_pb2.HealthListRequest()  # type: ignore[attr-defined] # newer than its types
    return set((await probe.List(request, metadata=metadata)).statuses)


async def test_a_status_is_told_of_the_server_and_of_each_service(probe: Any) -> None:  # noqa: ANN401 # untyped
    """And of nothing else: an unknown name is NOT_FOUND."""
    for name in ("", SERVICE, "provider/OpenAI"):
        assert (await probe.Check(asked(name))).status == STATUSES.SERVING
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await probe.Check(asked("conduit.v1.Nothing"))
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND


async def test_providers_are_listed_for_administrators_only(probe: Any) -> None:  # noqa: ANN401 # untyped
    """Others see the services, which the contract names anyway."""
    public = {"", SERVICE, "grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"}
    for metadata in ((), admin_metadata("wrong"), (("authorization", "Bearer condt_1"),)):
        assert await names(probe, metadata) == public
    assert await names(probe, admin_metadata("master")) == {*public, "provider/OpenAI"}


async def test_a_watch_tells_what_comes_and_goes(server: RpcServer, probe: Any) -> None:  # noqa: ANN401 # untyped
    """A name may be watched before there is such a service, and after."""
    watch = probe.Watch(asked("provider/Groq"))
    assert (await watch.read()).status == UNKNOWN
    server.health.set("provider/Groq", STATUSES.NOT_SERVING)
    assert (await watch.read()).status == STATUSES.NOT_SERVING
    server.health.set("provider/Groq", STATUSES.SERVING)
    assert (await watch.read()).status == STATUSES.SERVING
    server.health.remove("provider/Groq")
    assert (await watch.read()).status == UNKNOWN
    watch.cancel()
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await probe.Check(asked("provider/Groq"))
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND


async def test_a_drain_is_told_first_and_waits_for_no_watch(server: RpcServer, probe: Any) -> None:  # noqa: ANN401 # untyped
    """Who watches hears NOT_SERVING and then the end; the time for calls is not spent on it."""
    watch = probe.Watch(asked(SERVICE))
    assert (await watch.read()).status == STATUSES.SERVING
    async with asyncio.timeout(5):
        await server.drain(60)
        assert (await watch.read()).status == STATUSES.NOT_SERVING
        assert await watch.read() is grpc.aio.EOF


async def test_strangers_cannot_watch_health_without_end(
    monkeypatch: pytest.MonkeyPatch,
    probe: Any,  # noqa: ANN401 # untyped
) -> None:
    """There is room for some; who leaves makes room for another."""
    monkeypatch.setattr(health, "MAX_WATCHES", 3)
    watches = [probe.Watch(asked("")) for _ in range(3)]
    for watch in watches:
        assert (await watch.read()).status == STATUSES.SERVING
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await probe.Watch(asked("")).read()
    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    watches[0].cancel()

    async def has_room() -> bool:
        try:
            return (await probe.Watch(asked("")).read()) is not grpc.aio.EOF
        except grpc.aio.AioRpcError:
            return False

    await eventually(has_room)
    for watch in watches:
        watch.cancel()


PROBE = shutil.which("grpc_health_probe") or shutil.which("grpc-health-probe")


@pytest.mark.skipif(PROBE is None, reason="grpc_health_probe is not installed")
@pytest.mark.parametrize(
    ("name", "code"), [("", 0), (SERVICE, 0), ("provider/OpenAI", 0), ("provider/Groq", 3)]
)
async def test_the_ordinary_probe_works(server: RpcServer, name: str, code: int) -> None:
    """As container platforms run it: exit code 0 for SERVING, 3 for a name that is not known."""
    assert PROBE is not None
    process = await asyncio.create_subprocess_exec(
        PROBE,
        f"-addr=127.0.0.1:{server.port}",
        f"-service={name}",
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert await process.wait() == code
