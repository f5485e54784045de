"""Reports what keys met in operators' tests to Health, which tells all routers."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import grpc
import structlog

from conduit.internal.v1.outcome_pb2 import KeyCheck
from conduit.internal.v1.outcome_service_pb2 import ReportOutcomesRequest

if TYPE_CHECKING:
    # Exists for type checkers only.
    from conduit.internal.v1.outcome_service_pb2_grpc import OutcomeServiceAsyncStub

# An operator who waits for a test waits no longer for Health.
CALL_SECONDS = 1.0


class KeyCheckReports:
    """Reports each test once: one that is lost only leaves a rest as long as it is."""

    def __init__(
        self, stub: "OutcomeServiceAsyncStub", metadata: tuple[tuple[str, str], ...]
    ) -> None:
        self._stub = stub
        self._metadata = metadata

    async def report(self, checks: Sequence[KeyCheck]) -> None:
        """Report what tests found, if Health is there."""
        if not checks:
            return
        try:
            await self._stub.ReportOutcomes(
                ReportOutcomesRequest(key_checks=checks),
                metadata=self._metadata,
                timeout=CALL_SECONDS,
            )
        except grpc.aio.AioRpcError as error:
            log = structlog.get_logger("connectivity")
            log.warning("key_checks_unreported", reason=error.details())
