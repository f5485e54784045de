"""The accounts of budgets in the database. All of this happens in a writer's transaction."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import InstrumentedAttribute

from conduit_billing.budgets.rules import PREPAID, BudgetWindow
from conduit_billing.ledger.days import Dimension
from conduit_billing.ledger.posting_store import post
from conduit_billing.ledger.postings import (
    Account,
    adjustment,
    budget_account,
    held_account,
    prepaid_account,
    spend,
    spent_account,
)
from conduit_billing.tables import AccountRow, BudgetWindowRow, DayRow, LeaseRow
from conduit_billing.timestamps import DAY_MICROS
from conduit_billing.upserts import insert_rows, select_among

NewId = Callable[[], str]


class Balance(NamedTuple):
    """Nano-dollars of a budget that are left, held and spent; together they are its limit."""

    left: int
    held: int
    spent: int

    @property
    def limit(self) -> int:
        """Return what may be spent in all."""
        return self.left + self.held + self.spent


def account_of(window: BudgetWindow) -> Account:
    """Return the account of what is left of a budget, or of what was paid in."""
    if window.period == PREPAID:
        return prepaid_account(window.owner.name)
    return budget_account(window.owner.name, window.name)


async def open_accounts(
    connection: AsyncConnection, windows: Sequence[BudgetWindow], now: int, new_id: NewId
) -> None:
    """Grant each budget's account its limit, as far as that was not done before.

    A budget that is new counts what was charged in its period before. What was paid in is posted
    by who pays.
    """
    windows = [window for window in windows if window.period != PREPAID]
    codes = [account_of(window).code for window in windows]
    columns = [BudgetWindowRow.code, BudgetWindowRow.limit]
    granted: Mapping[str, int] = dict(await select_among(connection, columns, codes))
    for window, code in zip(windows, codes, strict=True):
        former = granted.get(code)
        if former == window.limit:
            continue
        account = account_of(window)
        if former is None:
            await insert_rows(connection, BudgetWindowRow, [(code, window.limit, window.ends_at)])
        else:
            row = BudgetWindowRow
            change = update(row).where(row.code == code).values(limit=window.limit)
            await connection.execute(change)
        more = window.limit - (former or 0)
        if more:
            await post(connection, adjustment(new_id(), account, -more, now))
        if former is None and (before := await _spent_before(connection, window)):
            await post(connection, spend(new_id(), account, before, now))


async def balances_of(
    connection: AsyncConnection, windows: Iterable[BudgetWindow]
) -> dict[BudgetWindow, Balance]:
    """Return the balances of budgets whose accounts are open."""
    accounts = {window: _accounts_of(window) for window in windows}
    codes = [account.code for three in accounts.values() for account in three]
    columns = [AccountRow.code, AccountRow.balance]
    found: Mapping[str, int] = dict(await select_among(connection, columns, codes))
    return {
        window: Balance(*(-found.get(account.code, 0) for account in three))
        for window, three in accounts.items()
    }


async def present_balances(
    connection: AsyncConnection, windows: Sequence[BudgetWindow]
) -> dict[BudgetWindow, Balance]:
    """Return how budgets stand, whether their accounts are open or not: nothing is written.

    What was charged to leases that are open is spent. The limits are the present ones.
    """
    codes = [account_of(window).code for window in windows]
    known = {code for (code,) in await select_among(connection, [BudgetWindowRow.code], codes)}
    opened = [w for w in windows if w.period == PREPAID or account_of(w).code in known]
    found = await balances_of(connection, opened)
    balances = {}
    for window in windows:
        if (balance := found.get(window)) is None:
            held, spent = 0, await _spent_before(connection, window)
        else:
            charged = await spent_of_leases(connection, window)
            held, spent = balance.held - charged, balance.spent + charged
        limit = balance.limit if window.period == PREPAID and balance else window.limit
        balances[window] = Balance(limit - held - spent, held, spent)
    return balances


async def spent_of_leases(connection: AsyncConnection, window: BudgetWindow) -> int:
    """Return what was charged to open leases: it is spent, and still among what is held."""
    row = LeaseRow
    query = select(func.coalesce(func.sum(row.spent), 0)).where(
        row.ended_at.is_(None), _is_spent_by(row.virtual_key_id, window)
    )
    return int(await connection.scalar(query) or 0)


async def _spent_before(connection: AsyncConnection, window: BudgetWindow) -> int:
    """Return what was charged in a budget's period before it was known.

    One that was known in the period before is none of these: then calls that went on from there
    are paid from that one's leases, and all others opened this one.
    """
    code = account_of(window).code
    row = BudgetWindowRow
    former = select(row.code).where(
        row.ends_at == window.starts_at, row.code.startswith(code.rpartition(":")[0] + ":")
    )
    if (await connection.execute(former)).first() is not None:
        return 0
    return await _charged_in(connection, window)


async def _charged_in(connection: AsyncConnection, window: BudgetWindow) -> int:
    row = DayRow
    query = select(func.coalesce(func.sum(row.cost), 0)).where(
        row.dimension == Dimension.VIRTUAL_KEY,
        row.day >= window.starts_at // DAY_MICROS,
        _is_spent_by(row.number, window),
    )
    return int(await connection.scalar(query) or 0)


def _accounts_of(window: BudgetWindow) -> tuple[Account, Account, Account]:
    account = account_of(window)
    return account, held_account(account), spent_account(account)


def _is_spent_by(column: InstrumentedAttribute[int], window: BudgetWindow) -> ColumnElement[bool]:
    """Return whether a virtual key spends a budget; zero stands for Conduit itself."""
    members = window.owner.members()
    return column != 0 if members is None else column.in_(members)
