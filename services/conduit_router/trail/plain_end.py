"""Tells of the end of a call that went as usual, on the way of each chat."""

from typing import Protocol

import structlog

from conduit_providers.operation import Requirements
from conduit_router.calls.runtime import CallRuntime
from conduit_router.context import CallerContext
from conduit_router.routing.attempt_plan import Attempt, AttemptPlan
from conduit_router.routing.decide import Decision
from conduit_router.trail.call_end import MAX_NAME, PlainEnd, pack_facts


class PlainCall(Protocol):
    """A call that went as usual."""

    runtime: CallRuntime
    requirements: Requirements
    caller: CallerContext
    decision: Decision
    revision: int
    plan: AttemptPlan
    started: float
    succeeded_at: float


def tell_plain(call: PlainCall, attempt: Attempt) -> None:
    """Tell of the end of a call, which an attempt has answered."""
    runtime, requirements, caller = call.runtime, call.requirements, call.caller
    route, plan, cost = runtime.table.routes.get(requirements.model), call.plan, attempt.cost
    name = caller.request_id.encode()
    facts = pack_facts(
        runtime.wall_clock(),
        runtime.clock(),
        call.started,
        attempt.began,
        call.succeeded_at,
        attempt.waited,
        0 if cost is None else cost,
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
    )
    for listener in runtime.end_listeners:
        try:
            listener.plain(end)
        except Exception:  # noqa: BLE001 # the call has ended, whatever listeners make of it
            structlog.get_logger("calls").exception("end_listener_failed")
