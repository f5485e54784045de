"""Keeps charges for so many days: older ones are written to files, day by day, and deleted.

A day is marked first, so that no charge of it comes in any more; then its charges are written to a
file, and then deleted, a piece at a time. Whatever breaks off, the next step goes on from there.
Sums of days, balances and postings stay, and what was deleted is counted for each virtual key.
"""

import asyncio
import gzip
import os
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path

import orjson
import structlog
from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from conduit.v1.charge_json import charge_to_json
from conduit_billing.ledger.charges import PostedCharge, charge_message
from conduit_billing.ledger.store import LedgerStore
from conduit_billing.tables import AdjustmentRow, ChargeRow, DetachedDayRow, DetachedExpenseRow
from conduit_billing.timestamps import DAY_MICROS, MICRO, day_text
from conduit_billing.upserts import add_up, take_turns
from conduit_kernel.database import guarded, reader, writer
from conduit_kernel.ids import first_id_of, made_at, pack_id
from conduit_kernel.inserts import insert_into

SERVICE = "billing"
PIECE = 1_000
_DAY_MS = DAY_MICROS // 1_000


class ChargeRetention:
    """Detaches the days whose charges are kept no longer."""

    def __init__(
        self, engine: AsyncEngine, folder: Path, days: int, clock: Callable[[], float]
    ) -> None:
        """Take where files go, and how long charges are kept; 0 for ever.

        The clock gives seconds since 1970.
        """
        self._reader, self._writer = reader(engine), writer(engine)
        self._ledger = LedgerStore(engine)
        self._folder = folder
        self._days = days
        self._clock = clock

    async def run(self) -> None:
        """Detach all days that are due: a step of a loop."""
        if not self._days:
            return
        today = int(self._clock() * MICRO) // DAY_MICROS
        while (day := await self._oldest()) is not None and day < today - self._days:
            await self._detach(day)

    async def _oldest(self) -> int | None:
        """Return the day of the oldest charge, by the time that its id tells."""
        async with guarded(SERVICE), self._reader.connect() as connection:
            found = await connection.scalar(select(ChargeRow.id).order_by(ChargeRow.id).limit(1))
        milliseconds = None if found is None else made_at(pack_id(found))
        return None if milliseconds is None else milliseconds // _DAY_MS

    async def _detach(self, day: int) -> None:
        path = self._folder / f"{day_text(day)}.jsonl.gz"
        # A file of an unmarked day is another ledger's, or of this one before it was restored.
        if not await self._is_marked(day):
            await asyncio.to_thread(_set_aside, path, int(self._clock()))
            await self._mark(day)
        if not await asyncio.to_thread(path.exists):
            await self._write(path, day)
        count = 0
        while deleted := await self._delete(day):
            count += deleted
        log = structlog.get_logger("billing")
        log.info("charges_detached", day=day_text(day), charges=count, file=str(path))

    async def _is_marked(self, day: int) -> bool:
        row = DetachedDayRow
        async with guarded(SERVICE), self._reader.connect() as connection:
            return await connection.scalar(select(row.day).where(row.day == day)) is not None

    async def _mark(self, day: int) -> None:
        """Let no charge of a day in any more."""
        async with guarded(SERVICE), self._writer.begin() as connection:
            await take_turns(connection)
            insert = insert_into(connection.dialect, DetachedDayRow)
            values = insert.values(day=day, detached_at=int(self._clock() * MICRO))
            await connection.execute(values.on_conflict_do_nothing())

    async def _write(self, path: Path, day: int) -> None:
        """Write a day's charges, newest first; the file is there once it is whole."""
        await asyncio.to_thread(path.parent.mkdir, mode=0o700, parents=True, exist_ok=True)
        # Each process has its own, where several share a folder.
        part = path.with_suffix(f".{os.getpid()}")
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            with gzip.GzipFile(fileobj=file, mode="wb") as packed:
                async for piece in self._charges(day):
                    await asyncio.to_thread(packed.write, _lines(piece))
            await asyncio.to_thread(_sync, file.fileno())
        await asyncio.to_thread(part.replace, path)

    async def _charges(self, day: int) -> AsyncIterator[list[PostedCharge]]:
        first, before = first_id_of(day * _DAY_MS), first_id_of((day + 1) * _DAY_MS)
        while True:
            found = await self._ledger.charges(limit=PIECE, before=before)
            piece = [charge for charge in found if charge.id >= first]
            if piece:
                yield piece
            if len(piece) < PIECE:
                return
            before = piece[-1].id

    async def _delete(self, day: int) -> int:
        """Delete some of a day's charges; return how many there were."""
        row = ChargeRow
        query = select(row.id, row.virtual_key_id, row.cost)
        query = query.where(row.id < first_id_of((day + 1) * _DAY_MS)).order_by(row.id)
        async with guarded(SERVICE), self._writer.begin() as connection:
            await take_turns(connection)
            found = (await connection.execute(query.limit(PIECE))).all()
            if not found:
                return 0
            costs: dict[int, int] = {}
            for _, virtual_key_id, cost in found:
                costs[virtual_key_id] = costs.get(virtual_key_id, 0) + (cost or 0)
            await self._delete_adjustments(connection, found[-1].id, costs)
            sums = [{"virtual_key_id": key, "cost": costs[key]} for key in sorted(costs)]
            await add_up(connection, DetachedExpenseRow, ["virtual_key_id"], sums)
            await connection.execute(delete(row).where(row.id <= found[-1].id))
        return len(found)

    async def _delete_adjustments(
        self, connection: AsyncConnection, last: str, costs: dict[int, int]
    ) -> None:
        """Delete those of charges up to one, and add what they changed of the costs of keys."""
        row = AdjustmentRow
        more = func.sum(row.cost_after - func.coalesce(row.cost_before, 0))
        query = select(row.virtual_key_id, more).where(row.charge_id <= last)
        for key, cost in await connection.execute(query.group_by(row.virtual_key_id)):
            costs[key] = costs.get(key, 0) + int(cost)
        await connection.execute(delete(row).where(row.charge_id <= last))


def _lines(charges: Iterable[PostedCharge]) -> bytes:
    found = (orjson.dumps(charge_to_json(charge_message(charge))) for charge in charges)
    return b"".join(line + b"\n" for line in found)


def _set_aside(path: Path, now: int) -> None:
    if path.exists():
        path.rename(path.with_name(f"{path.name}.{now}"))


def _sync(descriptor: int) -> None:
    os.fsync(descriptor)
