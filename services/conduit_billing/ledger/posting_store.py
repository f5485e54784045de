"""Postings in the database. All of this happens in the caller's transaction, in its turn."""

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
    check(posting)
    if await find_posting(connection, posting.id) is not None:
        return False
    if posting.hold_id is not None:
        held = await find_posting(connection, posting.hold_id)
        ending = select(PostingRow.id).where(PostingRow.hold_id == posting.hold_id)
        check_ending(posting, held, await connection.scalar(ending))
    await insert_posting(connection, posting)
    return True


async def find_posting(connection: AsyncConnection, name: str) -> Posting | None:
    """Return a posting with its entries, None if there is none."""
    row = PostingRow
    query = select(row.id, row.kind, row.posted_at, row.hold_id, row.expires_at)
    found = (await connection.execute(query.where(row.id == name))).first()
    if found is None:
        return None
    entries = (
        select(AccountRow.code, AccountRow.type, EntryRow.amount)
        .join(AccountRow, AccountRow.id == EntryRow.account_id)
        .where(EntryRow.posting_id == name)
        .order_by(AccountRow.code)
    )
    return Posting(
        found.id,
        PostingKind(found.kind),
        found.posted_at,
        tuple(
            Entry(Account(code, AccountType(kind)), amount)
            for code, kind, amount in await connection.execute(entries)
        ),
        found.hold_id,
        found.expires_at,
    )


async def insert_posting(connection: AsyncConnection, posting: Posting) -> None:
    """Store a posting that is known to be new and sound, and bring the balances up to date."""
    row = (posting.id, posting.kind, posting.posted_at, posting.hold_id, posting.expires_at)
    await insert_rows(connection, PostingRow, [row])
    entries = sorted(posting.entries)
    changes = [
        {"code": account.code, "type": account.type, "balance": amount}
        for account, amount in entries
    ]
    await add_up(connection, AccountRow, ["code"], changes, kept=["type"])
    codes = [entry.account.code for entry in entries]
    ids = dict(await select_among(connection, [AccountRow.code, AccountRow.id], codes))
    rows = [(posting.id, ids[account.code], amount) for account, amount in entries]
    await insert_rows(connection, EntryRow, rows)
