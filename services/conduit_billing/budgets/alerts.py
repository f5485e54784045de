"""Reports budgets of which a share is spent, once for each share and period."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from conduit.v1.budget_pb2 import BudgetNotification
from conduit_billing.budgets.accounts import Balance, account_of
from conduit_billing.budgets.periods import HOUR_MICROS, Span
from conduit_billing.budgets.rules import PREPAID, BudgetRules, BudgetWindow
from conduit_billing.timestamps import MICRO, timestamp_of

LEVELS = (100, 90, 75, 50)
LOOK_SECONDS = 2.0
# How long it is taken for granted how a budget stands but for what was charged here: another
# process of Billing takes charges, too.
GRANTED_MICROS = 60 * MICRO
# Budgets that are read at a time.
PIECE = 100
# More that stand somewhere are looked at anew.
MAX_KNOWN = 100_000


class _Standing(NamedTuple):
    """A budget as it stood when it was read: how much may be spent before the next level."""

    read_at: int
    left: int


class BudgetAlerts:
    """Looks at the budgets of keys that were charged, and reports those that reached a level."""

    def __init__(
        self,
        rules: BudgetRules,
        read: Callable[[Sequence[BudgetWindow]], Awaitable[Mapping[BudgetWindow, Balance]]],
        report: Callable[[Sequence[BudgetNotification]], Awaitable[object]],
        clock: Callable[[], float],
    ) -> None:
        """Take the budgets, what reads how they stand, who is told, and a clock of seconds.

        Who is told tells each report once, however often it is made.
        """
        self._rules = rules
        self._read = read
        self._report = report
        self._clock = clock
        self._charged: Counter[int] = Counter()
        # By the code of a budget's account; and the levels that were reported, with their limit.
        self._standings: dict[str, _Standing] = {}
        self._reported: dict[str, tuple[int, int]] = {}
        # Set while there is something to look at.
        self.waiting = asyncio.Event()

    def note(self, costs: Iterable[tuple[int, int]]) -> None:
        """Note what virtual keys were charged."""
        for virtual_key_id, cost in costs:
            if virtual_key_id:
                self._charged[virtual_key_id] += cost
                self.waiting.set()

    def look_at(self, virtual_key_ids: Iterable[int]) -> None:
        """Have the budgets of these looked at, as after a start: nobody knows what was reported."""
        self.note((each, 0) for each in virtual_key_ids)

    async def look(self) -> None:
        """Report what has reached a level: a step of a loop.

        ServiceUnavailable, or an error of the RPC, if nobody can be told; it is tried again.
        """
        charged, self._charged = self._charged, Counter()
        due = self._due(charged, int(self._clock() * MICRO))
        try:
            for start in range(0, len(due), PIECE):
                await self._look_at(due[start : start + PIECE])
        except BaseException:
            for window in due:
                self._standings.pop(_key(window), None)
            self.note(charged.items())
            raise

    def _due(self, charged: Mapping[int, int], now: int) -> list[BudgetWindow]:
        """Return the budgets that may have reached a level."""
        costs = defaultdict[BudgetWindow, int](int)
        for virtual_key_id, cost in charged.items():
            for window in self._rules.windows(virtual_key_id, now):
                # Of what is paid in now and then no share is meant.
                if window.period != PREPAID:
                    costs[window] += cost
        due = []
        for window, cost in costs.items():
            code = _key(window)
            known = self._standings.get(code)
            if known is None or known.left <= cost or now - known.read_at > GRANTED_MICROS:
                due.append(window)
            else:
                self._standings[code] = known._replace(left=known.left - cost)
        return due

    async def _look_at(self, windows: Sequence[BudgetWindow]) -> None:
        balances, now = await self._read(windows), int(self._clock() * MICRO)
        reached = dict[str, tuple[int, int]]()
        told = list[BudgetNotification]()
        for window in windows:
            used, code = balances[window].spent, _key(window)
            level = next((each for each in LEVELS if used * 100 >= window.limit * each), 0)
            if level and self._reported.get(code) != (window.limit, level):
                reached[code] = window.limit, level
                told.append(_notification(window, level, used, now))
            if not level:
                # What is spent of the last hours gets less, too.
                self._reported.pop(code, None)
            above = [each for each in LEVELS if each > level]
            left = window.limit * min(above) // 100 - used if above else window.limit
            self._know(code, _Standing(now, left))
        if told:
            await self._report(told)
            self._reported |= reached

    def _know(self, code: str, standing: _Standing) -> None:
        if len(self._standings) >= MAX_KNOWN:
            self._standings.clear()
            self._reported.clear()
        self._standings[code] = standing


def _key(window: BudgetWindow) -> str:
    """Return the name of a budget in its period; of one over the last hours it is always one."""
    return window.owner.name + window.period if window.rolling_hours else account_of(window).code


def _notification(window: BudgetWindow, level: int, used: int, now: int) -> BudgetNotification:
    owner, period = window.owner, _told_in(window, now)
    return BudgetNotification(
        level=owner.level,
        owner_id=owner.virtual_key_id or owner.group_id,
        owner_name=owner.display_name,
        period=window.period,
        percent=level,
        limit_nano_usd=window.limit,
        used_nano_usd=used,
        starts_at=None if period.ends_at is None else timestamp_of(period.starts_at),
        resets_at=None if period.ends_at is None else timestamp_of(period.ends_at),
    )


def _told_in(window: BudgetWindow, now: int) -> Span:
    """Return the period in which each share is told of once."""
    if not window.rolling_hours:
        return Span(window.starts_at, window.ends_at)
    length = window.rolling_hours * HOUR_MICROS
    return Span(now // length * length, (now // length + 1) * length)
