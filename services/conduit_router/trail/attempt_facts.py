"""What is told of an attempt that was made, to whoever traces or measures calls."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple, Protocol

import structlog

from conduit_providers.operation import AnyOperation, Requirements
from conduit_router.context import CallerContext
from conduit_router.routing.attempt_plan import Attempt
from conduit_router.trail.call_end import AttemptEnd, Failure

if TYPE_CHECKING:
    # Its library is there where something is exported alone.
    from conduit_kernel.telemetry.trace_context import TraceContext


class CallAttempts(Protocol):
    """A call that has ended, or an attempt of which begins."""

    operation: AnyOperation
    requirements: Requirements
    caller: CallerContext
    # The attempts that were made, in order; how those ended that failed; the one that did not.
    ended: tuple[Attempt, ...]
    trail: tuple[AttemptEnd, ...]
    succeeded: Attempt | None
    succeeded_at: float


class CallObserver(Protocol):
    """Sees attempts as they begin, and calls once they have ended."""

    def begin(self, call: CallAttempts, attempt: Attempt) -> None:
        """Take note of an attempt that is about to be made, and may change what it sends."""
        ...

    def end(self, call: CallAttempts) -> None:
        """Take note of a call's end."""
        ...


def observe_end(observer: CallObserver, call: CallAttempts) -> None:
    """Tell an observer of a call's end, which its failure does not change."""
    try:
        observer.end(call)
    except Exception:  # noqa: BLE001 # the call has ended, whatever observers make of it
        structlog.get_logger("calls").exception("call_observer_failed")


class AttemptFacts(NamedTuple):
    """An attempt that has ended. Times are in seconds of the router's clock."""

    attempt: Attempt
    number: int
    ended: float
    failure: Failure | None


class CallFacts(NamedTuple):
    """A call that has ended, as its attempts' spans and metrics tell of it."""

    operation: AnyOperation
    is_streamed: bool
    request_id: str
    # The span that it went on in, None where nobody traces it.
    parent: "TraceContext | None"
    # When it ended, by the router's clock and in seconds since 1970.
    ended: float
    ended_at: float
    # In the order in which they ended.
    attempts: tuple[AttemptFacts, ...]


def attempts_of(call: CallAttempts) -> Iterator[AttemptFacts]:
    """Yield the attempts of a call that were made, in the order in which they ended."""
    failed = {each.began: each for each in call.trail}
    for number, attempt in enumerate(call.ended, 1):
        if attempt is call.succeeded:
            yield AttemptFacts(attempt, number, call.succeeded_at, None)
        elif (end := failed.get(attempt.began)) is not None:
            yield AttemptFacts(attempt, number, end.ended, end.failure)
