"""Postings in the database."""

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from conduit_billing.ledger.posting_store import find_posting, insert_postings, post, post_all
from conduit_billing.ledger.postings import (
    Posting,
    PostingError,
    expire,
    hold,
    prepaid_account,
    settle,
    top_up,
    void,
)
from conduit_billing.tables import AccountRow, EntryRow, PostingRow

OWNER = prepaid_account("virtual-key:4")
PAID = top_up("paid", "virtual-key:4", 100, 1)
HELD = hold("held", OWNER, 60, 2, 50)


async def balances(engine: AsyncEngine) -> dict[str, int]:
    """Return what accounts have that are not empty; each must be the sum of its entries."""
    query = (
        sa.select(AccountRow.code, AccountRow.balance, sa.func.sum(EntryRow.amount))
        .join(EntryRow, EntryRow.account_id == AccountRow.id)
        .group_by(AccountRow.id)
    )
    async with engine.connect() as connection:
        rows = (await connection.execute(query)).all()
    assert all(balance == entries for _, balance, entries in rows)
    return {code: balance for code, balance, _ in rows if balance}


async def test_a_posting_is_found_as_it_was_posted(engine: AsyncEngine) -> None:
    """With its entries in order of account; what is not there is None."""
    async with engine.begin() as connection:
        for posting in (PAID, HELD, settle("settled", HELD, 25, 3)):
            assert await post(connection, posting)
            found = await find_posting(connection, posting.id)
            assert found == posting._replace(entries=tuple(sorted(posting.entries)))
        assert await find_posting(connection, "nothing") is None


async def test_a_posting_counts_once(engine: AsyncEngine) -> None:
    """However often it is posted."""
    async with engine.begin() as connection:
        assert await post(connection, PAID)
        assert not await post(connection, PAID)
    assert (await balances(engine))[OWNER.code] == -100


async def test_a_hold_is_ended_once(engine: AsyncEngine) -> None:
    """The error says by what; the same ending again is no second one."""
    async with engine.begin() as connection:
        await post(connection, PAID)
        await post(connection, HELD)
        ending = void("voided", HELD, 3)
        assert await post(connection, ending)
        assert not await post(connection, ending)
        for late in (expire("expired", HELD, 60), settle("settled", HELD, 1, 3)):
            with pytest.raises(PostingError, match="ended by voided already"):
                await post(connection, late)
    assert HELD.held.account.code not in await balances(engine)


@pytest.mark.parametrize(
    "posting",
    [
        HELD._replace(expires_at=None),
        void("x", HELD, 3),
        void("x", HELD, 3)._replace(hold_id="paid"),
        expire("x", HELD, 49),
    ],
)
async def test_what_the_books_do_not_allow_is_not_posted(
    engine: AsyncEngine, posting: Posting
) -> None:
    """Nothing of it is there afterwards."""
    async with engine.begin() as connection:
        await post(connection, PAID)
        with pytest.raises(PostingError):
            await post(connection, posting)
        names = (await connection.scalars(sa.select(PostingRow.id))).all()
    assert names == ["paid"]


async def test_accounts_are_made_by_their_first_posting(engine: AsyncEngine) -> None:
    """And used again by later ones, under the same number."""
    async with engine.begin() as connection:
        await insert_postings(connection, [PAID])
        first = dict((await connection.execute(sa.select(AccountRow.code, AccountRow.id))).all())
        await insert_postings(connection, [top_up("again", "virtual-key:4", 5, 2)])
        second = dict((await connection.execute(sa.select(AccountRow.code, AccountRow.id))).all())
    assert first == second
    assert len(first) == len(PAID.entries)
    assert (await balances(engine))[OWNER.code] == -105


async def test_many_are_posted_at_once(engine: AsyncEngine) -> None:
    """Those that are there already count no more; what moves to and fro leaves nothing."""
    others = [top_up(f"other {each}", f"virtual-key:{each}", each, 1) for each in range(5, 9)]
    async with engine.begin() as connection:
        assert await post_all(connection, [PAID, *others]) == 5
        assert await post_all(connection, [PAID, HELD]) == 1
        again = hold("again", OWNER, 10, 4, 50)
        assert await post_all(connection, [void("voided", HELD, 3), again]) == 2
        assert await post_all(connection, []) == 0
    found = await balances(engine)
    assert found[OWNER.code] == -90
    assert found["prepaid:virtual-key:7"] == -7


async def test_of_many_none_is_posted_where_one_may_not_be(engine: AsyncEngine) -> None:
    """Two that end the same hold are one too many, also where they come together."""
    async with engine.begin() as connection:
        await post_all(connection, [PAID])
        await post_all(connection, [HELD])
        endings = [void("voided", HELD, 3), settle("settled", HELD, 1, 3)]
        with pytest.raises(PostingError, match="ended by voided already"):
            await post_all(connection, [top_up("new", "virtual-key:4", 5, 2), *endings])
        names = (await connection.scalars(sa.select(PostingRow.id))).all()
    assert sorted(names) == ["held", "paid"]
