"""Prepaid balances on both databases: what was paid in is spent once, and never exceeded."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import sqlalchemy as sa
from tests.integration.billing.conftest import Bench
from tests.support.budgets import MICRO, BudgetBench

from conduit.internal.v1.snapshot_pb2 import SnapshotVirtualKey
from conduit.v1.budget_pb2 import BUDGET_PERIOD_DAY, Budget
from conduit.v1.virtual_key_group_pb2 import VirtualKeyGroup
from conduit.v1.virtual_key_pb2 import VirtualKey
from conduit_billing.bootstrap import MIGRATIONS, SERVICE
from conduit_billing.budgets.accounts import Balance
from conduit_billing.budgets.lease_store import LEASE_MICROS
from conduit_billing.budgets.prepaid_store import PrepaidChange, PrepaidStore
from conduit_billing.tables import AUDIT_OUTBOX, AccountRow
from conduit_kernel.audit.author import Author
from conduit_kernel.audit.outbox import AuditOutbox
from conduit_kernel.database import open_database, writer
from conduit_kernel.errors import AlreadyExists, BudgetExceeded

AUTHOR = Author("anna", "127.0.0.1", "req_1")


class PrepaidBench(BudgetBench):
    """A ledger with a prepaid group of two keys."""

    def __init__(self, bench: BudgetBench) -> None:
        super().__init__(bench.engine)
        group = VirtualKeyGroup(id=2, name="team", is_enabled=True, is_prepaid=True)
        self.state.virtual_key_groups[2] = group
        for number in (4, 5):
            key = VirtualKey(id=number, group_id=2)
            self.state.virtual_keys[number] = SnapshotVirtualKey(virtual_key=key)
        outbox = AuditOutbox(bench.engine, AUDIT_OUTBOX, SERVICE)
        self.prepaid = PrepaidStore(bench.engine, self.ids.next, outbox)

    async def pay(self, amount: int, name: str = "") -> Balance:
        """Pay in."""
        change = PrepaidChange(name, amount)
        return await self.prepaid.pay_in(self.rules.prepaid(2), change, self.now, AUTHOR)

    async def adjust(self, amount: int, name: str = "") -> Balance:
        """Correct the balance."""
        change = PrepaidChange(name, amount, "a mistake")
        return await self.prepaid.adjust(self.rules.prepaid(2), change, self.now, AUTHOR)

    async def balance(self) -> Balance:
        """Return how it stands."""
        return await self.prepaid.balance(self.rules.prepaid(2))

    async def records(self) -> int:
        """Return how many lines wait for the audit log."""
        async with self.engine.connect() as connection:
            query = sa.select(sa.func.count()).select_from(AUDIT_OUTBOX)
            return int(await connection.scalar(query) or 0)


@pytest.fixture
async def prepaid(bench: Bench) -> AsyncIterator[PrepaidBench]:
    """Return it, of a group for which nothing was paid in yet."""
    engine = await open_database(bench.settings, SERVICE, MIGRATIONS)
    yield PrepaidBench(BudgetBench(engine))
    await engine.dispose()


async def test_what_is_paid_in_is_spent_by_all_keys_of_the_group(prepaid: PrepaidBench) -> None:
    """As a hard budget that no period makes whole again; the books hold."""
    with pytest.raises(BudgetExceeded):
        await prepaid.acquire(1)
    assert await prepaid.pay(1_000) == Balance(1_000, 0, 0)
    lease = await prepaid.acquire(300)
    assert await prepaid.balance() == Balance(700, 300, 0)
    await prepaid.record(prepaid.charge(120, lease))
    assert await prepaid.balance() == Balance(700, 180, 120)
    await prepaid.leases.release(lease.id, 120, prepaid.now)
    assert await prepaid.balance() == Balance(880, 0, 120)
    other = await prepaid.acquire(880, virtual_key_id=5)
    with pytest.raises(BudgetExceeded) as caught:
        await prepaid.acquire(1)
    assert caught.value.metadata["period"] == "prepaid"
    assert caught.value.metadata["subject"] == "virtual_key_group:2"
    assert "The group team's prepaid balance of $0.000001 has no room" in caught.value.message
    await prepaid.leases.release(other.id, 0, prepaid.now)
    assert await prepaid.breaches() == []


async def test_a_payment_counts_once_however_often_it_is_sent(prepaid: PrepaidBench) -> None:
    """By its id, at the same time, too; without one each is a payment. So are corrections."""
    await asyncio.gather(*(prepaid.pay(500, "inv-1") for _ in range(5)))
    assert await prepaid.balance() == Balance(500, 0, 0)
    with pytest.raises(AlreadyExists):
        await prepaid.pay(501, "inv-1")
    for _ in range(2):
        await prepaid.pay(100)
        # The same name of another kind of change is another one.
        await prepaid.adjust(-50, "inv-1")
    assert await prepaid.balance() == Balance(650, 0, 0)
    assert await prepaid.records() == 4
    assert await prepaid.breaches() == []


async def test_a_correction_may_take_more_than_there_is(prepaid: PrepaidBench) -> None:
    """Then calls are refused until as much is paid in."""
    await prepaid.pay(100)
    assert await prepaid.adjust(-150) == Balance(-50, 0, 0)
    await prepaid.pay(50)
    with pytest.raises(BudgetExceeded):
        await prepaid.acquire(1)
    await prepaid.pay(1)
    assert (await prepaid.acquire(1)).amount == 1


async def test_charges_without_a_lease_are_taken_from_the_balance(prepaid: PrepaidBench) -> None:
    """They are facts; it may fall below nothing by them."""
    await prepaid.pay(100)
    await prepaid.record(prepaid.charge(130))
    assert await prepaid.balance() == Balance(-30, 0, 130)
    assert await prepaid.breaches() == []


async def test_what_a_router_held_that_died_comes_back(prepaid: PrepaidBench) -> None:
    """After the deadline of its lease."""
    await prepaid.pay(100)
    await prepaid.acquire(60)
    prepaid.now += LEASE_MICROS + MICRO
    await prepaid.leases.expire(prepaid.now)
    assert await prepaid.balance() == Balance(100, 0, 0)
    assert await prepaid.breaches() == []


async def test_a_groups_budget_is_held_beside_its_balance(prepaid: PrepaidBench) -> None:
    """Whichever has less decides."""
    day = Budget(limit_nano_usd=200, period=BUDGET_PERIOD_DAY)
    prepaid.state.virtual_key_groups[2].budgets.append(day)
    await prepaid.pay(1_000)
    with pytest.raises(BudgetExceeded) as caught:
        await prepaid.acquire(201)
    assert caught.value.metadata["period"] == "day"
    assert (await prepaid.acquire(200)).amount == 200


async def test_of_many_calls_at_once_so_many_pass_as_was_paid_for(prepaid: PrepaidBench) -> None:
    """Thirty that need ten each, of a balance for ten."""
    await prepaid.pay(100)
    asked = [prepaid.acquire(10, virtual_key_id=4 + number % 2) for number in range(30)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(isinstance(each, BudgetExceeded) for each in answers) == 20
    assert await prepaid.balance() == Balance(0, 100, 0)


async def test_a_balance_that_nobody_paid_for_is_told_by_the_verification(
    prepaid: PrepaidBench,
) -> None:
    """It names the account."""
    await prepaid.pay(100)
    async with writer(prepaid.engine).begin() as connection:
        row = AccountRow
        spoilt = sa.update(row).where(row.code == "prepaid:virtual-key-group:2")
        await connection.execute(spoilt.values(balance=-101))
    rule = "what is left, held and spent of a prepaid balance was paid in"
    assert f"prepaid:virtual-key-group:2: {rule}" in await prepaid.breaches()
