"""Keeps leases: what routers hold of budgets, and until when."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from conduit_billing.budgets.accounts import (
    NewId,
    account_of,
    balances_of,
    open_accounts,
    room_at,
    spent_of_leases,
)
from conduit_billing.budgets.lease_rows import end_lease, hold_id, shrink_lease
from conduit_billing.budgets.rules import PREPAID, BudgetWindow, hard
from conduit_billing.ledger.posting_store import post
from conduit_billing.ledger.postings import hold
from conduit_billing.money import dollars
from conduit_billing.tables import LeaseRow
from conduit_billing.timestamps import MICRO, datetime_of
from conduit_billing.upserts import insert_rows, take_turns
from conduit_kernel.database import guarded, reader, writer
from conduit_kernel.errors import BudgetExceeded

SERVICE = "billing"
# For how long calls may begin on a lease.
USABLE_MICROS = 60 * MICRO
# How long a lease lasts unless it is renewed; what is left of a router that died is held so long.
LEASE_MICROS = 120 * MICRO
# The share of what is left that a lease may have beyond what its calls need at once.
SPARE_SHARE = 16
# For how long it is remembered what an ended lease was taken from.
RETENTION_MICROS = 7 * 86_400 * MICRO


class LeaseRequest(NamedTuple):
    """A router's request for a lease, in nano-dollars."""

    id: str
    virtual_key_id: int
    # What is of use at all, what the calls need that wait, and what more would be of use.
    least: int
    amount: int
    spare: int


class Lease(NamedTuple):
    """A lease that is granted; times in microseconds."""

    id: str
    virtual_key_id: int
    amount: int
    expires_at: int
    usable_for: int


class LeaseStore:
    """Grants leases of budgets, renews them, and ends them."""

    def __init__(self, engine: AsyncEngine, new_id: NewId) -> None:
        """Take what makes ids of postings."""
        self._writer = writer(engine)
        self._reader = reader(engine)
        self._new_id = new_id

    async def acquire(
        self, request: LeaseRequest, windows: Sequence[BudgetWindow], now: int
    ) -> Lease:
        """Hold a part of each budget. BudgetExceeded if a hard one has less than the least."""
        usable = min([USABLE_MICROS, *(w.ends_at - now for w in windows if w.ends_at is not None)])
        async with guarded(SERVICE), self._writer.begin() as connection:
            await take_turns(connection)
            row = LeaseRow
            known = select(row.amount, row.expires_at).where(row.id == request.id)
            found = (await connection.execute(known)).first()
            if found is not None:
                amount, expires_at = found
                return Lease(request.id, request.virtual_key_id, amount, expires_at, usable)
            ordered = sorted(windows, key=account_of)
            await open_accounts(connection, ordered, now, self._new_id)
            amount = await _granted(connection, request, ordered, now)
            expires_at = now + LEASE_MICROS
            for number, window in enumerate(ordered):
                name = hold_id(request.id, number)
                await post(connection, hold(name, account_of(window), amount, now, expires_at))
            values = (request.id, request.virtual_key_id, amount, 0, None)
            times = (len(ordered), now, expires_at, None)
            await insert_rows(connection, row, [(*values, *times)])
        return Lease(request.id, request.virtual_key_id, amount, expires_at, usable)

    async def renew(self, lease_ids: Collection[str], now: int) -> list[str]:
        """Put off the deadline of leases; return those that are not open."""
        row = LeaseRow
        there = row.id.in_(lease_ids), row.ended_at.is_(None)
        async with guarded(SERVICE), self._writer.begin() as connection:
            await take_turns(connection)
            found = frozenset((await connection.scalars(select(row.id).where(*there))).all())
            later = update(row).where(*there).values(expires_at=now + LEASE_MICROS)
            await connection.execute(later)
        return [each for each in lease_ids if each not in found]

    async def release(self, lease_id: str, spent: int, now: int) -> None:
        """End a lease that comes to so much, at once or when its charges are there.

        What is beyond that is given back at once.
        """
        row = LeaseRow
        async with guarded(SERVICE), self._writer.begin() as connection:
            await take_turns(connection)
            columns = (row.holds, row.spent, row.amount, row.expires_at)
            there = row.id == lease_id, row.ended_at.is_(None)
            found = (await connection.execute(select(*columns).where(*there))).first()
            if found is None:
                return
            holds, charged, amount, expires_at = found
            if charged >= spent:
                await end_lease(connection, lease_id, holds, charged, now)
                return
            if spent != amount:
                holds = await shrink_lease(connection, lease_id, holds, spent, expires_at, now)
            final = update(row).where(row.id == lease_id)
            await connection.execute(final.values(final=spent, amount=spent, holds=holds))

    async def expire(self, now: int) -> int:
        """End the leases whose deadline has passed; return how many there were."""
        row = LeaseRow
        due = select(row.id, row.holds, row.spent).where(
            row.ended_at.is_(None), row.expires_at <= now
        )
        async with guarded(SERVICE), self._reader.connect() as connection:
            if (await connection.execute(due.limit(1))).first() is None:
                return 0
        async with guarded(SERVICE), self._writer.begin() as connection:
            await take_turns(connection)
            found = (await connection.execute(due)).all()
            for lease in found:
                await end_lease(
                    connection, lease.id, lease.holds, lease.spent, now, is_expired=True
                )
        return len(found)

    async def forget(self, before: int) -> None:
        """Delete the leases that ended before a moment."""
        row = LeaseRow
        async with guarded(SERVICE), self._writer.begin() as connection:
            await connection.execute(delete(row).where(row.ended_at < before))


async def _granted(
    connection: AsyncConnection, request: LeaseRequest, windows: Sequence[BudgetWindow], now: int
) -> int:
    """Return how much a lease may have. BudgetExceeded if that is too little to be of use."""
    balances = await balances_of(connection, hard(windows))
    left = request.amount + request.spare * SPARE_SHARE
    for window, balance in balances.items():
        if balance.left < request.least:
            spent = balance.spent + await spent_of_leases(connection, window)
            room = await room_at(connection, window, request.least)
            raise _exceeded(window, (balance.limit, spent, request.least), now, room)
        left = min(left, balance.left)
    if left <= request.amount:
        return left
    # In whole calls, so that what is left over is of use to others.
    spare = min(request.spare, (left - request.amount) // SPARE_SHARE)
    return request.amount + spare // request.least * request.least


def _exceeded(
    window: BudgetWindow, sums: tuple[int, int, int], now: int, room_at: int | None
) -> BudgetExceeded:
    """Return why a budget has no room, of its limit, what is spent of it, and what is needed.

    `room_at` is when it has; None for never.
    """
    limit, used, needed = map(dollars, sums)
    metadata = {
        "subject": window.owner.name.replace("-", "_"),
        "period": window.period,
        "limit_usd": limit,
        "used_usd": used,
        "needed_usd": needed,
    }
    message = f"{window.owner.label} {_named(window, limit)} has no room for this call"
    message += f": ${used} are used, the rest is held by others or less than ${needed},"
    message += " which it may cost"
    if room_at is not None:
        resets_at = datetime_of(room_at).isoformat().replace("+00:00", "Z")
        metadata["resets_at"] = resets_at
        metadata["retry_after_ms"] = str(max(1, -(-(room_at - now) // 1000)))
        message += "; it has room again" if window.rolling_hours else "; it is whole again"
        message += f" at {resets_at}"
    return BudgetExceeded(message, **metadata)


def _named(window: BudgetWindow, limit: str) -> str:
    if window.rolling_hours:
        return f"budget of ${limit} in {window.rolling_hours} hours"
    if window.period == PREPAID:
        return f"prepaid balance of ${limit}"
    which = "total" if window.period == "total" else f"{window.period}'s"
    return f"{which} budget of ${limit}"
