"""Checks what must hold of a ledger, whatever happened: it reads, and changes nothing."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import InstrumentedAttribute, aliased

from conduit_billing.ledger.postings import AccountType, PostingKind
from conduit_billing.tables import (
    AccountRow,
    AdjustmentRow,
    AttributionRow,
    BudgetWindowRow,
    ChargeRow,
    DetachedExpenseRow,
    EntryRow,
    LeaseRow,
    PostingRow,
)
from conduit_kernel.database import guarded, reader

SERVICE = "billing"
Query = sa.Select[Any]
# How accounts begin of what was paid in.
_PREPAID = "prepaid:"
# Of each rule so many breaches are told one by one.
MAX_TOLD = 20


class Breach(NamedTuple):
    """A rule that does not hold, and for what."""

    rule: str
    subject: str

    def __str__(self) -> str:
        """Tell it in a line."""
        return f"{self.subject}: {self.rule}"


async def breaches(engine: AsyncEngine, now: int) -> list[Breach]:
    """Return what does not hold of a ledger, as it is at one moment; nothing if all is well.

    At most `MAX_TOLD` of each rule. Holds are late after `now`.
    """
    async with guarded(SERVICE), reader(engine).connect() as connection:
        if connection.dialect.name == "postgresql":
            # All queries see the ledger as it was at the first one; on SQLite they do anyway.
            await connection.execute(sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        return [
            Breach(rule, str(subject))
            for rule, query in _rules(now)
            for (subject, *_) in await connection.execute(query.limit(MAX_TOLD))
        ]


def _rules(now: int) -> Iterator[tuple[str, Query]]:
    """Yield each rule with the query of what breaks it."""
    yield "the entries of a posting add up to zero", _unbalanced()
    yield "a balance is the sum of its account's entries", _wrong_balances()
    yield "a hold is ended by its deadline", _late_holds(now)
    yield "a hold ends when its lease does", _orphaned_holds()
    yield "an open lease has spent what its charges cost", _wrong_leases()
    yield "what is left, held and spent of a budget is its limit", _wrong_windows()
    yield "what is left, held and spent of a prepaid balance was paid in", _wrong_prepaid()
    yield "what a charge cost is in a posting", _unposted_charges()
    yield "a charge has an attribution", _unattributed_charges()
    yield "a charge with a price names the price's version", _versionless_charges()
    yield "an adjustment begins with what its charge cost before", _wrong_adjustments()
    yield "what an adjustment changes is in a posting", _unposted_adjustments()
    yield "a virtual key's expenses are what its charges cost", _wrong_expenses()


def _unbalanced() -> Query:
    row = EntryRow
    query = sa.select(row.posting_id).group_by(row.posting_id)
    return query.having(sa.func.sum(row.amount) != 0)


def _wrong_balances() -> Query:
    entries = (
        sa.select(EntryRow.account_id, sa.func.sum(EntryRow.amount).label("total"))
        .group_by(EntryRow.account_id)
        .subquery()
    )
    total = sa.func.coalesce(entries.c.total, 0)
    query = sa.select(AccountRow.code).outerjoin(entries, entries.c.account_id == AccountRow.id)
    return query.where(AccountRow.balance != total)


def _open_holds() -> Query:
    ending = aliased(PostingRow)
    return (
        sa.select(PostingRow.id)
        .outerjoin(ending, ending.hold_id == PostingRow.id)
        .where(PostingRow.kind == PostingKind.HOLD, ending.id.is_(None))
    )


def _lease_of_hold() -> sa.ColumnElement[bool]:
    # Its id is the lease's, which is packed into 16 bytes, with a dot and a number.
    return sa.type_coerce(LeaseRow.id, sa.LargeBinary) == sa.func.substr(
        sa.type_coerce(PostingRow.id, sa.LargeBinary), 1, 16
    )


def _late_holds(now: int) -> Query:
    deadline = sa.func.coalesce(LeaseRow.expires_at, PostingRow.expires_at)
    query = _open_holds().outerjoin(LeaseRow, _lease_of_hold())
    return query.where(deadline < now)


def _orphaned_holds() -> Query:
    query = _open_holds().join(LeaseRow, _lease_of_hold())
    return query.where(LeaseRow.ended_at.is_not(None))


def _wrong_leases() -> Query:
    charged = (
        sa.select(ChargeRow.lease_id, sa.func.sum(ChargeRow.cost).label("cost"))
        .where(ChargeRow.lease_id != "")
        .group_by(ChargeRow.lease_id)
        .subquery()
    )
    query = sa.select(LeaseRow.id).outerjoin(charged, charged.c.lease_id == LeaseRow.id)
    spent = sa.func.coalesce(charged.c.cost, 0)
    return query.where(LeaseRow.ended_at.is_(None), LeaseRow.spent != spent)


def _unposted_charges() -> Query:
    query = sa.select(ChargeRow.id).outerjoin(PostingRow, PostingRow.id == ChargeRow.posting_id)
    return query.where(ChargeRow.cost > 0, PostingRow.id.is_(None))


def _unattributed_charges() -> Query:
    row, common = ChargeRow, AttributionRow
    query = sa.select(row.id).outerjoin(common, common.id == row.attribution_id)
    return query.where(common.id.is_(None))


def _versionless_charges() -> Query:
    row, common = ChargeRow, AttributionRow
    query = sa.select(row.id).join(common, common.id == row.attribution_id)
    return query.where(row.lines.contains("@"), common.price_version == "")


def _wrong_adjustments() -> Query:
    row, former = AdjustmentRow, aliased(AdjustmentRow)
    is_former = sa.and_(former.charge_id == row.charge_id, former.number == row.number - 1)
    query = sa.select(row.charge_id).outerjoin(former, is_former)
    query = query.join(ChargeRow, ChargeRow.id == row.charge_id)
    is_first = row.number == 1
    return query.where(
        sa.or_(
            sa.and_(is_first, row.cost_before.is_distinct_from(ChargeRow.cost)),
            sa.and_(~is_first, row.cost_before.is_distinct_from(former.cost_after)),
        )
    )


def _unposted_adjustments() -> Query:
    row = AdjustmentRow
    query = sa.select(row.charge_id).outerjoin(PostingRow, PostingRow.id == row.posting_id)
    return query.where(row.posting_id.is_not(None), PostingRow.id.is_(None))


def _expense_code(virtual_key_id: InstrumentedAttribute[int]) -> sa.ColumnElement[str]:
    number = sa.cast(virtual_key_id, sa.String)
    return sa.case(
        (virtual_key_id == 0, "expense:internal"),
        else_=sa.literal("expense:virtual-key:").concat(number),
    )


def _wrong_expenses() -> Query:
    code = _expense_code(ChargeRow.virtual_key_id)
    kept = sa.select(code.label("code"), ChargeRow.cost).where(ChargeRow.cost > 0)
    detached = sa.select(_expense_code(DetachedExpenseRow.virtual_key_id), DetachedExpenseRow.cost)
    row = AdjustmentRow
    more = row.cost_after - sa.func.coalesce(row.cost_before, 0)
    adjusted = sa.select(_expense_code(row.virtual_key_id), more)
    both = sa.union_all(kept, detached, adjusted).subquery()
    charged = (
        sa.select(both.c.code, sa.func.sum(both.c.cost).label("cost"))
        .group_by(both.c.code)
        .subquery()
    )
    query = sa.select(charged.c.code).outerjoin(AccountRow, AccountRow.code == charged.c.code)
    balance = sa.func.coalesce(AccountRow.balance, 0)
    return query.where(balance != charged.c.cost)


def _wrong_windows() -> Query:
    left, held, spent = (aliased(AccountRow) for _ in range(3))
    window = BudgetWindowRow
    total = sum(-sa.func.coalesce(each.balance, 0) for each in (left, held, spent))
    query = sa.select(window.code).outerjoin(left, left.code == window.code)
    query = query.outerjoin(held, held.code == sa.literal("held:").concat(window.code))
    query = query.outerjoin(spent, spent.code == sa.literal("spent:").concat(window.code))
    return query.where(window.limit != total)


def _wrong_prepaid() -> Query:
    left, *others = (aliased(AccountRow) for _ in range(5))
    owner = sa.func.substr(left.code, len(_PREPAID) + 1)
    codes = [sa.literal("received:").concat(owner)]
    codes += [sa.literal(head).concat(left.code) for head in ("adjustment:", "held:", "spent:")]
    query = sa.select(left.code).where(left.type == AccountType.PREPAID)
    for other, code in zip(others, codes, strict=True):
        query = query.outerjoin(other, other.code == code)
    total = sum(sa.func.coalesce(each.balance, 0) for each in (left, *others))
    return query.where(sa.literal(0) != total)
