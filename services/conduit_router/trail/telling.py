"""Tells of the end of a call; of one that went as usual, on the way of each chat, in less."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

import structlog

from conduit_kernel.request_facts import pack_facts
from conduit_providers.operation import AnyOperation, Requirements
from conduit_providers.quantities import INPUT_LEAVES, OUTPUT_LEAVES, Quantities
from conduit_router.calls.runtime import CallRuntime
from conduit_router.context import CallerContext
from conduit_router.routing.attempt_plan import Attempt, AttemptPlan
from conduit_router.routing.decide import Decision
from conduit_router.routing.health_view import HEALTHY
from conduit_router.trail.attempt_facts import observe_end
from conduit_router.trail.call_end import (
    FEW,
    MAX_NAME,
    AttemptEnd,
    CallEnd,
    EndListener,
    PlainEnd,
    answered_attempt,
    tell,
)


class EndedCall(Protocol):
    """A call that has ended."""

    runtime: CallRuntime
    operation: AnyOperation
    requirements: Requirements
    caller: CallerContext
    decision: Decision
    # As it was after a wait, None if there was none.
    last_decision: Decision | None
    revision: int
    plan: AttemptPlan
    # The attempts that are over; of these those that failed, and the one that did not.
    ended: tuple[Attempt, ...]
    trail: tuple[AttemptEnd, ...]
    succeeded: Attempt | None
    started: float
    succeeded_at: float


class EndedCalls:
    """Calls that have ended, for whoever takes them together: `come` is set by the first."""

    def __init__(self) -> None:
        self.plain: list[PlainEnd] = []
        self.others: list[CallEnd] = []
        self.come = asyncio.Event()
        self._is_told = False

    @property
    def listener(self) -> EndListener:
        """Return what hears of the calls' ends."""
        return EndListener(self._add_plain, self._add)

    def begin(self) -> None:
        """Have the next one set `come` again."""
        self._is_told = False

    def _add_plain(self, end: PlainEnd) -> None:
        self.plain.append(end)
        if not self._is_told:
            self._tell()

    def _add(self, end: CallEnd) -> None:
        self.others.append(end)
        if not self._is_told:
            self._tell()

    def _tell(self) -> None:
        self._is_told = True
        self.come.set()


def tell_end(call: EndedCall, error: BaseException | None) -> None:
    """Tell of the end of a call, which is an error unless an attempt has answered."""
    decision, made = call.decision, call.succeeded
    # One that outlasted its configuration refers to what may be gone.
    is_usual = error is None and call.revision == call.runtime.table.revision
    is_plain = is_usual and decision.health is HEALTHY and not call.trail
    is_short = len(decision.candidates) + len(decision.rejections) <= FEW
    if is_plain and call.last_decision is None and made is not None and is_short:
        _tell_plain(call, made)
    else:
        _tell_all(call, error)
    for observer in call.runtime.observers:
        observe_end(observer, call)


def _tell_all(call: EndedCall, error: BaseException | None) -> None:
    runtime, requirements, made = call.runtime, call.requirements, call.succeeded
    try:
        read, written = _tokens(call.ended)
    except Exception:  # noqa: BLE001 # a fault of ours may be the very end that is told
        read = written = 0
    end = CallEnd(
        at=runtime.wall_clock(),
        started=call.started,
        ended=runtime.clock(),
        caller=call.caller,
        model=requirements.model,
        operation=requirements.operation,
        is_streamed=requirements.stream,
        capabilities=requirements.capabilities,
        revision=call.revision,
        decision=call.decision,
        last_decision=call.last_decision,
        attempts=call.plan.attempts,
        fallbacks=call.plan.fallbacks,
        trail=call.trail,
        answered=None if made is None else answered_attempt(made, call.succeeded_at),
        input_tokens=read,
        output_tokens=written,
        tags=requirements.tags,
    )
    tell(runtime.end_listeners, end, error)


def _tell_plain(call: EndedCall, attempt: Attempt) -> None:
    runtime, requirements, caller = call.runtime, call.requirements, call.caller
    route, plan, cost = runtime.table.routes.get(requirements.model), call.plan, attempt.cost
    name = caller.request_id.encode()
    used = attempt.consumption
    read, written = (0, 0) if used is None else read_and_written(used.usage)
    facts = pack_facts(
        runtime.wall_clock(),
        runtime.clock(),
        call.started,
        attempt.began,
        call.succeeded_at,
        attempt.waited,
        0 if cost is None else cost,
        read,
        written,
        cost is not None,
        plan.attempts,
        plan.fallbacks,
        len(name),
    )
    end = PlainEnd(
        caller.caller,
        caller.peer,
        caller.certificate,
        requirements.model if route is None else route.alias,
        requirements.operation,
        requirements.stream,
        requirements.capabilities,
        call.revision,
        call.decision,
        attempt.served_by or attempt.key.serving(attempt.candidate),
        facts + name + attempt.upstream_request_id[:MAX_NAME].encode(),
        requirements.tags,
    )
    for listener in runtime.end_listeners:
        try:
            listener.plain(end)
        except Exception:  # noqa: BLE001 # the call has ended, whatever listeners make of it
            structlog.get_logger("calls").exception("end_listener_failed")


def read_and_written(usage: Quantities) -> tuple[int, int]:
    """Return how many tokens an attempt read and wrote, of all kinds."""
    read = written = 0
    for unit, count in usage.leaves:
        if unit in INPUT_LEAVES:
            read += count
        elif unit in OUTPUT_LEAVES:
            written += count
    return read, written


def _tokens(attempts: Sequence[Attempt]) -> tuple[int, int]:
    """Return how many tokens attempts read and wrote, as far as that is known."""
    read = written = 0
    for attempt in attempts:
        if attempt.consumption is not None:
            more_read, more_written = read_and_written(attempt.consumption.usage)
            read, written = read + more_read, written + more_written
    return read, written
