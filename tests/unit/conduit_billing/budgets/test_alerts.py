"""Which budgets are reported as spent to a share, and how often they are looked at."""

from collections.abc import Mapping, Sequence

import pytest

from conduit.internal.v1.snapshot_pb2 import Snapshot, SnapshotVirtualKey
from conduit.v1.budget_pb2 import (
    BUDGET_PERIOD_DAY,
    BUDGET_PERIOD_ROLLING,
    BUDGET_PERIOD_TOTAL,
    Budget,
    BudgetNotification,
)
from conduit.v1.virtual_key_group_pb2 import VirtualKeyGroup
from conduit.v1.virtual_key_pb2 import VirtualKey
from conduit_billing.budgets.accounts import Balance
from conduit_billing.budgets.alerts import BudgetAlerts
from conduit_billing.budgets.rules import BudgetRules, BudgetWindow
from conduit_kernel.errors import ServiceUnavailable
from conduit_kernel.snapshot import SnapshotState

# 2026-11-23T12:00:00Z.
NOON = 1_795_435_200.0
DAY_SECONDS = 86_400


class Bench:
    """The budgets of two keys in a group; what is spent is what the test says."""

    def __init__(self, day: Budget | None = None) -> None:
        day = day or Budget(limit_nano_usd=1_000, period=BUDGET_PERIOD_DAY)
        whole = Budget(limit_nano_usd=10_000, period=BUDGET_PERIOD_TOTAL)
        keys = [
            SnapshotVirtualKey(virtual_key=VirtualKey(id=4, name="bot", budgets=[day], group_id=2)),
            SnapshotVirtualKey(virtual_key=VirtualKey(id=5, name="free", group_id=2)),
            SnapshotVirtualKey(virtual_key=VirtualKey(id=6, name="without")),
        ]
        group = VirtualKeyGroup(id=2, name="team", is_enabled=True, budgets=[whole])
        source = Snapshot(epoch="e", virtual_keys=keys, virtual_key_groups=[group])
        self.rules = BudgetRules(SnapshotState.of(source))
        self.now = NOON
        self.own = f"rolling-{day.rolling_hours}h" if day.rolling_hours else "day"
        self.spent = {self.own: 0, "total": 0}
        self.reads = 0
        self.is_away = False
        self.told: list[tuple[str, str, int]] = []
        self.periods: list[tuple[int, int]] = []
        self.alerts = self.started()

    def started(self) -> BudgetAlerts:
        """Return those of a process that has just begun."""
        return BudgetAlerts(self.rules, self._read, self._report, lambda: self.now)

    async def charge(self, cost: int, key: int = 4) -> list[tuple[str, str, int]]:
        """Let a key be charged; return what is told of it."""
        self.spent["total"] += cost
        self.spent[self.own] += cost if key == 4 else 0
        self.alerts.note([(key, cost)])
        return await self.look()

    async def look(self) -> list[tuple[str, str, int]]:
        """Return what is told now: whose budget, which, and the share."""
        await self.alerts.look()
        told, self.told = self.told, []
        return told

    async def _read(self, windows: Sequence[BudgetWindow]) -> Mapping[BudgetWindow, Balance]:
        self.reads += len(windows)
        return {
            w: Balance(w.limit - self.spent[w.period], 0, self.spent[w.period]) for w in windows
        }

    async def _report(self, budgets: Sequence[BudgetNotification]) -> None:
        if self.is_away:
            raise ServiceUnavailable("away", service="health")
        self.told += [(each.owner_name, each.period, each.percent) for each in budgets]
        self.periods += [(each.starts_at.seconds, each.resets_at.seconds) for each in budgets]


async def test_each_share_is_reported_as_it_is_reached() -> None:
    """Of the key's budget and of its group's; of shares passed at once the highest alone."""
    bench = Bench()
    assert await bench.charge(499) == []
    assert await bench.charge(1) == [("bot", "day", 50)]
    assert await bench.charge(450) == [("bot", "day", 90)]
    assert await bench.charge(10) == []
    assert await bench.charge(1_000) == [("bot", "day", 100)]
    assert await bench.charge(5_000, key=5) == [("team", "total", 50)]
    assert await bench.charge(5, key=6) == []


async def test_a_period_that_begins_anew_is_told_of_anew() -> None:
    """Its budget is another one."""
    bench = Bench()
    assert await bench.charge(600) == [("bot", "day", 50)]
    bench.now += DAY_SECONDS
    bench.spent["day"] = 0
    assert await bench.charge(600) == [("bot", "day", 50)]


async def test_what_was_reached_while_nobody_looked_is_reported_after_a_start() -> None:
    """Whether it was told before, only who tells knows."""
    bench = Bench()
    await bench.charge(760)
    bench.alerts = bench.started()
    bench.alerts.look_at(bench.rules.budgeted())
    assert await bench.look() == [("bot", "day", 75)]
    assert [*bench.rules.budgeted()] == [4, 5]


async def test_what_could_not_be_told_is_told_later() -> None:
    """Whatever was charged, and read, meanwhile."""
    bench = Bench()
    bench.is_away = True
    with pytest.raises(ServiceUnavailable):
        await bench.charge(500)
    bench.is_away = False
    assert bench.alerts.waiting.is_set()
    assert await bench.look() == [("bot", "day", 50)]


async def test_a_budget_is_read_where_it_may_have_reached_a_share_and_now_and_then() -> None:
    """Not for each charge: others may be charged elsewhere, so not never."""
    bench = Bench()
    await bench.charge(100)
    reads = bench.reads
    for _ in range(30):
        await bench.charge(10)
    assert bench.reads == reads
    bench.now += 61
    await bench.charge(10)
    assert bench.reads == reads + 2


async def test_a_budget_over_the_last_hours_is_one_budget() -> None:
    """Whichever part of them it is; each share may be told again once it was less, in its time."""
    rolling = Budget(limit_nano_usd=1_000, period=BUDGET_PERIOD_ROLLING, rolling_hours=24)
    bench = Bench(rolling)
    assert await bench.charge(500) == [("bot", "rolling-24h", 50)]
    # The period in which who tells does so once.
    midnight = int(NOON // DAY_SECONDS * DAY_SECONDS)
    assert bench.periods == [(midnight, midnight + DAY_SECONDS)]
    bench.now += 2 * 3_600
    assert await bench.charge(1) == []
    bench.now += DAY_SECONDS
    bench.spent["rolling-24h"] = 0
    assert await bench.charge(10) == []
    assert await bench.charge(490) == [("bot", "rolling-24h", 50)]
    assert bench.periods[-1] == (midnight + DAY_SECONDS, midnight + 2 * DAY_SECONDS)
