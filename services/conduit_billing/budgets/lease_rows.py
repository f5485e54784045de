"""The ends of leases in the database. All of this happens in a writer's transaction."""

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from conduit_billing.ledger.posting_store import find_posting, post
from conduit_billing.ledger.postings import Posting, expire, settle, void
from conduit_billing.tables import LeaseRow


def hold_id(lease_id: str, number: int) -> str:
    """Return the id of a lease's hold of one of its budgets."""
    return f"{lease_id}.{number}"


async def holds_of(connection: AsyncConnection, lease_id: str, holds: int) -> list[Posting]:
    """Return the holds of a lease, one for each of its budgets."""
    found = [await find_posting(connection, hold_id(lease_id, number)) for number in range(holds)]
    return [hold for hold in found if hold is not None]


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
    for held in await holds_of(connection, lease_id, holds):
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
