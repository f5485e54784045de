"""The Health service's findings order the candidates, as long as it can be asked."""

import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest
from tests.support.scripted_service import serve_rpcs

from conduit.internal.v1.outcome_service_pb2 import (
    DESCRIPTOR,
    WatchHealthRequest,
    WatchHealthResponse,
)
from conduit.internal.v1.outcome_service_pb2_grpc import OutcomeServiceStub
from conduit.v1.provider_health_pb2 import (
    HEALTH_STATUS_HEALTHY,
    HEALTH_STATUS_UNHEALTHY,
    HealthStatus,
    ProviderHealth,
)
from conduit_kernel.errors import ServiceUnavailable
from conduit_router.control_plane.health_watch import HealthWatch
from conduit_router.routing.provider_state import ProviderState

SERVICE = DESCRIPTOR.services_by_name["OutcomeService"]


def found(
    statuses: dict[int, HealthStatus.ValueType], *, is_complete: bool = False
) -> WatchHealthResponse:
    """Return a message of findings."""
    providers = [ProviderHealth(provider_id=i, status=status) for i, status in statuses.items()]
    return WatchHealthResponse(providers=providers, is_complete=is_complete)


async def test_findings_add_up_until_the_stream_ends() -> None:
    """What is no longer known says nothing against anybody; the loop hears of the end."""
    messages = [
        found({1: HEALTH_STATUS_UNHEALTHY, 2: HEALTH_STATUS_UNHEALTHY}, is_complete=True),
        found({1: HEALTH_STATUS_HEALTHY}),
        found({}),
        found({3: HEALTH_STATUS_UNHEALTHY}, is_complete=True),
    ]

    async def watch(_: WatchHealthRequest, _context: object) -> AsyncIterator[WatchHealthResponse]:
        for message in messages:
            yield message

    state = ProviderState(lambda: 0.0)
    async with serve_rpcs(SERVICE, WatchHealth=watch) as channel:
        following = HealthWatch(OutcomeServiceStub(channel), state, ())
        seen = []
        for _ in messages:
            await following.follow()
            seen.append(state.view().unhealthy)
        assert seen == [{1, 2}, {2}, {2}, {3}]
        with pytest.raises(ServiceUnavailable):
            await following.follow()
    assert state.view().unhealthy == frozenset()


async def test_a_service_that_is_away_accuses_nobody() -> None:
    """What it had found before is forgotten."""
    state = ProviderState(lambda: 0.0)
    state.set_unhealthy(frozenset({1}))
    async with grpc.aio.insecure_channel("127.0.0.1:1") as nobody:
        following = HealthWatch(OutcomeServiceStub(nobody), state, ())
        with pytest.raises(grpc.RpcError):
            await following.follow()
    assert state.view().unhealthy == frozenset()


async def test_stopping_is_not_a_failure_of_the_service() -> None:
    """A loop that is cancelled keeps the findings, for the calls that are still to be drained."""

    async def watch(_: WatchHealthRequest, _context: object) -> AsyncIterator[WatchHealthResponse]:
        yield found({1: HEALTH_STATUS_UNHEALTHY}, is_complete=True)
        await asyncio.Event().wait()

    state = ProviderState(lambda: 0.0)
    async with serve_rpcs(SERVICE, WatchHealth=watch) as channel:
        following = HealthWatch(OutcomeServiceStub(channel), state, ())
        await following.follow()
        waiting = asyncio.create_task(following.follow())
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    assert state.view().unhealthy == {1}
