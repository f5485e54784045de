"""The accounts of budgets in the database. All of this happens in a writer's transaction."""

from collections import Counter
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
        earlier = [] if former is not None else await _spent_in_parts(connection, window, now)
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
        for part, cost in earlier:
            # None of them is there: it is the first one of its budget.
            if part != window:
                await open_accounts(connection, [part], now, new_id)
            await post(connection, spend(new_id(), account_of(part), cost, now))


async def balances_of(
    connection: AsyncConnection, windows: Iterable[BudgetWindow]
) -> dict[BudgetWindow, Balance]:
    """Return the balances of budgets whose accounts are open."""
    parts = {window: [_accounts_of(part) for part in window.parts()] for window in windows}
    codes = [account.code for threes in parts.values() for three in threes for account in three]
    columns = [AccountRow.code, AccountRow.balance]
    found: Mapping[str, int] = dict(await select_among(connection, columns, codes))

    def balance_of(window: BudgetWindow) -> Balance:
        each = [
            Balance(*(-found.get(account.code, 0) for account in three)) for three in parts[window]
        ]
        if not window.rolling_hours:
            return each[0]
        held, spent = sum(part.held for part in each), sum(part.spent for part in each)
        return Balance(window.limit - held - spent, held, spent)

    return {window: balance_of(window) for window in parts}


async def room_at(connection: AsyncConnection, window: BudgetWindow, needed: int) -> int | None:
    """Return when a budget has room for an amount again, if nothing more is spent; None if never.

    Of what is held now it counts as if all of it were spent.
    """
    if not window.rolling_hours or window.ends_at is None:
        return window.ends_at
    parts = window.parts()
    codes = {account.code: part for part in parts for account in _accounts_of(part)[1:]}
    columns = [AccountRow.code, AccountRow.balance]
    used = Counter[BudgetWindow]()
    for code, balance in await select_among(connection, columns, sorted(codes)):
        used[codes[code]] -= balance
    left = window.limit - used.total()
    for part in parts:
        if left >= needed:
            break
        left += used[part]
        if left >= needed:
            return part.whole_at
    return None


async def present_balances(
    connection: AsyncConnection, windows: Sequence[BudgetWindow]
) -> dict[BudgetWindow, Balance]:
    """Return how budgets stand, whether their accounts are open or not: nothing is written.

    What was charged to leases that are open is spent. The limits are the present ones.
    """
    codes = [account_of(window).code for window in windows]
    known = {code for (code,) in await select_among(connection, [BudgetWindowRow.code], codes)}
    opened = [w for w in windows if w.period == PREPAID or account_of(w).code in known]
    opened += [w for w in windows if w not in opened and await _has_parts(connection, w)]
    found = await balances_of(connection, opened)
    balances = {}
    for window in windows:
        if (balance := found.get(window)) is None:
            earlier = await _spent_in_parts(connection, window, window.starts_at)
            held, spent = 0, await _spent_before(connection, window)
            spent += sum(cost for _, cost in earlier)
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
    if window.rolling_hours:
        return 0
    code = account_of(window).code
    row = BudgetWindowRow
    former = select(row.code).where(
        row.ends_at == window.starts_at, row.code.startswith(code.rpartition(":")[0] + ":")
    )
    if (await connection.execute(former)).first() is not None:
        return 0
    return await _charged_in(connection, window)


async def _has_parts(connection: AsyncConnection, window: BudgetWindow) -> bool:
    """Return whether a budget over the last hours is known, whichever of its parts."""
    if not window.rolling_hours:
        return False
    head, row = account_of(window).code.rpartition(":")[0], BudgetWindowRow
    # Behind the colon come digits, before the semicolon.
    query = select(row.code).where(row.code > f"{head}:", row.code < f"{head};")
    return (await connection.execute(query.limit(1))).first() is not None


async def _spent_in_parts(
    connection: AsyncConnection, window: BudgetWindow, now: int
) -> list[tuple[BudgetWindow, int]]:
    """Return what was charged before a budget over the last hours was known, by its parts.

    Charges are added up by days, so all of a day's count as if they were made at its end.
    """
    if not window.rolling_hours or await _has_parts(connection, window):
        return []
    row, parts = DayRow, window.parts()
    query = (
        select(row.day, func.sum(row.cost))
        .where(
            row.dimension == Dimension.VIRTUAL_KEY,
            row.day >= parts[0].starts_at // DAY_MICROS,
            _is_spent_by(row.number, window),
        )
        .group_by(row.day)
    )
    costs = Counter[BudgetWindow]()
    for day, cost in await connection.execute(query):
        at = min((day + 1) * DAY_MICROS - 1, max(now, window.starts_at))
        part = next((each for each in parts if at < (each.ends_at or 0)), window)
        costs[part] += int(cost)
    return [(part, cost) for part, cost in costs.items() if cost]


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
