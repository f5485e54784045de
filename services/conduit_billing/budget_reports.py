"""Reports to Health which budgets are spent to a share, for administrators to be told."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from conduit.internal.v1.outcome_service_pb2 import ReportOutcomesRequest
from conduit.v1.budget_pb2 import BudgetNotification

if TYPE_CHECKING:
    # Exists for type checkers only.
    from conduit.internal.v1.outcome_service_pb2_grpc import OutcomeServiceAsyncStub

REPORT_SECONDS = 10.0


class BudgetReports:
    """Makes the reports, which Health tells once each."""

    def __init__(
        self, health: "OutcomeServiceAsyncStub", metadata: tuple[tuple[str, str], ...]
    ) -> None:
        self._health = health
        self._metadata = metadata

    async def report(self, budgets: Sequence[BudgetNotification]) -> None:
        """Report budgets. Raises the RPC's error if Health cannot be told."""
        request = ReportOutcomesRequest(budgets=budgets)
        await self._health.ReportOutcomes(request, metadata=self._metadata, timeout=REPORT_SECONDS)
