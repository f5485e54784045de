"""Reserves for calls of keys with a hard budget, before they ask anybody."""

from conduit_router.calls.call_scope import CallScope


async def reserve(scope: CallScope) -> None:
    """Reserve what a call needs of its virtual key's budgets, for which it may have to wait.

    BudgetExceeded if there is no room for it, ServiceUnavailable if nobody can say, CostUnknown if
    that is what it is.
    """
    scope.note_need(scope.decision)
    if not scope.needed:
        return
    budgets, caller = scope.runtime.budgets, scope.caller.caller
    scope.reservation = budgets.reserve(caller, scope.needed)
    if scope.reservation is None:
        clock = scope.runtime.clock
        began, left = clock(), scope.left()
        scope.reservation = await budgets.acquire(caller, scope.needed, left)
        scope.waited += clock() - began
