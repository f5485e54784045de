"""The budgets that a virtual key's calls are paid from, as the Registry has them."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from conduit.v1.budget_pb2 import BUDGET_PERIOD_TOTAL, Budget, BudgetPeriod
from conduit.v1.virtual_key_group_pb2 import VirtualKeyGroup
from conduit.v1.virtual_key_pb2 import VirtualKey
from conduit_billing.budgets.periods import ALWAYS, HOUR_MICROS, rolling_span_at, span_at
from conduit_kernel.errors import InvalidRequest, ServiceUnavailable
from conduit_kernel.not_found_errors import VirtualKeyGroupNotFound
from conduit_kernel.snapshot import SnapshotState

_UTC = ZoneInfo("UTC")
PREPAID = "prepaid"


class Owner(NamedTuple):
    """The virtual key, or the group of such, whose budget it is."""

    # Such as `virtual-key:4`.
    name: str
    # As people say it, with whose budget it is.
    label: str
    # The state that knows who is in a group.
    state: SnapshotState
    virtual_key_id: int = 0
    group_id: int = 0

    @property
    def level(self) -> str:
        """Return whether it is a key, a group, or all, as their holders are told."""
        group = self.state.virtual_key_groups.get(self.group_id)
        return "virtual_key" if group is None else "all" if group.covers_all else "group"

    @property
    def display_name(self) -> str:
        """Return the name that its operator gave it; empty if it is gone."""
        if self.virtual_key_id:
            entry = self.state.virtual_keys.get(self.virtual_key_id)
            return "" if entry is None else entry.virtual_key.name
        group = self.state.virtual_key_groups.get(self.group_id)
        return "" if group is None else group.name

    def members(self) -> tuple[int, ...] | None:
        """Return the virtual keys that spend it; None for all."""
        if self.virtual_key_id:
            return (self.virtual_key_id,)
        group = self.state.virtual_key_groups.get(self.group_id)
        if group is None:
            return ()
        return None if group.covers_all else self.state.members_of(group)


class BudgetWindow(NamedTuple):
    """A budget in one of its periods: an account of what is left of it."""

    owner: Owner
    # As people and errors name it: `day`, `week`, `month`, `total`, `rolling-24h`; `prepaid` for
    # what was paid in.
    period: str
    starts_at: int
    # None for what never ends.
    ends_at: int | None
    # Zero of what was paid in, which its balance knows.
    limit: int
    is_hard: bool
    # Of a budget over the last hours: how many. The window is then the present part of them.
    rolling_hours: int = 0

    @property
    def whole_at(self) -> int | None:
        """Return when it is whole again if nothing more is spent; None for what never is."""
        return None if self.ends_at is None else self.ends_at + self.rolling_hours * HOUR_MICROS

    def parts(self) -> tuple["BudgetWindow", ...]:
        """Return the windows whose spending counts in it, oldest first; it is the last one."""
        if not self.rolling_hours or self.ends_at is None:
            return (self,)
        part = self.ends_at - self.starts_at
        # The first one holds the moment so many hours before this one's beginning.
        count = -(-self.rolling_hours * HOUR_MICROS // part)
        starts = range(self.starts_at - count * part, self.ends_at, part)
        return tuple(self._replace(starts_at=at, ends_at=at + part) for at in starts)

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
        """Return the budgets that a virtual key spends, in their periods at a moment."""
        entry = self._state.virtual_keys.get(virtual_key_id)
        if entry is None:
            return ()
        key = entry.virtual_key
        own = Owner(f"virtual-key:{key.id}", "The virtual key's", self._state, key.id)
        windows = [_window(own, budget, at) for budget in _budgets_of(key)]
        for group in self._state.groups_of(key):
            owner = _owner(group, self._state)
            windows += [_window(owner, budget, at) for budget in group.budgets]
            if group.is_prepaid:
                windows.append(_prepaid(owner))
        return tuple(windows)

    def budgeted(self) -> Iterator[int]:
        """Yield the virtual keys that have a budget of their own, or one of a group's."""
        for number, entry in self._state.virtual_keys.items():
            key = entry.virtual_key
            has_own = bool(key.budgets) or key.HasField("budget_nano_usd")
            if has_own or any(group.budgets for group in self._state.groups_of(key)):
                yield number

    def group_of(self, virtual_key_id: int) -> int:
        """Return the group that a virtual key is in; 0 for none."""
        entry = self._state.virtual_keys.get(virtual_key_id)
        return 0 if entry is None else entry.virtual_key.group_id

    def prepaid(self, group_id: int) -> BudgetWindow:
        """Return the balance of a group.

        VirtualKeyGroupNotFound if there is none; InvalidRequest if it is not prepaid.
        """
        group = self._state.virtual_key_groups.get(group_id)
        if group is None:
            message = f"Virtual key group with ID {group_id} not found"
            raise VirtualKeyGroupNotFound(message, virtual_key_group_id=str(group_id))
        if not group.is_prepaid:
            message = f"The group {group.name!r} is not prepaid"
            raise InvalidRequest(message, field="virtualKeyGroupId")
        return _prepaid(_owner(group, self._state))

    def must_be_known(self) -> None:
        """Raise ServiceUnavailable before the Registry has reported anything."""
        if not self._state.is_known:
            message = "Billing does not know the budgets yet"
            raise ServiceUnavailable(message, service="billing", retry_after_ms="1000")


def _owner(group: VirtualKeyGroup, state: SnapshotState) -> Owner:
    label = f"The group {group.name}'s"
    return Owner(f"virtual-key-group:{group.id}", label, state, 0, group.id)


def _prepaid(owner: Owner) -> BudgetWindow:
    return BudgetWindow(owner, PREPAID, ALWAYS.starts_at, None, 0, is_hard=True)


def _budgets_of(key: VirtualKey) -> Iterable[Budget]:
    yield from key.budgets
    if key.HasField("budget_nano_usd"):
        yield Budget(limit_nano_usd=key.budget_nano_usd, period=BUDGET_PERIOD_TOTAL)


def _window(owner: Owner, budget: Budget, at: int) -> BudgetWindow:
    if hours := budget.rolling_hours:
        span, name = rolling_span_at(hours, at), f"rolling-{hours}h"
        return BudgetWindow(owner, name, *span, budget.limit_nano_usd, _is_hard(budget), hours)
    span = span_at(budget.period, _zone(budget.time_zone), at)
    name = BudgetPeriod.Name(budget.period).removeprefix("BUDGET_PERIOD_").lower()
    return BudgetWindow(owner, name, *span, budget.limit_nano_usd, _is_hard(budget))


def _is_hard(budget: Budget) -> bool:
    return budget.is_hard if budget.HasField("is_hard") else True


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name) if name else _UTC
    except (ZoneInfoNotFoundError, ValueError):
        # The Registry knew it; a database of another version may not.
        return _UTC


def hard(windows: Iterable[BudgetWindow]) -> Iterator[BudgetWindow]:
    """Yield the budgets that calls must not exceed."""
    return (window for window in windows if window.is_hard)
