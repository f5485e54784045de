"""Budgets over the last hours on both databases: what was spent so long ago comes back."""

import random
from collections.abc import AsyncIterator

import pytest
from tests.integration.billing.conftest import Bench
from tests.support.budgets import MICRO, BudgetBench

from conduit.v1 import budget_pb2 as pb
from conduit_billing.bootstrap import MIGRATIONS, SERVICE
from conduit_billing.budgets.accounts import Balance, present_balances
from conduit_billing.budgets.lease_store import LEASE_MICROS
from conduit_kernel.database import open_database, reader
from conduit_kernel.errors import BudgetExceeded

HOUR = 3_600 * MICRO
DAY = 24 * HOUR


def rolling(limit: int, hours: int = 24, *, is_hard: bool = True) -> pb.Budget:
    """Return a budget over the last hours."""
    return pb.Budget(
        limit_nano_usd=limit,
        period=pb.BUDGET_PERIOD_ROLLING,
        rolling_hours=hours,
        is_hard=is_hard,
    )


@pytest.fixture
async def budgets(bench: Bench) -> AsyncIterator[BudgetBench]:
    """Return a ledger with its leases, at the beginning of an hour."""
    engine = await open_database(bench.settings, SERVICE, MIGRATIONS)
    made = BudgetBench(engine)
    made.now = made.now // HOUR * HOUR
    yield made
    await engine.dispose()


async def spend(budgets: BudgetBench, cost: int) -> None:
    """Make a call that costs so much, from its lease to its charge."""
    lease = await budgets.acquire(cost)
    await budgets.record(budgets.charge(cost, lease))
    await budgets.leases.release(lease.id, cost, budgets.now)


async def present(budgets: BudgetBench) -> list[Balance]:
    """Return how the budgets stand, as reports read it."""
    windows = budgets.windows()
    async with reader(budgets.engine).connect() as connection:
        found = await present_balances(connection, windows)
    return [found[window] for window in windows]


async def test_what_was_spent_comes_back_a_day_later(budgets: BudgetBench) -> None:
    """Part by part, an hour after the day at the latest, and never sooner than the day."""
    budgets.give(4, rolling(1_000))
    await spend(budgets, 600)
    budgets.now += 10 * HOUR
    await spend(budgets, 300)
    assert await present(budgets) == [Balance(100, 0, 900)]
    budgets.now += 14 * HOUR - 1
    with pytest.raises(BudgetExceeded):
        await budgets.acquire(200)
    budgets.now += HOUR + 1
    assert await present(budgets) == [Balance(700, 0, 300)]
    await spend(budgets, 700)
    with pytest.raises(BudgetExceeded):
        await budgets.acquire(1)
    budgets.now += 10 * HOUR
    assert await present(budgets) == [Balance(300, 0, 700)]
    assert await budgets.breaches() == []


async def test_who_is_refused_learns_when_there_is_room(budgets: BudgetBench) -> None:
    """When enough of what was spent is so long ago; never, where the limit is too small."""
    budgets.give(4, rolling(1_000))
    await spend(budgets, 400)
    budgets.now += 2 * HOUR
    await spend(budgets, 500)
    for needed, hours in ((500, 23), (600, 25)):
        with pytest.raises(BudgetExceeded) as caught:
            await budgets.acquire(needed)
        told = caught.value.metadata
        assert (told["period"], told["used_usd"]) == ("rolling-24h", "0.0000009")
        assert int(told["retry_after_ms"]) == hours * 3_600_000
        assert "budget of $0.000001 in 24 hours has no room" in caught.value.message
        assert f"it has room again at {told['resets_at']}" in caught.value.message
    with pytest.raises(BudgetExceeded) as caught:
        await budgets.acquire(1_001)
    assert "resets_at" not in caught.value.metadata
    budgets.now += 23 * HOUR
    await budgets.acquire(500)


async def test_several_hold_at_once_beside_those_of_the_calendar(budgets: BudgetBench) -> None:
    """The tightest decides."""
    day = pb.Budget(limit_nano_usd=2_000, period=pb.BUDGET_PERIOD_DAY)
    budgets.give(4, rolling(1_000, 5), rolling(1_500, 168), day)
    await spend(budgets, 900)
    with pytest.raises(BudgetExceeded) as caught:
        await budgets.acquire(200)
    assert caught.value.metadata["period"] == "rolling-5h"
    budgets.now += 6 * HOUR
    await spend(budgets, 500)
    with pytest.raises(BudgetExceeded) as caught:
        await budgets.acquire(200)
    assert caught.value.metadata["period"] == "rolling-168h"
    assert await budgets.breaches() == []


async def test_what_is_held_counts_wherever_it_was_taken(budgets: BudgetBench) -> None:
    """A lease of an hour before holds on, and is usable to that hour's end alone."""
    budgets.give(4, rolling(1_000))
    budgets.now += HOUR - 20 * MICRO
    lease = await budgets.acquire(600)
    assert lease.usable_for == 20 * MICRO
    budgets.now += 30 * MICRO
    assert await present(budgets) == [Balance(400, 600, 0)]
    with pytest.raises(BudgetExceeded):
        await budgets.acquire(500)
    budgets.now += LEASE_MICROS
    await budgets.leases.expire(budgets.now)
    await budgets.acquire(1_000)
    assert await budgets.breaches() == []


async def test_a_soft_one_is_counted_and_refuses_nobody(budgets: BudgetBench) -> None:
    """As every soft budget."""
    budgets.give(4, rolling(100, is_hard=False))
    await spend(budgets, 600)
    assert await present(budgets) == [Balance(-500, 0, 600)]


async def test_a_limit_that_changes_holds_for_what_was_spent_before(budgets: BudgetBench) -> None:
    """From the next lease on."""
    budgets.give(4, rolling(1_000))
    await spend(budgets, 600)
    budgets.now += 3 * HOUR
    budgets.give(4, rolling(700))
    with pytest.raises(BudgetExceeded):
        await budgets.acquire(101)
    budgets.give(4, rolling(2_000))
    await budgets.acquire(1_400)
    assert await budgets.breaches() == []


async def test_one_that_is_new_counts_what_was_spent_before_it(budgets: BudgetBench) -> None:
    """By whole days, each as of its end: rather too much than too little, and once."""
    budgets.now = budgets.now // DAY * DAY + 20 * HOUR
    budgets.give(4)
    await budgets.record(budgets.charge(300))
    budgets.now += DAY
    await budgets.record(budgets.charge(200))
    budgets.give(4, rolling(1_000, 24))
    assert await present(budgets) == [Balance(500, 0, 500)]
    await budgets.acquire(500)
    with pytest.raises(BudgetExceeded):
        await budgets.acquire(1)
    # Yesterday is over a day ago, and an hour.
    budgets.now += 5 * HOUR
    assert await present(budgets) == [Balance(300, 500, 200)]
    await budgets.leases.expire(budgets.now)
    assert await present(budgets) == [Balance(800, 0, 200)]
    assert await budgets.breaches() == []


async def test_one_that_was_not_used_for_long_begins_with_nothing(budgets: BudgetBench) -> None:
    """Nobody adds up once more what it counted itself."""
    budgets.now = budgets.now // DAY * DAY + HOUR
    budgets.give(4, rolling(1_000, 24))
    await spend(budgets, 900)
    budgets.now += 26 * HOUR
    assert await present(budgets) == [Balance(1_000, 0, 0)]
    await budgets.acquire(1_000)


async def test_charges_that_come_late_count_from_when_they_were_made(budgets: BudgetBench) -> None:
    """As of calls that a router delivers hours later."""
    budgets.give(4, rolling(1_000))
    await spend(budgets, 100)
    late = budgets.charge(400)
    budgets.now += 20 * HOUR
    await budgets.record(late)
    assert await present(budgets) == [Balance(500, 0, 500)]
    budgets.now += 6 * HOUR
    assert await present(budgets) == [Balance(1_000, 0, 0)]
    assert await budgets.breaches() == []


@pytest.mark.parametrize("seed", range(3))
async def test_no_span_of_so_many_hours_has_more_than_the_limit(
    budgets: BudgetBench, seed: int
) -> None:
    """Whenever calls come and whatever they cost; and what is long ago is in nobody's way."""
    chance = random.Random(seed)  # noqa: S311 # the same each time
    limit, hours = 1_000, chance.choice([1, 5, 24])
    budgets.give(4, rolling(limit, hours))
    made = list[tuple[int, int]]()
    refused = 0
    part = max(300 * MICRO, hours * HOUR // 24)
    for _ in range(60):
        budgets.now += chance.randrange(hours * HOUR // 8)
        cost = chance.randrange(1, 400)
        within = sum(each for at, each in made if at > budgets.now - hours * HOUR)
        about = sum(each for at, each in made if at > budgets.now - hours * HOUR - part)
        try:
            await spend(budgets, cost)
        except BudgetExceeded:
            refused += 1
            assert about + cost > limit
        else:
            made.append((budgets.now, cost))
            assert within + cost <= limit
    assert refused
    assert await budgets.breaches() == []
