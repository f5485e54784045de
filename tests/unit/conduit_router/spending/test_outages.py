"""How routers go on without Billing."""

from math import inf

import pytest

from conduit_kernel.errors import RateLimited, ServiceUnavailable
from conduit_router.routing.policy import UsagePolicy
from conduit_router.routing.table import Caller
from conduit_router.spending.outages import BUDGET_OUTAGE, quota_outage

USAGE = UsagePolicy(has_budget=True, outage_allowance=7, requests=3)
CALLER = Caller(4, is_enabled=True, expires_at=1e18, allowed=None, usage=USAGE)


def test_budgets_are_spent_as_far_as_their_operator_allows() -> None:
    """For ever, as what was spent does not come back."""
    assert BUDGET_OUTAGE.allowance(CALLER) == 7
    assert BUDGET_OUTAGE.renews_after == inf
    assert isinstance(BUDGET_OUTAGE.refusal(CALLER, 9, inf), ServiceUnavailable)


@pytest.mark.parametrize(("seconds", "wait"), [(12.5, "12500"), (inf, "1000"), (0.0, "1")])
def test_each_router_holds_its_own_calls_to_the_whole_limit(seconds: float, wait: str) -> None:
    """And names it in what it refuses."""
    outage = quota_outage(
        "requests", lambda caller: caller.usage.requests if caller.usage else 0, 60
    )
    assert outage.allowance(CALLER) == 3
    refused = outage.refusal(CALLER, 1, seconds)
    assert isinstance(refused, RateLimited)
    assert refused.metadata == {
        "subject": "virtual_key:4",
        "metric": "requests",
        "limit": "3",
        "needed": "1",
        "retry_after_ms": wait,
    }
