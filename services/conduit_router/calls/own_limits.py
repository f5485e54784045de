"""Whose limit passed: what met a caller's own, shorter one alone is nobody's failure."""

from typing import Protocol

from conduit_kernel.errors import ConduitError, StreamInterrupted, UpstreamTimeout
from conduit_providers.patience import Patience
from conduit_router.context import CallLimits
from conduit_router.routing.attempt_plan import Attempt
from conduit_router.routing.policy import AttemptTimeouts

_NONE = AttemptTimeouts()


class CallWithLimits(Protocol):
    """A call, as far as its limits go."""

    limits: CallLimits

    def patience(self, attempt: Attempt) -> Patience:
        """Return how long the candidate may be silent."""
        ...


def is_own_limit(scope: CallWithLimits, attempt: Attempt, error: ConduitError) -> bool:
    """Tell whether an attempt only had less time than usual, as its caller wanted.

    So it is with the total limit of an answer that has begun: its caller may read it slowly.
    """
    if not isinstance(error, UpstreamTimeout | StreamInterrupted):
        return False
    asked, own = scope.limits.attempt or _NONE, attempt.candidate.timeouts or _NONE
    match error.metadata.get("limit"):
        case "connect":
            usual = own.connect or scope.limits.connect
            is_sooner = attempt.is_cut_short and attempt.first_event < usual
            return is_sooner or _is_less(asked.connect, usual)
        case "idle":
            return _is_less(asked.idle, own.idle or scope.patience(attempt).idle)
        case "total":
            return isinstance(error, StreamInterrupted) or _is_less(asked.total, own.total)
        case _:
            return isinstance(error, UpstreamTimeout) and attempt.is_cut_short


def _is_less(asked: float | None, usual: float | None) -> bool:
    return asked is not None and (usual is None or asked < usual)
