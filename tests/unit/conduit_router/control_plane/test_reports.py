"""What attempts met is reported once: a report that is lost is no harm, one made twice is."""

import grpc
import pytest
from tests.support.scripted_service import serve_rpcs
from tests.support.snapshots import ALIAS, compiled, provider, snapshot

from conduit.internal.v1.outcome_service_pb2 import DESCRIPTOR as HEALTH
from conduit.internal.v1.outcome_service_pb2 import ReportOutcomesRequest, ReportOutcomesResponse
from conduit.internal.v1.outcome_service_pb2_grpc import OutcomeServiceStub
from conduit.internal.v1.snapshot_service_pb2 import DESCRIPTOR as REGISTRY
from conduit.internal.v1.snapshot_service_pb2 import ReportKeyUseRequest, ReportKeyUseResponse
from conduit.internal.v1.snapshot_service_pb2_grpc import SnapshotServiceStub
from conduit_kernel.errors import UpstreamError
from conduit_router.control_plane.reports import Reports
from conduit_router.upstream.outcomes import Outcomes


def failed_once() -> Outcomes:
    """Return the outcomes of one attempt that failed."""
    outcomes = Outcomes(lambda: 5.0)
    [candidate] = compiled(snapshot([provider(1)])).routes[ALIAS].candidates
    outcomes.failed(candidate, candidate.instance.keys[0], UpstreamError("broken"))
    return outcomes


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
        reports = Reports(
            OutcomeServiceStub(health), SnapshotServiceStub(registry), failed_once(), ()
        )
        for _ in range(2):
            await reports.report_outcomes()
            await reports.report_key_use()
    assert (reported, used) == ([1], ["key_1"])


async def test_a_report_that_is_lost_is_not_repeated() -> None:
    """Its loop hears of it; what is stale by then would count twice, or against the wrong time."""
    outcomes = failed_once()
    async with grpc.aio.insecure_channel("127.0.0.1:1") as nobody:
        reports = Reports(OutcomeServiceStub(nobody), SnapshotServiceStub(nobody), outcomes, ())
        with pytest.raises(grpc.RpcError):
            await reports.report_outcomes()
        with pytest.raises(grpc.RpcError):
            await reports.report_key_use()
    assert (outcomes.take(), outcomes.take_uses()) == ([], [])
