"""Keeps leases: what routers hold of budgets, and until when."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from sqlalchemy import BindParameter, bindparam, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from conduit_billing.budgets.accounts import (
    Balance,
    NewId,
    account_of,
    balances_of,
    open_accounts,
    room_at,
    spent_of_leases,
)
from conduit_billing.budgets.lease_grants import (
    LeaseRequest,
    Shortfall,
    balance_key,
    exceeded,
    grant,
)
from conduit_billing.budgets.lease_rows import (
    LeaseEnd,
    SmallerLease,
    end_leases,
    hold_id,
    shrink_leases,
)
from conduit_billing.budgets.rules import BudgetWindow
from conduit_billing.gathering import Gatherer
from conduit_billing.ledger.posting_store import post_all
from conduit_billing.ledger.postings import hold
from conduit_billing.tables import LeaseRow
from conduit_billing.timestamps import MICRO
from conduit_billing.upserts import insert_rows, take_turns
from conduit_kernel.database import guarded, reader, writer
from conduit_kernel.errors import BudgetExceeded

SERVICE = "billing"
# For how long calls may begin on a lease.
USABLE_MICROS = 60 * MICRO
# How long a lease lasts unless it is renewed; what is left of a router that died is held so long.
LEASE_MICROS = 120 * MICRO
# For how long it is remembered what an ended lease was taken from.
RETENTION_MICROS = 7 * 86_400 * MICRO
# So many leases are granted, or given back, in one transaction.
MOST_AT_ONCE = 250


class Lease(NamedTuple):
    """A lease that is granted; times in microseconds."""

    id: str
    virtual_key_id: int
    amount: int
    expires_at: int
    usable_for: int


class _Wish(NamedTuple):
    """A request for a lease of budgets, at a moment."""

    request: LeaseRequest
    windows: Sequence[BudgetWindow]
    now: int

    def lease(self, amount: int, expires_at: int) -> Lease:
        """Return the lease that is granted: on which calls begin while no budget begins anew."""
        ends = [each.ends_at - self.now for each in self.windows if each.ends_at is not None]
        usable = min([USABLE_MICROS, *ends])
        return Lease(self.request.id, self.request.virtual_key_id, amount, expires_at, usable)


class _Return(NamedTuple):
    """A lease that its router gives back, which comes to so much."""

    id: str
    spent: int
    now: int


class LeaseStore:
    """Grants leases of budgets, renews them, and ends them.

    However many are asked for or given back at once, it is done in one transaction.
    """

    def __init__(self, engine: AsyncEngine, new_id: NewId) -> None:
        """Take what makes ids of postings."""
        self._writer = writer(engine)
        self._reader = reader(engine)
        self._new_id = new_id
        self._wishes = Gatherer[_Wish, Lease](self._grant_all, enough=MOST_AT_ONCE)
        self._returns = Gatherer[_Return, None](self._take_all_back, enough=MOST_AT_ONCE)

    async def acquire(
        self, request: LeaseRequest, windows: Sequence[BudgetWindow], now: int
    ) -> Lease:
        """Hold a part of each budget. BudgetExceeded if a hard one has less than the least."""
        return await self._wishes.ask(_Wish(request, sorted(windows, key=account_of), now))

    async def release(self, lease_id: str, spent: int, now: int) -> None:
        """End a lease that comes to so much, at once or when its charges are there.

        What is beyond that is given back at once.
        """
        await self._returns.ask(_Return(lease_id, spent, now))

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
            found = [LeaseEnd(*lease) for lease in await connection.execute(due)]
            await end_leases(connection, found, now, is_expired=True)
        return len(found)

    async def forget(self, before: int) -> None:
        """Delete the leases that ended before a moment."""
        row = LeaseRow
        async with guarded(SERVICE), self._writer.begin() as connection:
            await connection.execute(delete(row).where(row.ended_at < before))

    async def _grant_all(self, wishes: Sequence[_Wish]) -> list[Lease | BudgetExceeded]:
        """Grant each lease, in order, that there is room for, unless it is there already."""
        async with guarded(SERVICE), self._writer.begin() as connection:
            await take_turns(connection)
            known = await _known(connection, [wish.request.id for wish in wishes])
            fresh = {wish.request.id: wish for wish in wishes if wish.request.id not in known}
            balances = await self._opened(connection, [*fresh.values()])
            granted, refused = list[tuple[_Wish, Lease]](), dict[str, BudgetExceeded]()
            refusals = _Refusals(connection)
            for name, wish in fresh.items():
                amount = grant(wish.request, wish.windows, balances)
                if isinstance(amount, Shortfall):
                    refused[name] = await refusals.of(amount, wish.now)
                    continue
                lease = wish.lease(amount, wish.now + LEASE_MICROS)
                known[name] = lease.amount, lease.expires_at
                granted.append((wish, lease))
            await _hold(connection, granted)
        return [refused.get(w.request.id) or w.lease(*known[w.request.id]) for w in wishes]

    async def _opened(
        self, connection: AsyncConnection, wishes: Sequence[_Wish]
    ) -> dict[str, Balance]:
        """Return the balances of budgets, whose accounts are open from now on, by `balance_key`."""
        if not wishes:
            return {}
        # Between two of them the Registry may have told another limit: the last one holds.
        by_code = {account_of(window).code: window for wish in wishes for window in wish.windows}
        windows = [by_code[code] for code in sorted(by_code)]
        await open_accounts(connection, windows, max(wish.now for wish in wishes), self._new_id)
        balances = dict[str, Balance]()
        for window, balance in (await balances_of(connection, windows)).items():
            # Of two parts of the last hours each knows what the other one does not.
            key = balance_key(window)
            balances[key] = min(balance, balances.get(key, balance))
        return balances

    async def _take_all_back(self, returns: Sequence[_Return]) -> list[None]:
        """End each lease that is open, or hold no more for it than what is on its way."""
        row, now = LeaseRow, max(each.now for each in returns)
        told = {each.id: each.spent for each in returns}
        columns = row.id, row.holds, row.spent, row.amount, row.expires_at
        query = select(*columns).where(row.id.in_([*told]), row.ended_at.is_(None))
        async with guarded(SERVICE), self._writer.begin() as connection:
            await take_turns(connection)
            found = (await connection.execute(query)).all()
            over = [
                LeaseEnd(lease.id, lease.holds, lease.spent)
                for lease in found
                if lease.spent >= told[lease.id]
            ]
            awaited = {lease.id: lease for lease in found if lease.spent < told[lease.id]}
            await end_leases(connection, over, now)
            smaller = [
                SmallerLease(lease.id, lease.holds, told[lease.id], lease.expires_at)
                for lease in awaited.values()
                if told[lease.id] != lease.amount
            ]
            holds = await shrink_leases(connection, smaller, now)
            finals = [
                (lease.id, told[lease.id], holds.get(lease.id, lease.holds))
                for lease in awaited.values()
            ]
            await _await_charges(connection, finals)
        return [None] * len(returns)


async def _known(
    connection: AsyncConnection, lease_ids: Sequence[str]
) -> dict[str, tuple[int, int]]:
    """Return the amounts and deadlines of those of some leases that there are."""
    row = LeaseRow
    query = select(row.id, row.amount, row.expires_at).where(row.id.in_(lease_ids))
    return {name: (amount, at) for name, amount, at in await connection.execute(query)}


async def _hold(connection: AsyncConnection, granted: Sequence[tuple[_Wish, Lease]]) -> None:
    """Store leases, with a hold on each of their budgets."""
    postings = [
        hold(hold_id(lease.id, at), account_of(window), lease.amount, wish.now, lease.expires_at)
        for wish, lease in granted
        for at, window in enumerate(wish.windows)
    ]
    await post_all(connection, postings)
    rows = [
        (
            *(lease.id, lease.virtual_key_id, lease.amount, 0, None),
            *(len(wish.windows), wish.now, lease.expires_at, None),
        )
        for wish, lease in granted
    ]
    await insert_rows(connection, LeaseRow, rows)


class _Refusals:
    """Finds out what is said of budgets without room, once for all that need the same."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._charged: dict[str, int] = {}
        self._rooms: dict[tuple[str, int], int | None] = {}

    async def of(self, short: Shortfall, now: int) -> BudgetExceeded:
        """Return why a lease is refused."""
        window, code = short.window, account_of(short.window).code
        if code not in self._charged:
            self._charged[code] = await spent_of_leases(self._connection, window)
        if (code, short.needed) not in self._rooms:
            room = await room_at(self._connection, window, short.needed)
            self._rooms[code, short.needed] = room
        return exceeded(short, self._charged[code], self._rooms[code, short.needed], now)


async def _await_charges(
    connection: AsyncConnection, finals: Sequence[tuple[str, int, int]]
) -> None:
    """Note what leases come to, once their charges are there, and how many holds each had."""
    if not finals:
        return
    row = LeaseRow
    change = update(row).where(row.id == bindparam("name"))
    comes_to: BindParameter[int] = bindparam("comes_to")
    await connection.execute(
        change.values(final=comes_to, amount=comes_to, holds=bindparam("so_many")),
        [{"name": name, "comes_to": sum_, "so_many": count} for name, sum_, count in finals],
    )
