"""Which budgets a virtual key's calls are paid from."""

import pytest

from conduit.internal.v1.snapshot_pb2 import Snapshot, SnapshotVirtualKey
from conduit.v1 import budget_pb2 as pb
from conduit.v1.virtual_key_pb2 import VirtualKey
from conduit_billing.budgets.rules import BudgetRules, hard
from conduit_kernel.errors import ServiceUnavailable
from conduit_kernel.snapshot import SnapshotState

# 2026-11-23T12:00:00Z, a Monday.
AT = 1_795_435_200_000_000


def rules(*budgets: pb.Budget, total: int | None = None) -> BudgetRules:
    """Return the rules of a virtual key with some budgets."""
    key = VirtualKey(id=4, budgets=budgets, budget_nano_usd=total)
    entry = SnapshotVirtualKey(virtual_key=key)
    return BudgetRules(SnapshotState.of(Snapshot(epoch="e", virtual_keys=[entry])))


def test_each_budget_has_a_window_in_its_period() -> None:
    """Named for its owner, its period and when that began."""
    day = pb.Budget(limit_nano_usd=5, period=pb.BUDGET_PERIOD_DAY)
    month = pb.Budget(limit_nano_usd=9, period=pb.BUDGET_PERIOD_MONTH, is_hard=False)
    first, second = rules(day, month).windows(4, AT)
    assert (first.owner.name, first.name, first.limit) == ("virtual-key:4", "day:1795392000", 5)
    assert second.name == "month:1793491200"
    assert [*hard((first, second))] == [first]


def test_the_budget_in_all_is_hard_and_never_ends() -> None:
    """It is the shorter way to say so."""
    (window,) = rules(total=7).windows(4, AT)
    assert (window.period, window.limit, window.ends_at, window.is_hard) == ("total", 7, None, True)


def test_a_budget_over_the_last_hours_has_a_window_for_each_part() -> None:
    """Those that count in it reach back as long as it is, and to a part's beginning."""
    budget = pb.Budget(limit_nano_usd=5, period=pb.BUDGET_PERIOD_ROLLING, rolling_hours=24)
    (window,) = rules(budget).windows(4, AT)
    assert (window.period, window.rolling_hours, window.is_hard) == ("rolling-24h", 24, True)
    parts = window.parts()
    assert (len(parts), parts[-1]) == (25, window)
    hour = 3_600_000_000
    assert [each.starts_at for each in parts] == [
        window.starts_at - back * hour for back in range(24, -1, -1)
    ]
    assert len({each.name for each in parts}) == 25
    assert window.whole_at == window.starts_at + 25 * hour


def test_a_budget_of_the_calendar_is_its_own_part() -> None:
    """It is whole again when its period ends."""
    (window,) = rules(pb.Budget(limit_nano_usd=5, period=pb.BUDGET_PERIOD_DAY)).windows(4, AT)
    assert window.parts() == (window,)
    assert window.whole_at == window.ends_at


def test_a_key_without_budgets_has_none() -> None:
    """Nor has one that nobody knows."""
    assert rules().windows(4, AT) == rules(total=7).windows(5, AT) == ()


def test_a_zone_that_this_machine_does_not_know_is_utc() -> None:
    """Charges must count, whatever was configured by a machine that knew more."""
    odd = pb.Budget(limit_nano_usd=5, period=pb.BUDGET_PERIOD_DAY, time_zone="Mars/Olympus")
    (window,) = rules(odd).windows(4, AT)
    assert window.name == "day:1795392000"


def test_nothing_is_known_before_the_registry_spoke() -> None:
    """Then a key without budgets is none yet: the call is put off rather than let through."""
    with pytest.raises(ServiceUnavailable):
        BudgetRules(SnapshotState()).must_be_known()
    rules().must_be_known()


def test_the_group_of_a_key_is_the_one_that_it_is_in() -> None:
    """None for one that is in none, and for one that nobody knows."""
    entries = [
        SnapshotVirtualKey(virtual_key=VirtualKey(id=4, group_id=7)),
        SnapshotVirtualKey(virtual_key=VirtualKey(id=5)),
    ]
    known = BudgetRules(SnapshotState.of(Snapshot(epoch="e", virtual_keys=entries)))
    assert [known.group_of(number) for number in (4, 5, 6)] == [7, 0, 0]
