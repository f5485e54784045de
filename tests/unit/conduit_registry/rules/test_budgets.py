"""Which budgets a virtual key may have."""

from typing import Any

import pytest

from conduit.v1 import budget_pb2 as pb
from conduit_kernel.errors import InvalidRequest
from conduit_registry.rules.budgets import budgets, check_budgets
from conduit_registry.values import Budget, VirtualKey

DAY, TOTAL = pb.BUDGET_PERIOD_DAY, pb.BUDGET_PERIOD_TOTAL
ROLLING = pb.BUDGET_PERIOD_ROLLING


def made(**fields: Any) -> pb.Budget:  # noqa: ANN401 # whichever a test names
    """Return a budget of five thousand nano-dollars a day."""
    return pb.Budget(**{"limit_nano_usd": 5_000, "period": DAY, **fields})


def test_budgets_are_in_the_order_of_their_periods() -> None:
    """Hard, and by UTC, where they do not say otherwise."""
    given = [made(period=TOTAL, is_hard=False), made(time_zone="Europe/Berlin")]
    assert budgets(given) == (
        Budget(5_000, DAY, True, "Europe/Berlin"),  # noqa: FBT003 # a value's fields
        Budget(5_000, TOTAL, False),  # noqa: FBT003 # as above
    )


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"limit_nano_usd": 0}, "budgets[1].limitUsd"),
        ({"limit_nano_usd": 10**15 + 1}, "budgets[1].limitUsd"),
        ({"period": 0}, "budgets[1].period"),
        ({"period": 99}, "budgets[1].period"),
        ({"time_zone": "Mars/Olympus"}, "budgets[1].timeZone"),
        ({"time_zone": "../../etc/passwd"}, "budgets[1].timeZone"),
        ({"time_zone": "a" * 65}, "budgets[1].timeZone"),
        ({"rolling_hours": 24}, "budgets[1].rollingHours"),
        ({"period": ROLLING}, "budgets[1].rollingHours"),
        ({"period": ROLLING, "rolling_hours": -1}, "budgets[1].rollingHours"),
        ({"period": ROLLING, "rolling_hours": 8_785}, "budgets[1].rollingHours"),
        ({}, "budgets"),
    ],
)
def test_a_budget_that_cannot_be_is_refused(fields: dict[str, Any], field: str) -> None:
    """The error names the field; two of one period are one too many."""
    with pytest.raises(InvalidRequest) as caught:
        budgets([made(), made(**fields)])
    assert caught.value.metadata["field"] == field


def test_there_may_be_several_over_the_last_hours() -> None:
    """Each of other hours, in their order."""
    given = [made(period=ROLLING, rolling_hours=hours) for hours in (720, 24)]
    assert [each.rolling_hours for each in budgets(given)] == [24, 720]
    with pytest.raises(InvalidRequest, match="one budget of each period"):
        budgets([given[0], given[0]])


def test_there_is_one_budget_in_all() -> None:
    """`budget` is one: beside it, or beside what the key has already, there is no other."""
    total, day = Budget(5, TOTAL), Budget(5, DAY)
    check_budgets(None, {"budget_nano_usd": 5, "budgets": (day,)})
    check_budgets(VirtualKey(name="k", budget_nano_usd=5), {"budgets": (day,)})
    check_budgets(
        VirtualKey(name="k", budget_nano_usd=5), {"budget_nano_usd": None, "budgets": (total,)}
    )
    for old, given in (
        (None, {"budget_nano_usd": 5, "budgets": (total,)}),
        (VirtualKey(name="k", budget_nano_usd=5), {"budgets": (total,)}),
        (VirtualKey(name="k", budgets=(total,)), {"budget_nano_usd": 5}),
    ):
        with pytest.raises(InvalidRequest):
            check_budgets(old, given)  # type: ignore[arg-type] # a patch
