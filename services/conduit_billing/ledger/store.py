"""Keeps the ledger: charges, their postings, and the sums that reports read.

All writers lock in one order: charges, accounts, days, tallies, hours, each sorted.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import orjson
from sqlalchemy import Row, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from conduit_billing.ledger.attempt_stats import AttemptStats, hour_buckets_of, hours_of
from conduit_billing.ledger.charges import Line, PostedCharge
from conduit_billing.ledger.double_entry import Entry, balances_of, days_of, entries_of
from conduit_billing.tables import (
    AccountRow,
    ChargeLineRow,
    ChargeRow,
    DayRow,
    EntryRow,
    HourBucketRow,
    HourRow,
    TallyRow,
)
from conduit_billing.upserts import add_up, insert_into, insert_rows
from conduit_kernel.database import guarded, reader, writer

SERVICE = "billing"
# The columns of `billing_charges`, which are the fields of a charge but its lines.
_COLUMNS = PostedCharge._fields[:-1]


class LedgerStore:
    """Stores charges once, however often they are delivered."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._writer = writer(engine)
        self._reader = reader(engine)

    async def record(self, charges: Iterable[PostedCharge], tallies: Iterable[AttemptStats]) -> int:
        """Store charges and tallies in one transaction; return how many charges were new."""
        unique = sorted({charge.id: charge for charge in charges}.values())
        async with guarded(SERVICE), self._writer.begin() as connection:
            fresh = await _insert_charges(connection, unique)
            await _post(connection, [entry for charge in fresh for entry in entries_of(charge)])
            await _add_days(connection, fresh)
            await _count(connection, {tally.id: tally for tally in tallies})
        return len(fresh)

    async def charges(
        self,
        *,
        limit: int,
        before: str = "",
        request_id: str = "",
        virtual_key_id: int = 0,
        provider_id: int = 0,
    ) -> Sequence[PostedCharge]:
        """Return charges, newest first, older than `before`."""
        query = select(*(getattr(ChargeRow, name) for name in _COLUMNS))
        filters = {
            ChargeRow.id < before: before,
            ChargeRow.request_id == request_id: request_id,
            ChargeRow.virtual_key_id == virtual_key_id: virtual_key_id,
            ChargeRow.provider_id == provider_id: provider_id,
        }
        query = query.where(*(clause for clause, given in filters.items() if given))
        async with guarded(SERVICE), self._reader.connect() as connection:
            rows = (
                await connection.execute(query.order_by(ChargeRow.id.desc()).limit(limit))
            ).all()
            lines = await _lines_of(connection, [row.id for row in rows])
        return [_charge(row, lines.get(row.id, ())) for row in rows]

    async def forget_tallies(self, before: int) -> None:
        """Delete the ids of tallies that began before a moment."""
        async with guarded(SERVICE), self._writer.begin() as connection:
            await connection.execute(delete(TallyRow).where(TallyRow.started_at < before))


async def _insert_charges(
    connection: AsyncConnection, charges: Sequence[PostedCharge]
) -> Sequence[PostedCharge]:
    if not charges:
        return ()
    insert = insert_into(connection, ChargeRow).on_conflict_do_nothing().returning(ChargeRow.id)
    rows = [dict(zip(_COLUMNS, _stored(charge), strict=True)) for charge in charges]
    new = set(await connection.scalars(insert, rows))
    fresh = [charge for charge in charges if charge.id in new]
    lines = [(each.id, at, *line) for each in fresh for at, line in enumerate(each.lines)]
    await insert_rows(connection, ChargeLineRow, lines)
    return fresh


def _stored(charge: PostedCharge) -> tuple[Any, ...]:
    """Return the columns of a charge."""
    *columns, qualifiers, _ = charge
    return (*columns, orjson.dumps(dict(qualifiers)).decode() if qualifiers else "")


def _charge(row: Row[Any], lines: Iterable[Line]) -> PostedCharge:
    *columns, qualifiers = tuple(row)
    pairs = orjson.loads(qualifiers).items() if qualifiers else ()
    return PostedCharge._make([*columns, tuple(pairs), tuple(lines)])


async def _post(connection: AsyncConnection, entries: Sequence[Entry]) -> None:
    balances = sorted(balances_of(entries).items())
    totals = [{"code": code, "balance": balance} for code, balance in balances]
    await add_up(connection, AccountRow, ["code"], totals)
    if not entries:
        return
    ids = await _account_ids(connection, [code for code, _ in balances])
    rows = [(entry.charge_id, ids[entry.account], entry.amount) for entry in entries]
    await insert_rows(connection, EntryRow, rows)


async def _account_ids(connection: AsyncConnection, codes: Collection[str]) -> dict[str, int]:
    query = select(AccountRow.code, AccountRow.id).where(AccountRow.code.in_(codes))
    return dict((await connection.execute(query)).all())


async def _add_days(connection: AsyncConnection, charges: Sequence[PostedCharge]) -> None:
    days = sorted(days_of(charges).items())
    rows = [{**key._asdict(), **total._asdict()} for key, total in days]
    keys = ["day", "provider_id", "account_group", "virtual_key_id", "model_alias"]
    await add_up(connection, DayRow, keys, rows)


async def _count(connection: AsyncConnection, tallies: dict[str, AttemptStats]) -> None:
    if not tallies:
        return
    insert = insert_into(connection, TallyRow).on_conflict_do_nothing().returning(TallyRow.id)
    rows = [{"id": name, "started_at": tallies[name].started_at} for name in sorted(tallies)]
    fresh = [tallies[name] for name in await connection.scalars(insert, rows)]
    hours = sorted(hours_of(fresh).items())
    totals = [{**key._asdict(), **total._asdict()} for key, total in hours]
    await add_up(connection, HourRow, ["hour", "provider_id"], totals)
    buckets = [
        {**key._asdict(), "bucket": bucket, "attempts": count}
        for (key, bucket), count in sorted(hour_buckets_of(fresh).items())
    ]
    await add_up(connection, HourBucketRow, ["hour", "provider_id", "bucket"], buckets)


async def _lines_of(connection: AsyncConnection, charges: Collection[str]) -> dict[str, list[Line]]:
    found: dict[str, list[Line]] = {}
    if charges:
        row = ChargeLineRow
        query = select(row.charge_id, row.unit, row.quantity, row.price)
        query = query.where(row.charge_id.in_(charges)).order_by(row.charge_id, row.position)
        for charge_id, unit, quantity, price in await connection.execute(query):
            found.setdefault(charge_id, []).append(Line(unit, quantity, price))
    return found
