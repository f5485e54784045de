"""Health hears of operators' tests, if it is there."""

import grpc
from structlog.testing import capture_logs
from tests.support.scripted_service import serve_rpcs

from conduit.internal.v1.outcome_pb2 import KeyCheck
from conduit.internal.v1.outcome_service_pb2 import (
    DESCRIPTOR,
    ReportOutcomesRequest,
    ReportOutcomesResponse,
)
from conduit.internal.v1.outcome_service_pb2_grpc import OutcomeServiceStub
from conduit_registry.key_check_reports import KeyCheckReports

SERVICE = DESCRIPTOR.services_by_name["OutcomeService"]
CHECK = KeyCheck(provider_id=1, key_id="key_1", is_test=True)


async def test_tests_are_reported_once() -> None:
    """Nothing is sent where no key was tested."""
    heard: list[ReportOutcomesRequest] = []

    async def report(request: ReportOutcomesRequest, _: object) -> ReportOutcomesResponse:
        heard.append(request)
        return ReportOutcomesResponse()

    async with serve_rpcs(SERVICE, ReportOutcomes=report) as channel:
        reports = KeyCheckReports(OutcomeServiceStub(channel), ())
        await reports.report([])
        await reports.report([CHECK])
    assert heard == [ReportOutcomesRequest(key_checks=[CHECK])]


async def test_a_health_service_that_is_away_keeps_no_test_from_its_answer() -> None:
    """A line tells why a rest is not ended."""
    async with grpc.aio.insecure_channel("127.0.0.1:1") as nobody:
        with capture_logs() as logs:
            await KeyCheckReports(OutcomeServiceStub(nobody), ()).report([CHECK])
    assert [line["event"] for line in logs] == ["key_checks_unreported"]
