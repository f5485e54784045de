"""Charges that are priced anew, on both databases: adjusted once each, everywhere."""

from collections.abc import AsyncIterator

import pytest
import sqlalchemy as sa
from tests.integration.billing.conftest import Bench
from tests.support.billing import DAY, NOW
from tests.support.budgets import MICRO, BudgetBench

from conduit.v1 import budget_pb2, charge_pb2
from conduit_billing.bootstrap import MIGRATIONS, SERVICE
from conduit_billing.budgets.accounts import Balance
from conduit_billing.ledger.adjustment_store import AdjustmentStore
from conduit_billing.ledger.adjustments import Price, Repriced
from conduit_billing.ledger.charge_filter import ChargeFilter
from conduit_billing.ledger.charges import Attribution, PostedCharge
from conduit_billing.ledger.retention import ChargeRetention
from conduit_billing.tables import AUDIT_OUTBOX, AdjustmentRow
from conduit_kernel.audit.author import Author
from conduit_kernel.audit.outbox import AuditOutbox
from conduit_kernel.database import open_database

AUTHOR = Author("anna", "127.0.0.1", "req_1")
DAY_MICROS = DAY * MICRO


def by(charge: PostedCharge, version: str) -> Attribution:
    """Return what a charge is attributed to, by prices of a version."""
    return charge.attribution._replace(price_version=version)


def costing(cost: int | None, version: str = "v2") -> Price:
    """Return prices by which every charge costs so much."""

    def price(each: PostedCharge) -> PostedCharge:
        return each._replace(cost=cost, attribution=by(each, version))

    return price


def times(factor: int) -> Price:
    """Return prices by which a token costs so many nano-dollars."""

    def price(each: PostedCharge) -> PostedCharge:
        # Being asked has no price.
        if any(line.unit == charge_pb2.UNIT_REQUEST for line in each.lines):
            return each
        quantity = sum(line.quantity for line in each.lines)
        return each._replace(cost=quantity * factor, attribution=by(each, f"x{factor}"))

    return price


class RepricingBench(BudgetBench):
    """A ledger whose charges are priced anew."""

    def __init__(self, bench: BudgetBench) -> None:
        super().__init__(bench.engine)
        spending = self.ledger._spending  # noqa: SLF001 # the ledger's own
        assert spending is not None
        outbox = AuditOutbox(bench.engine, AUDIT_OUTBOX, SERVICE)
        self.store = AdjustmentStore(bench.engine, spending, outbox, self.ids.next)

    async def charges(self) -> list[PostedCharge]:
        """Return all charges, newest first."""
        return list(await self.ledger.charges(limit=1_000, of=ChargeFilter()))

    async def adjust(self, price: Price, *charges: PostedCharge) -> Repriced:
        """Price charges anew, all of them if none is named."""
        some = charges or await self.charges()
        return await self.store.adjust(some, price, self.now, AUTHOR, {"reason": "a mistake"})

    async def count(self, table: sa.FromClause | type[AdjustmentRow]) -> int:
        """Return how many rows a table has."""
        async with self.engine.connect() as connection:
            return int(await connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0)


@pytest.fixture
async def repricing(bench: Bench) -> AsyncIterator[RepricingBench]:
    """Return it, of a key with a budget of a day."""
    engine = await open_database(bench.settings, SERVICE, MIGRATIONS)
    made = RepricingBench(BudgetBench(engine))
    made.give(4, budget_pb2.Budget(limit_nano_usd=1_000, period=budget_pb2.BUDGET_PERIOD_DAY))
    yield made
    await engine.dispose()


@pytest.mark.parametrize("cost", [40, 160])
async def test_budgets_have_what_charges_cost_now(repricing: RepricingBench, cost: int) -> None:
    """More or less than before; the charges are what they were, and say both."""
    await repricing.record(repricing.charge(100))
    found = await repricing.adjust(costing(cost))
    assert [(each.before, each.after, each.number) for each in found.adjustments] == [
        (100, cost, 1)
    ]
    assert await repricing.balances() == [Balance(1_000 - cost, 0, cost)]
    (shown,) = await repricing.charges()
    assert (shown.cost, shown.adjusted_cost, shown.adjusted_version) == (100, cost, "v2")
    assert await repricing.breaches() == []


async def test_what_was_adjusted_is_not_adjusted_again(repricing: RepricingBench) -> None:
    """However often it is asked for; another price adjusts from where the last one ended."""
    await repricing.record(*(repricing.charge(100) for _ in range(3)))
    assert len((await repricing.adjust(costing(150))).adjustments) == 3
    for _ in range(2):
        assert (await repricing.adjust(costing(150, "v3"))).adjustments == []
    back = await repricing.adjust(costing(100, "v4"))
    assert [(each.before, each.after, each.number) for each in back.adjustments] == [
        (150, 100, 2)
    ] * 3
    assert await repricing.balances() == [Balance(700, 0, 300)]
    assert await repricing.count(AUDIT_OUTBOX) == 2
    assert await repricing.breaches() == []


async def test_one_that_broke_off_is_made_once_more(repricing: RepricingBench) -> None:
    """Pages that were done stay done, and one that failed in the middle did nothing."""
    await repricing.record(*(repricing.charge(100) for _ in range(4)))
    first, *others = await repricing.charges()
    await repricing.adjust(costing(150), first)
    new_id, repricing.store._new_id = repricing.store._new_id, _failing  # noqa: SLF001 # dies there
    with pytest.raises(RuntimeError):
        await repricing.adjust(costing(150), *others)
    repricing.store._new_id = new_id  # noqa: SLF001 # as above
    assert await repricing.count(AdjustmentRow) == 1
    assert len((await repricing.adjust(costing(150))).adjustments) == 3
    assert await repricing.balances() == [Balance(400, 0, 600)]
    assert await repricing.breaches() == []


def _failing() -> str:
    raise RuntimeError("dies")


async def test_a_dry_run_changes_nothing(repricing: RepricingBench) -> None:
    """It says the same."""
    await repricing.record(repricing.charge(100))
    found = await repricing.store.found(await repricing.charges(), costing(150))
    assert [each.difference for each in found.adjustments] == [50]
    assert await repricing.count(AdjustmentRow) == 0
    assert await repricing.balances() == [Balance(900, 0, 100)]


async def test_what_has_no_price_now_stays(repricing: RepricingBench) -> None:
    """It is counted; nothing becomes free for want of a price."""
    await repricing.record(repricing.charge(100))
    found = await repricing.adjust(costing(None))
    assert (found.adjustments, found.unpriced) == ([], 1)


async def test_a_lease_that_is_open_pays_what_it_did(repricing: RepricingBench) -> None:
    """What is more is spent of the budget beside it."""
    lease = await repricing.acquire(300)
    await repricing.record(repricing.charge(100, lease))
    await repricing.adjust(costing(160))
    assert await repricing.balances() == [Balance(640, 300, 60)]
    await repricing.leases.release(lease.id, 100, repricing.now)
    assert await repricing.balances() == [Balance(840, 0, 160)]
    assert await repricing.breaches() == []


async def test_periods_that_nobody_counted_are_left_alone(repricing: RepricingBench) -> None:
    """A budget of a day of which nothing was known then has no account of it."""
    repricing.give(4)
    await repricing.record(repricing.charge(100))
    day = budget_pb2.Budget(limit_nano_usd=1_000, period=budget_pb2.BUDGET_PERIOD_DAY)
    repricing.now += DAY_MICROS
    repricing.give(4, day)
    await repricing.adjust(costing(160))
    assert await repricing.balances() == [Balance(1_000, 0, 0)]
    assert await repricing.breaches() == []


async def test_charges_that_are_kept_no_longer_take_their_adjustments_with_them(
    repricing: RepricingBench, bench: Bench
) -> None:
    """Into their file, and into what is counted of them."""
    await repricing.record(repricing.charge(100))
    await repricing.adjust(costing(160))
    folder = bench.settings.data_dir / "charges"
    later = NOW + 40 * DAY
    await ChargeRetention(repricing.engine, folder, 30, lambda: later).run()
    assert await repricing.charges() == []
    assert await repricing.count(AdjustmentRow) == 0
    assert len(list(folder.iterdir())) == 1
    assert await repricing.breaches() == []


async def test_the_checker_sees_what_does_not_follow(repricing: RepricingBench) -> None:
    """An adjustment that begins elsewhere, or of which nothing was posted."""
    await repricing.record(repricing.charge(100))
    await repricing.adjust(costing(160))
    async with repricing.engine.begin() as connection:
        await connection.execute(sa.update(AdjustmentRow).values(cost_before=90))
    told = " ".join(await repricing.breaches())
    assert "an adjustment begins with what its charge cost before" in told
    assert "a virtual key's expenses are what its charges cost" in told
