"""The holds of leases in the database. All of this happens in a writer's transaction."""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from sqlalchemy import bindparam, update
from sqlalchemy.ext.asyncio import AsyncConnection

from conduit_billing.ledger.posting_store import endings_of, find_postings, post_all
from conduit_billing.ledger.postings import Posting, expire, hold, settle, void
from conduit_billing.tables import LeaseRow


class LeaseEnd(NamedTuple):
    """An open lease, how many holds there were of it, and what was spent of it."""

    id: str
    holds: int
    spent: int


class SmallerLease(NamedTuple):
    """An open lease that is to hold another amount from now on."""

    id: str
    holds: int
    amount: int
    expires_at: int


def hold_id(lease_id: str, number: int) -> str:
    """Return the id of a lease's hold of one of its budgets."""
    return f"{lease_id}.{number}"


async def holds_of(
    connection: AsyncConnection, leases: Iterable[tuple[str, int]]
) -> Mapping[str, list[Posting]]:
    """Return the holds that there were of leases, also those that others took the place of.

    Each lease is named with the number of its holds.
    """
    names = {name: [hold_id(name, number) for number in range(holds)] for name, holds in leases}
    found = await find_postings(connection, [each for own in names.values() for each in own])
    return {name: [found[each] for each in own if each in found] for name, own in names.items()}


async def open_holds_of(
    connection: AsyncConnection, leases: Iterable[tuple[str, int]]
) -> Mapping[str, list[Posting]]:
    """Return the holds of leases that nothing has ended, one for each of their budgets."""
    found = await holds_of(connection, leases)
    ended = await endings_of(connection, [each.id for holds in found.values() for each in holds])
    return {name: [each for each in own if each.id not in ended] for name, own in found.items()}


async def shrink_leases(
    connection: AsyncConnection, leases: Collection[SmallerLease], now: int
) -> Mapping[str, int]:
    """Hold other amounts for leases than are held; return how many holds there were of each."""
    found = await open_holds_of(connection, [(lease.id, lease.holds) for lease in leases])
    postings, counts = list[Posting](), dict[str, int]()
    for lease in leases:
        holds = lease.holds
        for held in found[lease.id]:
            source, name = held.taken.account, hold_id(lease.id, holds)
            postings.append(void(f"{held.id}e", held, now))
            postings.append(hold(name, source, lease.amount, now, lease.expires_at))
            holds += 1
        counts[lease.id] = holds
    await post_all(connection, postings)
    return counts


async def end_leases(
    connection: AsyncConnection,
    leases: Collection[LeaseEnd],
    now: int,
    *,
    is_expired: bool = False,
) -> None:
    """End open leases, and their holds, by what was spent of them."""
    if not leases:
        return
    found = await open_holds_of(connection, [(lease.id, lease.holds) for lease in leases])
    endings = [
        _ending(held, lease.spent, now, is_expired=is_expired)
        for lease in leases
        for held in found[lease.id]
    ]
    await post_all(connection, endings)
    row = LeaseRow
    ended = update(row).where(row.id == bindparam("name"))
    await connection.execute(
        ended.values(spent=bindparam("came_to"), ended_at=now),
        [{"name": lease.id, "came_to": lease.spent} for lease in leases],
    )


def _ending(held: Posting, spent: int, now: int, *, is_expired: bool) -> Posting:
    name = f"{held.id}e"
    if spent:
        return settle(name, held, spent, now)
    return (expire if is_expired else void)(name, held, now)
