"""What attempts met is reported once: a report that is lost is no harm, one made twice is."""

from collections.abc import Callable

import grpc
import pytest
from tests.support.clock import Clock
from tests.support.outages import ask, open_for_all
from tests.support.scripted_service import serve_rpcs
from tests.support.snapshots import ALIAS, compiled, provider, snapshot

from conduit.internal.v1.outcome_pb2 import SharedCircuit
from conduit.internal.v1.outcome_service_pb2 import DESCRIPTOR as HEALTH
from conduit.internal.v1.outcome_service_pb2 import ReportOutcomesRequest, ReportOutcomesResponse
from conduit.internal.v1.outcome_service_pb2_grpc import OutcomeServiceStub
from conduit.internal.v1.snapshot_service_pb2 import DESCRIPTOR as REGISTRY
from conduit.internal.v1.snapshot_service_pb2 import ReportKeyUseRequest, ReportKeyUseResponse
from conduit.internal.v1.snapshot_service_pb2_grpc import SnapshotServiceStub
from conduit.v1.provider_health_pb2 import CIRCUIT_STATE_HALF_OPEN, CIRCUIT_STATE_OPEN
from conduit_kernel.breaker_policy import DEFAULT_POLICY
from conduit_kernel.errors import UpstreamError
from conduit_router.control_plane.reports import CIRCUITS_SECONDS, Reports
from conduit_router.routing.provider_state import ProviderState
from conduit_router.upstream.outcomes import Outcomes


def failed_once() -> Outcomes:
    """Return the outcomes of one attempt that failed."""
    outcomes = Outcomes(lambda: 5.0)
    [candidate] = compiled(snapshot([provider(1)])).routes[ALIAS].candidates
    outcomes.failed(candidate, candidate.instance.keys[0], UpstreamError("broken"))
    return outcomes


def reports_to(
    health: grpc.aio.Channel,
    registry: grpc.aio.Channel,
    outcomes: Outcomes,
    timer: Callable[[], float] = lambda: 0.0,
    state: ProviderState | None = None,
) -> Reports:
    """Return the reports of router `r1`."""
    return Reports(
        OutcomeServiceStub(health),
        SnapshotServiceStub(registry),
        outcomes,
        state or ProviderState(timer),
        metadata=(),
        router_id="r1",
        timer=timer,
    )


async def test_each_outcome_and_each_use_is_reported_once() -> None:
    """Nothing to report is no call."""
    reported: list[int] = []
    used: list[str] = []

    async def outcomes(request: ReportOutcomesRequest, _: object) -> ReportOutcomesResponse:
        reported.extend(each.provider_id for each in request.outcomes)
        return ReportOutcomesResponse()

    async def uses(request: ReportKeyUseRequest, _: object) -> ReportKeyUseResponse:
        used.extend(each.key_id for each in request.uses)
        return ReportKeyUseResponse()

    async with (
        serve_rpcs(HEALTH.services_by_name["OutcomeService"], ReportOutcomes=outcomes) as health,
        serve_rpcs(REGISTRY.services_by_name["SnapshotService"], ReportKeyUse=uses) as registry,
    ):
        reports = reports_to(health, registry, failed_once())
        for _ in range(2):
            await reports.report_outcomes()
            await reports.report_key_use()
    assert (reported, used) == ([1], ["key_1"])


async def test_a_report_that_is_lost_is_not_repeated() -> None:
    """Its loop hears of it; what is stale by then would count twice, or against the wrong time."""
    outcomes = failed_once()
    async with grpc.aio.insecure_channel("127.0.0.1:1") as nobody:
        reports = reports_to(nobody, nobody, outcomes)
        with pytest.raises(grpc.RpcError):
            await reports.report_outcomes()
        with pytest.raises(grpc.RpcError):
            await reports.report_key_use()
    assert (outcomes.drain(), outcomes.drain_uses()) == ([], [])


async def test_circuits_are_reported_until_all_are_closed() -> None:
    """When they change, and again before Health forgets them; then the router falls silent."""
    received: list[dict[int, int]] = []

    async def note(request: ReportOutcomesRequest, _: object) -> ReportOutcomesResponse:
        assert request.router_id == "r1"
        received.append({each.provider_id: each.state for each in request.circuits})
        return ReportOutcomesResponse()

    now = 0.0

    def timer() -> float:
        return now

    state, outcomes = ProviderState(timer), Outcomes(lambda: 5.0)
    async with serve_rpcs(HEALTH.services_by_name["OutcomeService"], ReportOutcomes=note) as health:
        reports = reports_to(health, health, outcomes, timer, state)
        open_for_all(state, 1)
        for _ in range(2):
            await reports.report_outcomes()
        assert received == [{1: CIRCUIT_STATE_OPEN}]
        assert outcomes.waiting.is_set()
        now += CIRCUITS_SECONDS
        await reports.report_outcomes()
        assert received == [{1: CIRCUIT_STATE_OPEN}] * 2
        now = DEFAULT_POLICY.open_seconds
        await reports.report_outcomes()
        assert received[2:] == [{1: CIRCUIT_STATE_HALF_OPEN}]
        outcomes.waiting.clear()
        state.forget(frozenset({1}), frozenset())
        for _ in range(2):
            await reports.report_outcomes()
        assert received[3:] == [{}]
        assert not outcomes.waiting.is_set()


async def test_circuits_for_all_callers_are_told_with_their_age_and_the_time_left() -> None:
    """For the other routers, which hear of nothing that is one caller's own."""
    received: list[list[SharedCircuit]] = []

    async def note(request: ReportOutcomesRequest, _: object) -> ReportOutcomesResponse:
        received.append(list(request.shared_circuits))
        return ReportOutcomesResponse()

    clock = Clock()
    clock.now = 5.0
    state, outcomes = ProviderState(clock), Outcomes(clock)
    async with serve_rpcs(HEALTH.services_by_name["OutcomeService"], ReportOutcomes=note) as health:
        reports = reports_to(health, health, outcomes, clock, state)
        for _ in range(DEFAULT_POLICY.failure_threshold):
            state.failed(ask(2, at=5.0))
        open_for_all(state, 1, at=5.0)
        clock.now += 2.0
        for _ in range(2):
            await reports.report_outcomes()
    [[told]] = received
    assert (told.provider_id, told.model) == (1, "")
    assert told.remaining.ToSeconds() == DEFAULT_POLICY.open_seconds - 2.0
    assert told.age.ToSeconds() == 2.0
