"""What charges do to budgets: they are paid from their lease, or else from what is left."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from conduit_billing.budgets.accounts import NewId, account_of, open_accounts
from conduit_billing.budgets.lease_rows import LeaseEnd, end_leases, holds_of
from conduit_billing.budgets.rules import BudgetRules, BudgetWindow
from conduit_billing.ledger.charges import PostedCharge
from conduit_billing.ledger.posting_store import post
from conduit_billing.ledger.postings import spend
from conduit_billing.tables import AccountRow, LeaseRow
from conduit_billing.upserts import select_among


class BudgetSpending:
    """Takes what charges cost from the budgets that pay for them, once for each charge."""

    def __init__(self, rules: BudgetRules, new_id: NewId) -> None:
        """Take the budgets, and what makes ids of postings."""
        self._rules = rules
        self._new_id = new_id

    def group_of(self, virtual_key_id: int) -> int:
        """Return the group that a virtual key is in now; 0 for none."""
        return self._rules.group_of(virtual_key_id)

    async def spend(
        self, connection: AsyncConnection, charges: Sequence[PostedCharge], now: int
    ) -> None:
        """Take in charges that are new, in the transaction that stores them."""
        leased, others = Counter[str](), list[PostedCharge]()
        for charge in charges:
            if not charge.cost:
                continue
            if charge.lease_id:
                leased[charge.lease_id] += charge.cost
            elif charge.virtual_key_id:
                others.append(charge)
        if leased:
            unknown = await self._spend_leases(connection, leased, now)
            others += [each for each in charges if each.cost and each.lease_id in unknown]
        if others:
            await self._spend_unleased(connection, others, now)

    async def _spend_leases(
        self, connection: AsyncConnection, leased: Counter[str], now: int
    ) -> frozenset[str]:
        """Count what leases paid for; return those that nobody knows any more."""
        row = LeaseRow
        found = (
            await connection.execute(
                select(row.id, row.spent, row.final, row.holds, row.ended_at).where(
                    row.id.in_(sorted(leased))
                )
            )
        ).all()
        over = list[LeaseEnd]()
        for lease in found:
            cost = leased[lease.id]
            if lease.ended_at is not None:
                await self._spend_late(connection, lease.id, lease.holds, cost, now)
                continue
            spent = lease.spent + cost
            await connection.execute(update(row).where(row.id == lease.id).values(spent=spent))
            if lease.final is not None and spent >= lease.final:
                over.append(LeaseEnd(lease.id, lease.holds, spent))
        await end_leases(connection, over, now)
        return frozenset(leased) - {lease.id for lease in found}

    async def _spend_late(
        self, connection: AsyncConnection, lease_id: str, holds: int, cost: int, now: int
    ) -> None:
        """Take from the budgets of a lease that has ended what comes after its end."""
        found = await holds_of(connection, [(lease_id, holds)])
        sources = {hold.taken.account for hold in found[lease_id]}
        for source in sorted(sources):
            await post(connection, spend(self._new_id(), source, cost, now))

    async def _spend_unleased(
        self, connection: AsyncConnection, charges: Sequence[PostedCharge], now: int
    ) -> None:
        costs = defaultdict[BudgetWindow, int](int)
        for charge in charges:
            for window in self._rules.windows(charge.virtual_key_id, charge.occurred_at):
                costs[window] += charge.cost or 0
        if not costs:
            return
        windows = sorted(costs, key=account_of)
        await open_accounts(connection, windows, now, self._new_id)
        for window in windows:
            await post(connection, spend(self._new_id(), account_of(window), costs[window], now))

    async def adjust(
        self, connection: AsyncConnection, costs: Iterable[tuple[int, int, int]], now: int
    ) -> None:
        """Take in that charges cost more, or less: by virtual key, moment and difference.

        Budgets that nobody knew in that period count no charges of it either.
        """
        sums = defaultdict[BudgetWindow, int](int)
        for virtual_key_id, at, difference in costs:
            for window in self._rules.windows(virtual_key_id, at) if virtual_key_id else ():
                sums[window] += difference
        codes = [account_of(window).code for window in sums]
        found = await select_among(connection, [AccountRow.code], codes)
        known = frozenset(code for (code,) in found)
        for window in sorted(sums, key=account_of):
            account, cost = account_of(window), sums[window]
            if cost and account.code in known:
                await post(connection, spend(self._new_id(), account, cost, now))
