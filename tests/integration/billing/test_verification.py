"""The checker of the ledger finds each kind of damage, on both databases."""

from collections.abc import AsyncIterator

import pytest
import sqlalchemy as sa
from tests.integration.billing.conftest import Bench
from tests.support.budgets import BudgetBench

from conduit.v1 import budget_pb2 as pb
from conduit_billing.bootstrap import MIGRATIONS, SERVICE
from conduit_billing.budgets.lease_store import LEASE_MICROS
from conduit_kernel.database import open_database, writer


@pytest.fixture
async def ledger(bench: Bench) -> AsyncIterator[BudgetBench]:
    """Return a ledger with charges, a lease that is open, and one that has ended."""
    engine = await open_database(bench.settings, SERVICE, MIGRATIONS)
    made = BudgetBench(engine)
    made.give(4, pb.Budget(limit_nano_usd=1_000, period=pb.BUDGET_PERIOD_TOTAL))
    ended, there = await made.acquire(100), await made.acquire(100)
    await made.record(
        made.charge(10, ended),
        made.charge(20, there),
        made.charge(5),
        made.charge(1, virtual_key_id=0),
    )
    await made.leases.release(ended.id, 10, made.now)
    yield made
    await engine.dispose()


async def test_a_ledger_that_was_used_is_sound(ledger: BudgetBench) -> None:
    """Nothing is told of it."""
    assert await ledger.breaches() == []


@pytest.mark.parametrize(
    ("damage", "rule"),
    [
        (
            "UPDATE billing_entries SET amount = amount + 1 WHERE amount > 0",
            "the entries of a posting add up to zero",
        ),
        (
            "UPDATE billing_accounts SET balance = balance + 1 WHERE code = 'expense:internal'",
            "a balance is the sum of its account's entries",
        ),
        (
            "UPDATE billing_leases SET ended_at = 1",
            "a hold ends when its lease does",
        ),
        (
            "UPDATE billing_leases SET spent = spent + 1 WHERE ended_at IS NULL",
            "an open lease has spent what its charges cost",
        ),
        (
            'UPDATE billing_budget_windows SET "limit" = "limit" + 1',
            "what is left, held and spent of a budget is its limit",
        ),
        (
            "DELETE FROM billing_attributions",
            "a charge has an attribution",
        ),
        (
            "UPDATE billing_charges SET posting_id = id",
            "what a charge cost is in a posting",
        ),
        (
            "UPDATE billing_charges SET posting_id = NULL",
            "what a charge cost is in a posting",
        ),
        (
            "UPDATE billing_attributions SET price_version = ''",
            "a charge with a price names the price's version",
        ),
        (
            "UPDATE billing_charges SET cost = cost + 1",
            "a virtual key's expenses are what its charges cost",
        ),
    ],
)
async def test_what_does_not_hold_is_told(ledger: BudgetBench, damage: str, rule: str) -> None:
    """With what it is about."""
    async with writer(ledger.engine).begin() as connection:
        await connection.execute(sa.text(damage))
    assert rule in {each.partition(": ")[2] for each in await ledger.breaches()}


async def test_a_hold_that_nobody_ends_is_told(ledger: BudgetBench) -> None:
    """Once its lease's deadline has passed."""
    ledger.now += LEASE_MICROS + 1
    (breach,) = await ledger.breaches()
    assert breach.endswith("a hold is ended by its deadline")
