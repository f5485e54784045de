"""What Billing says to Health of budgets."""

import grpc
import pytest
from tests.support.scripted_service import serve_rpcs

from conduit.internal.v1 import outcome_service_pb2 as pb
from conduit.internal.v1.outcome_service_pb2_grpc import OutcomeServiceStub
from conduit.v1.budget_pb2 import BudgetNotification
from conduit_billing.budget_reports import BudgetReports

SERVICE = pb.DESCRIPTOR.services_by_name["OutcomeService"]


async def test_budgets_are_reported_in_one_request() -> None:
    """And nothing else with them."""
    asked = list[pb.ReportOutcomesRequest]()

    async def take(request: pb.ReportOutcomesRequest, _: object) -> pb.ReportOutcomesResponse:
        asked.append(request)
        return pb.ReportOutcomesResponse()

    budgets = [BudgetNotification(owner_id=number, percent=50) for number in (4, 5)]
    async with serve_rpcs(SERVICE, ReportOutcomes=take) as channel:
        await BudgetReports(OutcomeServiceStub(channel), ()).report(budgets)
    assert asked == [pb.ReportOutcomesRequest(budgets=budgets)]


async def test_a_health_that_cannot_be_told_is_no_success() -> None:
    """It is tried again."""
    async with grpc.aio.insecure_channel("127.0.0.1:1") as channel:
        with pytest.raises(grpc.RpcError):
            await BudgetReports(OutcomeServiceStub(channel), ()).report([])
