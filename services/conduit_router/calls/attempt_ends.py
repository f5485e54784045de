"""Ends attempts that failed, alike for all ways in which a call makes them."""

from conduit_kernel.errors import (
    ConduitError,
    DeadlineExceeded,
    InvalidRequest,
    UpstreamError,
    UpstreamTimeout,
)
from conduit_router.calls.call_scope import CallScope
from conduit_router.calls.evidence import take_evidence
from conduit_router.calls.failed_attempts import log_crash
from conduit_router.routing.attempt_plan import Attempt


def end_failed(scope: CallScope, attempt: Attempt, error: BaseException) -> BaseException:
    """End an attempt that failed, and count that against what it is about.

    Returns the failure that it is for its call: another one where the call's time has passed.
    """
    if isinstance(error, InvalidRequest):
        _abandon(scope, attempt, error)
        return error
    if isinstance(error, ConduitError):
        # Some providers repeat the key that they were given.
        attempt.key.redactor.clean(error)
    else:
        log_crash(scope, attempt, error)
    if isinstance(error, UpstreamTimeout):
        if scope.left() <= 0:
            # The caller's own limit: that says nothing against the provider.
            error = out_of_time(scope, attempt)
        else:
            waited = scope.runtime.clock() - attempt.began
            error.metadata.setdefault("waited_ms", str(int(waited * 1000)))
    scope.end_attempt(attempt, error)
    if isinstance(error, UpstreamError):
        take_evidence(scope, attempt, error)
    return error


def _abandon(scope: CallScope, attempt: Attempt, error: InvalidRequest) -> None:
    """Forget an attempt that was none: nothing was sent."""
    scope.attempt = None
    scope.release(attempt)
    scope.note_failure(attempt, error)
    if attempt.is_measured:
        scope.runtime.balancer.abandon(attempt)
    scope.waited += scope.runtime.clock() - attempt.began


def out_of_time(scope: CallScope, attempt: Attempt) -> DeadlineExceeded:
    """Return the error of a call whose time passed during an attempt."""
    name = attempt.key.provider_name
    return DeadlineExceeded(
        f"The request's deadline passed while {name} had not answered in full",
        attempts=str(scope.plan.attempts),
        provider=name,
    )
