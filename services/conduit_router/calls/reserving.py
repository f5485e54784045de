"""Reserves for calls of keys whose use is limited, before they ask anybody."""

from conduit_router.calls.call_scope import CallScope
from conduit_router.calls.needed_tokens import needed_tokens
from conduit_router.routing.policy import UsagePolicy


async def reserve(scope: CallScope) -> None:
    """Reserve what a call may use of its virtual key's budgets and limits; it may have to wait.

    BudgetExceeded or RateLimited if there is no room for it, ServiceUnavailable if nobody can say,
    CostUnknown if that is what it is.
    """
    usage = scope.caller.caller.usage
    if usage is None:
        return
    if usage.is_limited:
        await _take_quotas(scope, usage)
    if usage.has_budget:
        await _reserve_cost(scope)
    if scope.quotas is not None:
        scope.quotas.begin()


async def _take_quotas(scope: CallScope, usage: UsagePolicy) -> None:
    runtime, caller, needed = scope.runtime, scope.caller.caller, 0
    if usage.tokens:
        said = scope.requirements, scope.decision
        needed = needed_tokens(runtime.recorder.prices, scope.worst_case, *said)
    began = runtime.clock()
    scope.quotas = runtime.quotas.at_hand(caller, usage, needed, began)
    if scope.quotas is None:
        scope.quotas = await runtime.quotas.take(caller, usage, needed, scope.left())
        scope.waited += runtime.clock() - began


async def _reserve_cost(scope: CallScope) -> None:
    scope.note_need(scope.decision)
    if not scope.needed:
        return
    budgets, caller, clock = scope.runtime.budgets, scope.caller.caller, scope.runtime.clock
    began = clock()
    scope.reservation = budgets.reserve(caller, scope.needed, began)
    if scope.reservation is None:
        scope.reservation = await budgets.acquire(caller, scope.needed, scope.left())
        scope.waited += clock() - began
