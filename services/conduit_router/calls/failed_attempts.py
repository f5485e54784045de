"""Accounts for attempts that failed: counts them, and what they used though nobody says so."""

from typing import Any, Protocol

import structlog

from conduit.v1.charge_pb2 import USAGE_SOURCE_ESTIMATE
from conduit.v1.provider_pb2 import ABORTED_STREAM_POLICY_NOT_CHARGED as _NOT_CHARGED
from conduit_kernel.errors import StreamInterrupted, UpstreamError
from conduit_providers.calls import Answer
from conduit_providers.operation import Requirements
from conduit_providers.quantities import Quantities
from conduit_router.accounting.call_counts import AttemptCounts
from conduit_router.calls.own_limits import CallWithLimits, is_own_limit
from conduit_router.calls.runtime import CallRuntime
from conduit_router.context import CallerContext
from conduit_router.routing.attempt_plan import Attempt, Consumption
from conduit_router.routing.health_view import Asked


class FailedCall(CallWithLimits, Protocol):
    """A call of which an attempt has failed."""

    runtime: CallRuntime
    requirements: Requirements
    caller: CallerContext

    def asked(self, attempt: Attempt) -> Asked:
        """Return whom an attempt asks, for whom."""
        ...

    def release(self, attempt: Attempt) -> None:
        """Let others probe what an attempt probed."""
        ...

    def estimate(self, attempt: Attempt, answer: Answer[Any] | None, emitted: int) -> Quantities:
        """Return about what an attempt used."""
        ...


def log_crash(scope: FailedCall, attempt: Attempt, error: BaseException) -> None:
    """Log a fault of ours that ended an attempt."""
    structlog.get_logger("calls").error(
        "attempt_crashed",
        provider_id=attempt.candidate.provider_id,
        operation=scope.requirements.operation,
        request_id=scope.caller.request_id,
        exc_info=error,
    )


def account_for_failure(
    scope: FailedCall, attempt: Attempt, error: BaseException, elapsed_ms: float
) -> AttemptCounts:
    """Count a failed attempt, and return where; tell Health of a cut stream.

    What nobody counts is estimated; of streams that are not charged before their end, nothing is
    kept.
    """
    runtime, candidate = scope.runtime, attempt.candidate
    is_free = scope.requirements.stream and candidate.instance.aborted_streams == _NOT_CHARGED
    if is_free:
        attempt.consumption = None
    counts = runtime.recorder.count_attempt(attempt, scope.requirements, elapsed_ms, error)
    if isinstance(error, UpstreamError):
        if isinstance(error, StreamInterrupted) and not is_own_limit(scope, attempt, error):
            # What was handed out already cannot be asked for again, but the cut counts.
            caller = scope.caller.caller.virtual_key_id
            runtime.outcomes.failed(candidate, attempt.key, error, caller)
            runtime.state.failed(scope.asked(attempt))
        elif isinstance(error, StreamInterrupted):
            scope.release(attempt)
        return counts
    scope.release(attempt)
    if attempt.is_sent and attempt.consumption is None and not is_free:
        # Nobody waits any more, but the provider may have the question.
        usage = scope.estimate(attempt, None, 0)
        attempt.consumption = Consumption(usage, USAGE_SOURCE_ESTIMATE, is_complete=False)
    return counts
