"""Adjustments of charges in the database."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from conduit.v1.audit_entry_pb2 import AUDIT_ACTION_UPDATED
from conduit_billing.budgets.spending import BudgetSpending
from conduit_billing.ledger.adjustments import (
    Adjustment,
    Price,
    Repriced,
    Standing,
    adjusted_days,
    adjustment_posting,
    reprice,
)
from conduit_billing.ledger.charges import PostedCharge
from conduit_billing.ledger.days import DayKey
from conduit_billing.ledger.posting_store import insert_postings
from conduit_billing.money import dollars
from conduit_billing.tables import AdjustmentRow, DayRow
from conduit_billing.upserts import add_up, insert_rows, select_among_bytes, take_turns
from conduit_kernel.audit.author import Author
from conduit_kernel.audit.outbox import AuditOutbox, RecordedChange
from conduit_kernel.database import guarded, reader, writer
from conduit_kernel.ids import pack_id, unpack_id

SERVICE = "billing"


class AdjustmentStore:
    """Posts what charges cost by the prices of now, each once, with a record for the audit log.

    What broke off in the middle is done once more: what was adjusted is not again.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        spending: BudgetSpending,
        outbox: AuditOutbox,
        new_id: Callable[[], str],
    ) -> None:
        """Take what budgets are spent by, the log, and what makes ids of postings."""
        self._writer = writer(engine)
        self._reader = reader(engine)
        self._spending = spending
        self._outbox = outbox
        self._new_id = new_id

    async def found(self, charges: Sequence[PostedCharge], price: Price) -> Repriced:
        """Return how charges would be adjusted, and change nothing."""
        async with guarded(SERVICE), self._reader.connect() as connection:
            return reprice(charges, await standings_of(connection, charges), price)

    async def adjust(
        self,
        charges: Sequence[PostedCharge],
        price: Price,
        now: int,
        author: Author,
        said: Mapping[str, str],
    ) -> Repriced:
        """Adjust charges, and what budgets and reports have of them, at once.

        `said` is what was asked for, for the audit log.
        """
        async with guarded(SERVICE), self._writer.begin() as connection:
            await take_turns(connection)
            found = reprice(charges, await standings_of(connection, charges), price)
            if found.adjustments:
                await self._post(connection, found.adjustments, now)
                record = _record(found.adjustments, said)
                await self._outbox.add(connection, author, record, now)
        if found.adjustments:
            self._outbox.announce()
        return found

    async def _post(
        self, connection: AsyncConnection, adjustments: Sequence[Adjustment], now: int
    ) -> None:
        posting = adjustment_posting(self._new_id(), adjustments, now)
        if posting is not None:
            await insert_postings(connection, [posting])
        posting_id = None if posting is None else posting.id
        rows = [_row(each, now, posting_id) for each in adjustments]
        await insert_rows(connection, AdjustmentRow, rows)
        costs = [
            (each.charge.virtual_key_id, each.charge.occurred_at, each.difference)
            for each in adjustments
        ]
        await self._spending.adjust(connection, costs, now)
        days = sorted(adjusted_days(adjustments, self._spending.group_of).items())
        sums = [{**key._asdict(), **total._asdict()} for key, total in days]
        await add_up(connection, DayRow, list(DayKey._fields), sums)


async def standings_of(
    connection: AsyncConnection, charges: Iterable[PostedCharge]
) -> dict[str, Standing]:
    """Return the last adjustments of charges that have any, by the ids of these."""
    row = AdjustmentRow
    columns = [row.charge_id, row.number, row.cost_after, row.price_version]
    ids = sorted(pack_id(charge.id) for charge in charges)
    found: dict[str, Standing] = {}
    for charge_id, *values in await select_among_bytes(connection, columns, ids):
        standing, name = Standing(*values), unpack_id(bytes(charge_id))
        if name not in found or found[name].number < standing.number:
            found[name] = standing
    return found


def is_last(row: type[AdjustmentRow], other: type[AdjustmentRow]) -> ColumnElement[bool]:
    """Return whether an adjustment is its charge's last one; `other` is the same table."""
    later = select(other.number).where(other.charge_id == row.charge_id, other.number > row.number)
    return ~later.exists()


def _row(each: Adjustment, now: int, posting_id: str | None) -> tuple[object, ...]:
    charge = each.charge
    return (
        *(charge.id, each.number, charge.virtual_key_id, each.price_version),
        *(each.before, each.after, now, posting_id),
    )


def _record(adjustments: Sequence[Adjustment], said: Mapping[str, str]) -> RecordedChange:
    difference = sum(each.difference for each in adjustments)
    told = {"charges": str(len(adjustments)), "differenceUsd": dollars(difference), **said}
    return RecordedChange(AUDIT_ACTION_UPDATED, "charges", "", {"repriced": told})
