"""Postings in the database keep to the rules of the books."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.integration.billing.conftest import Bench
from tests.support.billing import charge

from conduit_billing.bootstrap import MIGRATIONS, SERVICE
from conduit_billing.ledger.charges import read_charge
from conduit_billing.ledger.postings import (
    Books,
    Posting,
    PostingError,
    adjustment,
    budget_account,
    expire,
    hold,
    prepaid_account,
    settle,
    top_up,
    void,
)
from conduit_billing.ledger.store import LedgerStore
from conduit_billing.tables import AccountRow, ChargeRow, EntryRow, PostingRow
from conduit_kernel.database import open_database

OWNER = prepaid_account("group:2")
BUDGET = budget_account("virtual-key:4", "2026-11")


@pytest.fixture
async def engine(bench: Bench) -> AsyncIterator[AsyncEngine]:
    """Open Billing's database."""
    opened = await open_database(bench.settings, SERVICE, MIGRATIONS)
    yield opened
    await opened.dispose()


async def balances(engine: AsyncEngine) -> dict[str, int]:
    """Return what accounts have that are not empty; each must be the sum of its entries."""
    query = (
        sa.select(AccountRow.code, AccountRow.balance, sa.func.sum(EntryRow.amount))
        .join(EntryRow, EntryRow.account_id == AccountRow.id)
        .group_by(AccountRow.id, AccountRow.code, AccountRow.balance)
    )
    async with engine.connect() as connection:
        rows = (await connection.execute(query)).all()
    assert all(balance == entries for _, balance, entries in rows)
    return {code: balance for code, balance, _ in rows if balance}


async def test_every_kind_of_posting_is_stored_once(engine: AsyncEngine) -> None:
    """The database comes to what the books in memory come to, however often each is posted."""
    store, books = LedgerStore(engine), Books()
    first, second, third = (
        hold("hold-1", OWNER, 60, 2, 50),
        hold("hold-2", BUDGET, 70, 2, 50),
        hold("hold-3", OWNER, 30, 2, 50),
    )
    postings = [
        top_up("paid-1", "group:2", 100, 1),
        adjustment("granted-1", BUDGET, -500, 1),
        first,
        second,
        third,
        settle("settled-1", first, 45, 3),
        void("voided-1", second, 4),
        expire("expired-1", third, 50),
    ]
    for posting in postings:
        assert books.post(posting)
        assert await store.post(posting)
        assert not await store.post(posting)
    expected = {account.code: amount for account, amount in books.balances.items() if amount}
    assert await balances(engine) == expected
    assert expected["prepaid:group:2"] == -55


async def test_a_hold_is_ended_once_also_by_two_at_a_time(engine: AsyncEngine) -> None:
    """One of them wins; the other is told."""
    store = LedgerStore(engine)
    held = hold("hold-1", OWNER, 60, 2, 50)
    await store.post(held)
    endings: list[Posting] = [settle(f"s{n}", held, n, 3) for n in range(4)]
    endings += [void(f"v{n}", held, 3) for n in range(4)]
    done = await asyncio.gather(*(store.post(each) for each in endings), return_exceptions=True)
    assert [each for each in done if each is True] == [True]
    assert sum(isinstance(each, PostingError) for each in done) == 7
    assert "held:prepaid:group:2" not in await balances(engine)


async def test_what_the_books_refuse_leaves_no_trace(engine: AsyncEngine) -> None:
    """Endings of unknown holds, and of what is none."""
    store = LedgerStore(engine)
    held = hold("hold-1", OWNER, 60, 2, 50)
    for posting in (void("v", held, 3), held._replace(expires_at=None)):
        with pytest.raises(PostingError):
            await store.post(posting)
    async with engine.connect() as connection:
        assert await connection.scalar(sa.select(sa.func.count()).select_from(PostingRow)) == 0


async def test_charges_refer_to_the_posting_of_their_delivery(engine: AsyncEngine) -> None:
    """What cost something names it; its entries are few, whatever it holds."""
    store = LedgerStore(engine)
    made = [read_charge(charge(virtual_key_id=n % 3 + 1), "charge") for n in range(300)]
    free = [read_charge(charge(price=price), "charge") for price in (0, None)]
    assert len(await store.record([*made, *free], [], 7)) == 302
    assert not await store.record([*made, *free], [], 8)
    async with engine.connect() as connection:
        names = sa.select(ChargeRow.posting_id, sa.func.count()).group_by(ChargeRow.posting_id)
        counts = dict((await connection.execute(names)).all())
        postings = (await connection.execute(sa.select(PostingRow.id, PostingRow.posted_at))).all()
        entries = await connection.scalar(sa.select(sa.func.count()).select_from(EntryRow))
    first = min(each.id for each in made)
    assert counts == {first: 300, None: 2}
    assert [tuple(row) for row in postings] == [(first, 7)]
    assert entries == 4
