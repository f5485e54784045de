"""Postings in the database. All of this happens in the caller's transaction, in its turn."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from conduit_billing.ledger.postings import (
    Account,
    AccountType,
    Entry,
    Posting,
    PostingKind,
    check,
    check_ending,
)
from conduit_billing.tables import AccountRow, EntryRow, PostingRow
from conduit_billing.upserts import add_up, insert_rows, select_among


async def post(connection: AsyncConnection, posting: Posting) -> bool:
    """Store a posting; return whether it is new. PostingError if the books do not allow it."""
    return bool(await post_all(connection, [posting]))


async def post_all(connection: AsyncConnection, postings: Collection[Posting]) -> int:
    """Store those of some postings that are new; return how many there are.

    PostingError, and none is stored, if the books do not allow one of them. A hold is stored before
    what ends it is posted.
    """
    for posting in postings:
        check(posting)
    if not postings:
        return 0
    known = await find_postings(connection, [posting.id for posting in postings])
    fresh = {posting.id: posting for posting in postings if posting.id not in known}
    endings = [posting for posting in fresh.values() if posting.hold_id is not None]
    if endings:
        names = [str(posting.hold_id) for posting in endings]
        held, ended_by = await find_postings(connection, names), await endings_of(connection, names)
        for posting in endings:
            name = str(posting.hold_id)
            check_ending(posting, held.get(name), ended_by.get(name))
            ended_by[name] = posting.id
    await insert_postings(connection, list(fresh.values()))
    return len(fresh)


async def find_posting(connection: AsyncConnection, name: str) -> Posting | None:
    """Return a posting with its entries, None if there is none."""
    return (await find_postings(connection, [name])).get(name)


async def find_postings(connection: AsyncConnection, names: Collection[str]) -> dict[str, Posting]:
    """Return those of some postings that there are, with their entries in order of account."""
    row = PostingRow
    query = select(row.id, row.kind, row.posted_at, row.hold_id, row.expires_at)
    found = (await connection.execute(query.where(row.id.in_(names)))).all()
    if not found:
        return {}
    entries = defaultdict[str, list[Entry]](list)
    moved = (
        select(EntryRow.posting_id, AccountRow.code, AccountRow.type, EntryRow.amount)
        .join(AccountRow, AccountRow.id == EntryRow.account_id)
        .where(EntryRow.posting_id.in_([each.id for each in found]))
        .order_by(AccountRow.code)
    )
    for name, code, kind, amount in await connection.execute(moved):
        entries[name].append(Entry(Account(code, AccountType(kind)), amount))
    return {
        each.id: Posting(
            each.id,
            PostingKind(each.kind),
            each.posted_at,
            tuple(entries[each.id]),
            each.hold_id,
            each.expires_at,
        )
        for each in found
    }


async def endings_of(connection: AsyncConnection, hold_ids: Collection[str]) -> dict[str, str]:
    """Return which posting has ended each of some holds; those that are open are left out."""
    row = PostingRow
    query = select(row.hold_id, row.id).where(row.hold_id.in_(hold_ids))
    return {str(held): name for held, name in await connection.execute(query)}


async def insert_postings(connection: AsyncConnection, postings: Sequence[Posting]) -> None:
    """Store postings that are known to be new and sound, and bring the balances up to date."""
    if not postings:
        return
    rows = [
        (each.id, each.kind, each.posted_at, each.hold_id, each.expires_at) for each in postings
    ]
    await insert_rows(connection, PostingRow, rows)
    ids = await _change_balances(connection, postings)
    entries = [
        (posting.id, ids[account.code], amount)
        for posting in postings
        for account, amount in sorted(posting.entries)
    ]
    await insert_rows(connection, EntryRow, entries)


async def _change_balances(
    connection: AsyncConnection, postings: Sequence[Posting]
) -> Mapping[str, int]:
    """Add to the balances of accounts; return the numbers of these, by their codes."""
    totals = Counter[Account]()
    for posting in postings:
        for account, amount in posting.entries:
            totals[account] += amount
    changes = [
        {"code": account.code, "type": account.type, "balance": totals[account]}
        for account in sorted(totals)
    ]
    await add_up(connection, AccountRow, ["code"], changes, kept=["type"])
    codes = [account.code for account in totals]
    return dict(await select_among(connection, [AccountRow.code, AccountRow.id], codes))
