"""The accounts of budgets in the database. All of this happens in a writer's transaction."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, Select, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import InstrumentedAttribute

from conduit_billing.budgets.rules import PREPAID, BudgetWindow
from conduit_billing.ledger.days import Dimension
from conduit_billing.ledger.posting_store import post_all
from conduit_billing.ledger.postings import (
    Account,
    Posting,
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


def kind_of(window: BudgetWindow) -> str:
    """Return the code of a budget's account without the beginning of its period."""
    return account_of(window).code.rpartition(":")[0]


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
    rows, postings = list[tuple[str, int, int | None]](), list[Posting]()
    for window, code in zip(windows, codes, strict=True):
        former = granted.get(code)
        if former == window.limit:
            continue
        account = account_of(window)
        if former is None:
            rows.append((code, window.limit, window.ends_at))
        else:
            row = BudgetWindowRow
            change = update(row).where(row.code == code).values(limit=window.limit)
            await connection.execute(change)
        more = window.limit - (former or 0)
        if more:
            postings.append(adjustment(new_id(), account, -more, now))
    new = [window for window in windows if account_of(window).code not in granted]
    before = await _spent_before(connection, new)
    for window in windows:
        account = account_of(window)
        if spent := before.get(account.code):
            postings.append(spend(new_id(), account, spent, now))
    earlier = await _spent_in_parts_of(connection, new, now)
    await insert_rows(connection, BudgetWindowRow, rows)
    await post_all(connection, postings)
    for window, parts in earlier.items():
        # None of them is there: it is the first one of its budget.
        others = [part for part, _ in parts if part != window]
        await open_accounts(connection, others, now, new_id)
        spends = [spend(new_id(), account_of(part), cost, now) for part, cost in parts]
        await post_all(connection, spends)


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
    before = await _spent_before(connection, [w for w in windows if w not in found])
    for window in windows:
        if (balance := found.get(window)) is None:
            earlier = await _spent_in_parts(connection, window, window.starts_at)
            held, spent = 0, before.get(account_of(window).code, 0)
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


async def _spent_before(
    connection: AsyncConnection, windows: Iterable[BudgetWindow]
) -> dict[str, int]:
    """Return what was charged in budgets' periods before they were known, by their accounts' codes.

    One that was known in the period before is none of these: then calls that went on from there
    are paid from that one's leases, and all others opened this one.
    """
    new = {account_of(window).code: window for window in windows if not window.rolling_hours}
    for code in await _following(connection, new):
        del new[code]
    own, spent = defaultdict[int, dict[int, list[str]]](lambda: defaultdict(list)), dict[str, int]()
    for code, window in new.items():
        if window.owner.virtual_key_id:
            own[window.starts_at // DAY_MICROS][window.owner.virtual_key_id].append(code)
        else:
            spent[code] = await _charged_in(connection, window)
    for day, codes in own.items():
        for number, cost in (await connection.execute(_charged_since(day, codes))).all():
            spent |= dict.fromkeys(codes[number], int(cost))
    return spent


async def _following(connection: AsyncConnection, windows: Mapping[str, BudgetWindow]) -> list[str]:
    """Return which of some budgets were known in the period before, by their accounts' codes."""
    starts = {window.starts_at for window in windows.values()}
    if not starts:
        return []
    row = BudgetWindowRow
    query = select(row.code, row.ends_at).where(row.ends_at.in_(starts))
    former = {(code.rpartition(":")[0], at) for code, at in await connection.execute(query)}
    return [code for code, each in windows.items() if (kind_of(each), each.starts_at) in former]


def _charged_since(day: int, virtual_key_ids: Iterable[int]) -> Select[int, int]:
    """Return the query of what each of some virtual keys was charged from a day on."""
    row = DayRow
    return (
        select(row.number, func.sum(row.cost))
        .where(row.dimension == Dimension.VIRTUAL_KEY, row.day >= day)
        .where(row.number.in_([*virtual_key_ids]))
        .group_by(row.number)
    )


async def _spent_in_parts_of(
    connection: AsyncConnection, windows: Iterable[BudgetWindow], now: int
) -> dict[BudgetWindow, list[tuple[BudgetWindow, int]]]:
    """Return that of each budget over the last hours that is new, by one of its windows."""
    first = {kind_of(window): window for window in windows if window.rolling_hours}
    return {each: await _spent_in_parts(connection, each, now) for each in first.values()}


async def _has_parts(connection: AsyncConnection, window: BudgetWindow) -> bool:
    """Return whether a budget over the last hours is known, whichever of its parts."""
    if not window.rolling_hours:
        return False
    head, row = kind_of(window), BudgetWindowRow
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
