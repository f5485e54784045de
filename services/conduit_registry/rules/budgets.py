"""What makes right budgets."""

from collections.abc import Sequence
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from conduit.v1.budget_pb2 import BUDGET_PERIOD_ROLLING, BUDGET_PERIOD_TOTAL, BudgetPeriod
from conduit.v1.budget_pb2 import Budget as BudgetMessage
from conduit_kernel import limits
from conduit_kernel.errors import InvalidRequest
from conduit_registry.patches import VirtualKeyPatch
from conduit_registry.values import Budget, VirtualKey

_PERIODS = frozenset(BudgetPeriod.values()) - {0}


def budgets(given: Sequence[BudgetMessage]) -> tuple[Budget, ...]:
    """Return budgets, at most one of each period, in the order of their periods.

    Of those over the last hours there may be several, each of other hours.
    """
    found = [_budget(each, f"budgets[{number}]") for number, each in enumerate(given)]
    periods = [(each.period, each.rolling_hours) for each in found]
    if len(set(periods)) < len(periods):
        raise InvalidRequest("budgets may have one budget of each period", field="budgets")
    return tuple(sorted(found, key=lambda each: (each.period, each.rolling_hours)))


def check_budgets(old: VirtualKey | None, given: VirtualKeyPatch) -> None:
    """Check what a virtual key's budgets come to: `budget` is one in all, so there is no other."""
    total = given.get("budget_nano_usd", old.budget_nano_usd if old else None)
    others = given.get("budgets", old.budgets if old else ())
    if total is not None and any(each.period == BUDGET_PERIOD_TOTAL for each in others):
        message = "budget is a budget in all; budgets may not have another one"
        raise InvalidRequest(message, field="budgets")


def _budget(given: BudgetMessage, field: str) -> Budget:
    limit = limits.number_of(given, "limit_nano_usd", field)
    if given.period not in _PERIODS:
        message = f"{field}.period must be Day, Week, Month, Total or Rolling"
        raise InvalidRequest(message, field=f"{field}.period")
    hours = limits.number_of(given, "rolling_hours", field)
    if bool(hours) != (given.period == BUDGET_PERIOD_ROLLING):
        message = f"{field}.rollingHours says how many hours a Rolling budget is of, and no other"
        raise InvalidRequest(message, field=f"{field}.rollingHours")
    is_hard = given.is_hard if given.HasField("is_hard") else True
    zone = limits.text_of(given, "time_zone", field)
    if zone and not _is_zone(zone):
        message = f"{field}.timeZone must be a name such as Europe/Berlin, not {zone!r}"
        raise InvalidRequest(message, field=f"{field}.timeZone")
    return Budget(limit, given.period, is_hard, zone, hours)


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True
