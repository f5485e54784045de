"""The Health service's findings order the candidates, as long as it can be asked."""

import asyncio
from collections.abc import AsyncIterator, Mapping

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from tests.support.clock import Clock
from tests.support.outages import ask
from tests.support.scripted_service import serve_rpcs

from conduit.internal.v1.outcome_pb2 import KeyCheck, SharedCircuit
from conduit.internal.v1.outcome_service_pb2 import (
    DESCRIPTOR,
    WatchHealthRequest,
    WatchHealthResponse,
)
from conduit.internal.v1.outcome_service_pb2_grpc import OutcomeServiceStub
from conduit.v1.error_reason_pb2 import ERROR_REASON_INVALID_API_KEY
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


async def test_what_was_opened_before_a_good_probe_is_no_news() -> None:
    """By the age that is told with a circuit."""
    clock, probed = Clock(), asyncio.Event()

    async def watch(_: WatchHealthRequest, _context: object) -> AsyncIterator[WatchHealthResponse]:
        message = found(opened={"gpt": 40})
        yield message
        await probed.wait()
        message.shared_circuits[0].age.FromSeconds(3)
        yield message

    state = ProviderState(clock)
    async with serve_rpcs(SERVICE, WatchHealth=watch) as channel:
        following = HealthWatch(OutcomeServiceStub(channel), state, ())
        await following.follow()
        clock.now = 2.0
        assert state.begin(ask(at=clock.now), is_last=True)
        state.succeeded(ask(at=clock.now))
        clock.now = 3.0
        probed.set()
        await following.follow()
        assert not state.view().open_circuits


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


async def test_checks_of_keys_are_as_old_here_as_they_are_there() -> None:
    """The moments are told as times of day; one that is still to come is now."""
    checks = [
        KeyCheck(provider_id=1, key_id="key_1", began_at=Timestamp(seconds=1_000)),
        KeyCheck(
            provider_id=1,
            key_id="key_2",
            began_at=Timestamp(seconds=9_999),
            reason=ERROR_REASON_INVALID_API_KEY,
            detail="refused",
        ),
    ]

    async def watch(_: WatchHealthRequest, _context: object) -> AsyncIterator[WatchHealthResponse]:
        yield WatchHealthResponse(key_checks=checks)

    clock = Clock()
    state = ProviderState(clock)
    began = clock.now
    clock.now += 20.0
    for key_id in ("key_1", "key_3"):
        state.refuse_key(ask(key_id=key_id), "refused", "INVALID_API_KEY")
    clock.now += 10.0
    async with serve_rpcs(SERVICE, WatchHealth=watch) as channel:
        following = HealthWatch(
            OutcomeServiceStub(channel), state, (), clock=lambda: 1_010.5, timer=clock
        )
        clock.now -= 1.0
        await following.follow()
    # The check of the first began 10.5 s ago: before the refusal, 9 s ago.
    cooldowns = state.view().cooldowns
    assert cooldowns.keys() == {Subject(1, "", f"key_{n}") for n in (1, 2, 3)}
    assert cooldowns[Subject(1, "", "key_2")].until == began + 29.0 + 300.0
