"""What calls may use while Billing cannot be asked, and what they are told where that is spent."""

from collections.abc import Callable
from math import inf
from typing import NamedTuple

from conduit_kernel.errors import ConduitError, RateLimited, ServiceUnavailable
from conduit_router.routing.policy import NO_USAGE_POLICY
from conduit_router.routing.table import Caller

MINUTE = 60.0
# How soon a call that was refused may come again.
RETRY_MS = 1000


class Outage(NamedTuple):
    """The rule by which a router goes on alone."""

    # How much a virtual key may use.
    allowance: Callable[[Caller], int]
    # The seconds after which it may use as much again.
    renews_after: float
    # What a call is told for which that is too little, by key, amount and seconds until then.
    refusal: Callable[[Caller, int, float], ConduitError]


def _budget_allowance(caller: Caller) -> int:
    return (caller.usage or NO_USAGE_POLICY).outage_allowance


def _budget_refusal(_caller: Caller, _amount: int, _seconds: float) -> ConduitError:
    return ServiceUnavailable(
        "Billing, which keeps the virtual key's budget, cannot be asked",
        service="billing",
        retry_after_ms=str(RETRY_MS),
    )


# Hard budgets are kept: what may be spent without Billing, the operator says.
BUDGET_OUTAGE = Outage(_budget_allowance, inf, _budget_refusal)


def quota_outage(metric: str, limit_of: Callable[[Caller], int], renews_after: float) -> Outage:
    """Return the rule for a limit: each router holds the whole of it against its own calls."""

    def refusal(caller: Caller, amount: int, seconds: float) -> ConduitError:
        what = metric.replace("_", " ")
        message = f"This virtual key's limit of {limit_of(caller):,} {what} has no room for this"
        wait = RETRY_MS if seconds == inf else max(1, int(seconds * 1000))
        return RateLimited(
            message,
            subject=f"virtual_key:{caller.virtual_key_id}",
            metric=metric,
            limit=str(limit_of(caller)),
            needed=str(amount),
            retry_after_ms=str(wait),
        )

    return Outage(limit_of, renews_after, refusal)
