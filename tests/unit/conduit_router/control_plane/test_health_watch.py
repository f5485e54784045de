"""The Health service's findings order the candidates, as long as it can be asked."""

import asyncio
from collections.abc import AsyncIterator, Mapping

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from tests.support.scripted_service import serve_rpcs

from conduit.internal.v1.outcome_pb2 import SharedCircuit
from conduit.internal.v1.outcome_service_pb2 import (
    DESCRIPTOR,
    WatchHealthRequest,
    WatchHealthResponse,
)
from conduit.internal.v1.outcome_service_pb2_grpc import OutcomeServiceStub
from conduit_kernel.errors import ServiceUnavailable
from conduit_router.control_plane.health_watch import HealthWatch
from conduit_router.routing.health_view import Subject
from conduit_router.routing.provider_state import ProviderState

SERVICE = DESCRIPTOR.services_by_name["OutcomeService"]


def found(*avoided: int, opened: Mapping[str, float] = {}) -> WatchHealthResponse:
    """Return a message: whom to ask last, and the circuits of models at instance 1, in seconds."""
    circuits = [
        SharedCircuit(provider_id=1, model=model, remaining=Duration(seconds=int(seconds)))
        for model, seconds in opened.items()
    ]
    return WatchHealthResponse(avoided_provider_ids=avoided, shared_circuits=circuits)


async def test_each_message_takes_the_place_of_the_one_before() -> None:
    """When the stream ends nothing is said against anybody; the loop hears of it."""
    messages = [found(1, 2), found(2), found(), found(3)]

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
        assert seen == [{1, 2}, {2}, set(), {3}]
        with pytest.raises(ServiceUnavailable):
            await following.follow()
    assert state.view().unhealthy == frozenset()


async def test_circuits_of_other_routers_are_open_here_as_long_as_they_tell() -> None:
    """A new worker starts knowing, and asks by its own name not to hear of itself."""
    asked: list[str] = []

    async def watch(
        request: WatchHealthRequest, _context: object
    ) -> AsyncIterator[WatchHealthResponse]:
        asked.append(request.router_id)
        yield found(opened={"gpt": 40})
        yield found()

    state = ProviderState(lambda: 0.0)
    async with serve_rpcs(SERVICE, WatchHealth=watch) as channel:
        following = HealthWatch(OutcomeServiceStub(channel), state, (), "r1")
        await following.follow()
        assert list(state.view().open_circuits) == [Subject(1, "gpt")]
        await following.follow()
        assert not state.view().open_circuits
    assert asked == ["r1"]


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
        yield found(1)
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
