"""The holds of leases in the database. All of this happens in a writer's transaction."""

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from conduit_billing.ledger.posting_store import find_posting, post
from conduit_billing.ledger.postings import Posting, expire, hold, settle, void
from conduit_billing.tables import LeaseRow, PostingRow


def hold_id(lease_id: str, number: int) -> str:
    """Return the id of a lease's hold of one of its budgets."""
    return f"{lease_id}.{number}"


async def holds_of(connection: AsyncConnection, lease_id: str, holds: int) -> list[Posting]:
    """Return the holds that there were of a lease, also those that others took the place of."""
    names = [hold_id(lease_id, number) for number in range(holds)]
    found = [await find_posting(connection, name) for name in names]
    return [hold for hold in found if hold is not None]


async def open_holds_of(connection: AsyncConnection, lease_id: str, holds: int) -> list[Posting]:
    """Return the holds of a lease that nothing has ended, one for each of its budgets."""
    found = await holds_of(connection, lease_id, holds)
    query = select(PostingRow.hold_id).where(PostingRow.hold_id.in_([each.id for each in found]))
    ended = frozenset(await connection.scalars(query))
    return [hold for hold in found if hold.id not in ended]


async def shrink_lease(  # noqa: PLR0917 # the lease's row, and when
    connection: AsyncConnection, lease_id: str, holds: int, amount: int, expires_at: int, now: int
) -> int:
    """Hold so much for a lease in place of what is held; return how many holds there were of it."""
    for held in await open_holds_of(connection, lease_id, holds):
        await post(connection, void(f"{held.id}e", held, now))
        source, name = held.taken.account, hold_id(lease_id, holds)
        await post(connection, hold(name, source, amount, now, expires_at))
        holds += 1
    return holds


async def end_lease(  # the lease's row, and when
    connection: AsyncConnection,
    lease_id: str,
    holds: int,
    spent: int,
    now: int,
    *,
    is_expired: bool = False,
) -> None:
    """End an open lease, and its holds, by what was spent of them."""
    for held in await open_holds_of(connection, lease_id, holds):
        name = f"{held.id}e"
        if spent:
            ending = settle(name, held, spent, now)
        else:
            ending = (expire if is_expired else void)(name, held, now)
        await post(connection, ending)
    row = LeaseRow
    await connection.execute(
        update(row).where(row.id == lease_id).values(spent=spent, ended_at=now)
    )
