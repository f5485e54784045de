"""The budgets that a virtual key's calls are paid from, as the Registry has them."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from conduit.v1.budget_pb2 import BUDGET_PERIOD_TOTAL, Budget, BudgetPeriod
from conduit.v1.virtual_key_pb2 import VirtualKey
from conduit_billing.budgets.periods import span_at
from conduit_kernel.errors import ServiceUnavailable
from conduit_kernel.snapshot import SnapshotState

_UTC = ZoneInfo("UTC")


class BudgetWindow(NamedTuple):
    """A budget in one of its periods: an account of what is left of it."""

    # Such as `virtual-key:4`.
    owner: str
    # As people and errors name it: `day`, `week`, `month`, `total`.
    period: str
    starts_at: int
    # None for what never ends.
    ends_at: int | None
    limit: int
    is_hard: bool
    # The virtual keys that spend it.
    members: tuple[int, ...]

    @property
    def name(self) -> str:
        """Return the part of its account's code that names it."""
        return f"{self.period}:{self.starts_at // 1_000_000}"


class BudgetRules:
    """Knows the budgets of virtual keys."""

    def __init__(self, state: SnapshotState) -> None:
        """Take the Registry's state."""
        self._state = state

    def windows(self, virtual_key_id: int, at: int) -> tuple[BudgetWindow, ...]:
        """Return the budgets of a virtual key in their periods at a moment; none if it has none."""
        entry = self._state.virtual_keys.get(virtual_key_id)
        if entry is None:
            return ()
        owner, members = f"virtual-key:{virtual_key_id}", (virtual_key_id,)
        budgets = _budgets_of(entry.virtual_key)
        return tuple(_window(owner, budget, members, at) for budget in budgets)

    def must_be_known(self) -> None:
        """Raise ServiceUnavailable before the Registry has reported anything."""
        if not self._state.is_known:
            message = "Billing does not know the budgets yet"
            raise ServiceUnavailable(message, service="billing", retry_after_ms="1000")


def _budgets_of(key: VirtualKey) -> Iterable[Budget]:
    yield from key.budgets
    if key.HasField("budget_nano_usd"):
        yield Budget(limit_nano_usd=key.budget_nano_usd, period=BUDGET_PERIOD_TOTAL)


def _window(owner: str, budget: Budget, members: tuple[int, ...], at: int) -> BudgetWindow:
    span = span_at(budget.period, _zone(budget.time_zone), at)
    name = BudgetPeriod.Name(budget.period).removeprefix("BUDGET_PERIOD_").lower()
    is_hard = budget.is_hard if budget.HasField("is_hard") else True
    return BudgetWindow(owner, name, *span, budget.limit_nano_usd, is_hard, members)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name) if name else _UTC
    except (ZoneInfoNotFoundError, ValueError):
        # The Registry knew it; a database of another version may not.
        return _UTC


def hard(windows: Iterable[BudgetWindow]) -> Iterator[BudgetWindow]:
    """Yield the budgets that calls must not exceed."""
    return (window for window in windows if window.is_hard)
