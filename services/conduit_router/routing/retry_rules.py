"""How often, and how soon, a step is asked again after a failure, by class of failure."""

from collections.abc import Callable

from conduit.v1.routing_policy_pb2 import (
    FAILURE_CLASS_OVERLOADED,
    FAILURE_CLASS_RATE_LIMITED,
    FAILURE_CLASS_SERVER_ERROR,
    FAILURE_CLASS_TIMEOUT,
    FAILURE_CLASS_UNREACHABLE,
    FailureClass,
)
from conduit_kernel.errors import (
    Scope,
    UpstreamError,
    UpstreamRateLimited,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from conduit_router.routing.policy import Retries
from conduit_router.routing.table import Candidate

# The pause before an instance is asked again, drawn at random.
RETRY_PAUSE_SECONDS = (0.02, 0.15)
# Who asked to slow down is not asked again before.
LIMITED_PAUSE_SECONDS = (0.5, 1.0)
# A longer pause is not waited for, where nobody says otherwise.
MAX_PAUSE_SECONDS = 10.0
_OVERLOADED = frozenset({"503", "529"})

USUAL = Retries()

# Draws a number between two at random.
Draw = Callable[[float, float], float]


def class_of(error: UpstreamError) -> FailureClass.ValueType | None:
    """Return the class of a failure; None for those after which nobody is asked again."""
    if isinstance(error, UpstreamRateLimited):
        return FAILURE_CLASS_RATE_LIMITED
    if isinstance(error, UpstreamTimeout):
        return FAILURE_CLASS_TIMEOUT
    if isinstance(error, UpstreamUnreachable):
        return FAILURE_CLASS_UNREACHABLE
    if error.scope is not Scope.INSTANCE or not error.is_transient:
        return None
    is_overloaded = error.metadata.get("status") in _OVERLOADED
    return FAILURE_CLASS_OVERLOADED if is_overloaded else FAILURE_CLASS_SERVER_ERROR


def rule_of(candidate: Candidate, error: UpstreamError) -> Retries:
    """Return what a candidate's operator says of retries after a failure."""
    kind = class_of(error) if candidate.retries else None
    return USUAL if kind is None else candidate.retries.get(kind, USUAL)


def usual_attempts(error: UpstreamError) -> int:
    """Return how many attempts at a step may end in failures of a kind, where nobody says so."""
    return 2 if error.scope is Scope.INSTANCE and error.is_transient else 1


def pause_before(rule: Retries, error: UpstreamError, repetition: int, draw: Draw) -> float | None:
    """Return the pause before a repetition, which counts from 1; None where it is too long.

    What the provider asks for is kept, and a random part comes on top, so that those who wait do
    not come all at once.
    """
    most = MAX_PAUSE_SECONDS if rule.max_wait is None else rule.max_wait
    asked = int(error.metadata.get("retry_after_ms", 0)) / 1000
    if asked > most:
        return None
    least, usual = RETRY_PAUSE_SECONDS
    if isinstance(error, UpstreamRateLimited):
        least, usual = LIMITED_PAUSE_SECONDS
    if rule.wait is None:
        drawn = draw(least, usual)
    else:
        drawn = draw(0.0, min(rule.wait * 2.0 ** (repetition - 1), most))
    if isinstance(error, UpstreamRateLimited):
        drawn = max(drawn, least - asked)
    return min(asked + drawn, max(most, least))
