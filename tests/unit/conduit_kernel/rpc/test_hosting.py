"""A hosted service says whether its background work is well, and ends whatever that does."""

import asyncio
import contextlib

import grpc
from grpc_health.v1 import health_pb2
from structlog.testing import capture_logs
from tests.support.waiting import eventually

from conduit.v1.billing_service_pb2 import DESCRIPTOR
from conduit_kernel.background import Background
from conduit_kernel.rpc import HostedService, RpcServer

BILLING = "conduit.v1.BillingService"


class Disk:
    """Refuses as long as a test lets it."""

    def __init__(self) -> None:
        self.refuses = True

    async def write(self) -> None:
        """Write, or fail."""
        if self.refuses:
            raise OSError(28, "No space left on device")


async def hosted(background: Background, closed: asyncio.Event) -> HostedService:
    """Return a service that listens."""

    async def close() -> None:
        closed.set()

    server = RpcServer(name="billing", master_key="master")
    server.announce(DESCRIPTOR.services_by_name["BillingService"])
    await server.start("127.0.0.1", 0)
    return HostedService(
        server, background, end_streams=lambda: None, close=close, drain_seconds=0.1
    )


async def test_a_service_whose_vital_work_is_down_is_not_serving() -> None:
    """For its own name and for the whole server, until the work goes well again."""
    disk, background, closed = Disk(), Background(), asyncio.Event()
    background.run("ledger", disk.write, every=0.01, is_vital=True)
    with capture_logs() as logs:
        service = await hosted(background, closed)
        async with grpc.aio.insecure_channel(f"127.0.0.1:{service.port}") as channel:
            check = channel.unary_unary(
                "/grpc.health.v1.Health/Check",
                request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
                response_deserializer=health_pb2.HealthCheckResponse.FromString,
            )

            async def statuses() -> set[int]:
                requests = [health_pb2.HealthCheckRequest(service=name) for name in ("", BILLING)]
                return {int((await check(request)).status) for request in requests}

            async def is_down() -> bool:
                return await statuses() == {int(health_pb2.HealthCheckResponse.NOT_SERVING)}

            async def is_up() -> bool:
                return await statuses() == {int(health_pb2.HealthCheckResponse.SERVING)}

            assert await is_up()
            await eventually(is_down)
            disk.refuses = False
            await eventually(is_up)
    seen = [(e["event"], e.get("reasons")) for e in logs if e["event"] in {"not_ready", "ready"}]
    assert seen == [("not_ready", ["ledger fails: No space left on device"]), ("ready", None)]
    await service.drain()
    assert closed.is_set()


async def test_a_step_that_hangs_keeps_no_service_from_ending() -> None:
    """All else is let go of, within a second."""
    background, closed, ends = Background(), asyncio.Event(), asyncio.Event()

    async def hang() -> None:
        while not ends.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await ends.wait()

    background.run("hanging", hang, is_vital=True)
    service = await hosted(background, closed)
    async with asyncio.timeout(2):
        await service.drain()
    assert closed.is_set()
    ends.set()
