"""The end of a call, as a value that outlasts it: nothing of what was asked or answered is in it.

A call that went as usual costs one of these; everything else is worked out when somebody asks.
"""

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

import msgspec
import structlog

from conduit_kernel.errors import ConduitError
from conduit_kernel.request_facts import FACTS_SIZE, unpack_facts
from conduit_providers.operation import NOTHING, Requirements
from conduit_router.accounting.call_counts import GONE, OUTRUN, outcome_of
from conduit_router.context import CallerContext
from conduit_router.routing.attempt_plan import Attempt
from conduit_router.routing.decide import Decision
from conduit_router.routing.table import Caller
from conduit_router.served_by import ServedBy

# More attempts of a call are not remembered, nor more of a name that somebody else chose.
MAX_ENDS = 32
MAX_NAME = 200
# A decision about more is not remembered without looking at its size.
FEW = 8
_STATUSES, _FAULT_STATUS = {GONE: 499, OUTRUN: 0}, 500
# A word, not a sentence: that might quote what the caller wrote.
_WORD = re.compile(r"[A-Za-z0-9_.:-]{1,64}")


class Failure(NamedTuple):
    """The cause of a bad end: reason and statuses, none of the words."""

    code: str
    http_status: int
    upstream_status: int = 0
    upstream_code: str = ""
    # How connecting failed.
    kind: str = ""


NO_FAILURE = Failure("", 0)


class AttemptEnd(msgspec.Struct, frozen=True, gc=False):
    """An attempt that has ended. Times are in seconds of the router's clock."""

    served_by: ServedBy
    began: float
    ended: float
    # How long the first event took, or the whole answer; zero where none came.
    first_event: float
    is_sent: bool
    upstream_request_id: str
    cost: int | None
    # None if it was answered in full.
    failure: Failure | None = None


class CallEnd(msgspec.Struct, gc=False):
    """A call that has ended, as far as it is remembered."""

    # Seconds since 1970, of its end.
    at: float
    # Seconds of the router's clock.
    started: float
    ended: float
    caller: CallerContext
    model: str
    operation: str
    is_streamed: bool = False
    capabilities: frozenset[str] = NOTHING
    # The revision of the configuration, and the decisions: as it was admitted, and as it went on
    # after a wait. None where it was refused before, or did not wait.
    revision: int = 0
    decision: Decision | None = None
    last_decision: Decision | None = None
    attempts: int = 0
    fallbacks: int = 0
    # Those that failed, and those that could not be made.
    trail: tuple[AttemptEnd, ...] = ()
    # The one that succeeded.
    answered: AttemptEnd | None = None
    # None if it was answered in full.
    failure: Failure | None = None
    # What all attempts read and wrote, as far as that is known.
    input_tokens: int = 0
    output_tokens: int = 0
    # The request's own.
    tags: tuple[str, ...] = ()
    # All of it as the contract has it, once that was written down; the decisions are gone then.
    record: bytes = b""


class PlainEnd(msgspec.Struct, gc=False):
    """A call that was answered as usual, as the least that says it.

    Thousands of them are kept, and each new one displaces the oldest, which no cache holds any
    more: every object of it costs as much as a step of the call. So what differs from call to call
    is one text of bytes, and what calls have in common is referred to.
    """

    caller: Caller
    peer: str
    certificate: str
    # As the table spells it, which is the same text for all calls of it.
    model: str
    operation: str
    is_streamed: bool
    capabilities: frozenset[str]
    revision: int
    # None once it refers to what is gone, and `record` says it.
    decision: Decision | None
    served_by: ServedBy
    # What is its own: facts, its id, and the provider's id of it.
    facts: bytes
    # The request's own.
    tags: tuple[str, ...] = ()
    record: bytes = b""

    def may_be(self, request_id: bytes) -> bool:
        """Return whether a request may be of an id."""
        return self.facts.startswith(request_id, FACTS_SIZE)

    def whole(self) -> CallEnd:
        """Return it as the end of any call."""
        (
            at,
            ended,
            started,
            began,
            answered,
            first_event,
            cost,
            read,
            written,
            has_cost,
            attempts,
            fallbacks,
            size,
        ) = unpack_facts(self.facts)
        request_id, own = (
            self.facts[FACTS_SIZE : FACTS_SIZE + size],
            self.facts[FACTS_SIZE + size :],
        )
        attempt = AttemptEnd(
            self.served_by,
            began,
            answered,
            first_event,
            is_sent=True,
            upstream_request_id=own.decode(),
            cost=cost if has_cost else None,
        )
        return CallEnd(
            at,
            started,
            ended,
            CallerContext(self.caller, request_id.decode(), self.peer, self.certificate),
            self.model,
            self.operation,
            self.is_streamed,
            self.capabilities,
            self.revision,
            self.decision,
            attempts=attempts,
            fallbacks=fallbacks,
            answered=attempt,
            input_tokens=read,
            output_tokens=written,
            tags=self.tags,
            record=self.record,
        )


class EndListener(NamedTuple):
    """Sees the end of each call, exactly once."""

    # Of a call that went as usual: it is on the way of each chat, so that it may do very little.
    plain: Callable[[PlainEnd], object]
    # Of any other.
    eventful: Callable[[CallEnd], object]


def failure_of(error: BaseException) -> Failure:
    """Return what may be remembered of an error."""
    if not isinstance(error, ConduitError):
        code = outcome_of(error)
        return Failure(code, _STATUSES.get(code, _FAULT_STATUS))
    said = error.metadata
    status = said.get("status", "")
    return Failure(
        error.reason,
        error.failure.http_status,
        int(status) if status.isdecimal() and len(status) <= len("599") else 0,
        _word(said.get("upstream_code", "")),
        _word(said.get("kind", "")),
    )


def failed_attempt(attempt: Attempt, ended: float, error: BaseException) -> AttemptEnd:
    """Return what an attempt did that has failed."""
    own = attempt.upstream_request_id
    if not own and isinstance(error, ConduitError):
        own = error.metadata.get("upstream_request_id", "")
    return AttemptEnd(
        attempt.served_by or attempt.key.serving(attempt.candidate),
        attempt.began,
        ended,
        attempt.waited,
        attempt.is_sent,
        own[:MAX_NAME],
        attempt.cost,
        failure_of(error),
    )


def answered_attempt(attempt: Attempt, ended: float) -> AttemptEnd:
    """Return what an attempt did that was answered."""
    return AttemptEnd(
        attempt.served_by or attempt.key.serving(attempt.candidate),
        attempt.began,
        ended,
        attempt.waited,
        is_sent=True,
        upstream_request_id=attempt.upstream_request_id[:MAX_NAME],
        cost=attempt.cost,
    )


def longer(
    trail: tuple[AttemptEnd, ...], attempt: Attempt, ended: float, error: BaseException
) -> tuple[AttemptEnd, ...]:
    """Return a trail with an attempt that has failed, unless it is long enough."""
    return (*trail, failed_attempt(attempt, ended, error)) if len(trail) < MAX_ENDS else trail


def tell(listeners: Iterable[EndListener], end: CallEnd, error: BaseException | None) -> None:
    """Tell of the end of a call that did not go as usual; its error, if it failed."""
    if error is not None:
        end.failure = failure_of(error)
    for listener in listeners:
        try:
            listener.eventful(end)
        except Exception:  # noqa: BLE001 # the call has ended, whatever listeners make of it
            structlog.get_logger("calls").exception("end_listener_failed")


def tell_refused(
    listeners: Iterable[EndListener],
    end: CallEnd,
    requirements: Requirements | None,
    error: ConduitError,
) -> None:
    """Tell of a call that was not admitted; its requirements may not be known."""
    if requirements is not None:
        end.model, end.is_streamed = requirements.model[:MAX_NAME], requirements.stream
        end.capabilities, end.tags = requirements.capabilities, requirements.tags
    tell(listeners, end, error)


def _word(text: str) -> str:
    return text if _WORD.fullmatch(text) else ""
