"""Reports what attempts met to the Health service, and the use of keys to the Registry."""

from typing import TYPE_CHECKING

from conduit.internal.v1.outcome_service_pb2 import ReportOutcomesRequest
from conduit.internal.v1.snapshot_service_pb2 import ReportKeyUseRequest
from conduit_router.upstream.outcomes import Outcomes

if TYPE_CHECKING:
    # Exist for type checkers only.
    from conduit.internal.v1.outcome_service_pb2_grpc import OutcomeServiceAsyncStub
    from conduit.internal.v1.snapshot_service_pb2_grpc import SnapshotServiceAsyncStub

REPORT_SECONDS = 1.0
KEY_USE_SECONDS = 10.0
CALL_SECONDS = 10.0


class Reports:
    """Sends each report once: one that is lost is no harm."""

    def __init__(
        self,
        health: "OutcomeServiceAsyncStub",
        registry: "SnapshotServiceAsyncStub",
        outcomes: Outcomes,
        metadata: tuple[tuple[str, str], ...],
    ) -> None:
        self._health = health
        self._registry = registry
        self._outcomes = outcomes
        self._metadata = metadata

    async def report_outcomes(self) -> None:
        """Report what attempts met since the last time."""
        if taken := self._outcomes.take():
            request = ReportOutcomesRequest(outcomes=taken)
            await self._health.ReportOutcomes(
                request, metadata=self._metadata, timeout=CALL_SECONDS
            )

    async def report_key_use(self) -> None:
        """Report when keys were used since the last time."""
        if uses := self._outcomes.take_uses():
            request = ReportKeyUseRequest(uses=uses)
            await self._registry.ReportKeyUse(
                request, metadata=self._metadata, timeout=CALL_SECONDS
            )
