"""Keeps what became of requests, within bounds."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import lru_cache
from heapq import merge
from typing import Any, NamedTuple

from sqlalchemy import Select, delete, exists, func, select
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.orm import InstrumentedAttribute

from conduit.internal.v1.request_log_service_pb2 import LogRequestsRequest
from conduit_kernel.database import guarded, reader, writer
from conduit_kernel.inserts import insert_into
from conduit_storage.request_log.blocks import BLOCK, block_row, requests_in
from conduit_storage.request_log.rows import ROW, kind_row, request_rows
from conduit_storage.request_log.tables import BlockRow, KindRow, RequestRow

SERVICE = "storage"
# So many rows are deleted at a time, so that nobody waits for long who has some to store.
PIECE = 5_000
# A block takes as long as so many of them.
_ROWS_OF_BLOCK = 100
# And so many times in one step: more than come in a minute, and not so many that others starve.
MOST_PIECES = 60
PAUSE_SECONDS = 0.05
# A kind that was stored so recently may have a request on its way.
_KIND_SECONDS = 3600.0


class LogBounds(NamedTuple):
    """The most that is kept."""

    retention_seconds: float
    requests: int


class RequestLogStore:
    """Stores the ends of requests; times are in seconds since 1970."""

    def __init__(
        self,
        engine: AsyncEngine,
        bounds: LogBounds,
        *,
        piece: int = PIECE,
        most_pieces: int = MOST_PIECES,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        """Take the most that is kept, and how many rows are deleted at a time, and in a step."""
        self._writer = writer(engine)
        self._reader = reader(engine)
        self._bounds = bounds
        self._piece = piece
        self._most_pieces = most_pieces
        self._sleep = sleep

    async def add(self, request: LogRequestsRequest, now: float) -> None:
        """Store requests; those that are stored already are left as they are.

        InvalidRequest if they are not as the contract has them.
        """
        nanos = _nanos(now)
        kinds = [kind_row(kind, nanos) for kind in request.kinds]
        rows = request_rows(request, [each["id"] for each in kinds])
        blocks = list[tuple[object, ...]]()
        for block in request.blocks:
            kind = kind_row(block.kind, nanos)
            kinds.append(kind)
            row = block_row(block, kind["id"])
            if row is not None:
                blocks.append(row)
            else:
                some = requests_in(block.facts, block.sizes)
                rows += [each.row(kind["id"], block.revision) for each in some]
        if rows or blocks:
            await self._insert(kinds, rows, blocks)

    async def _insert(
        self,
        kinds: Sequence[Mapping[str, Any]],
        rows: Sequence[tuple[object, ...]],
        blocks: Sequence[tuple[object, ...]],
    ) -> None:
        # Always in the same order, so that two who store do not wait for each other.
        kinds = sorted({each["id"]: each for each in kinds}.values(), key=lambda each: each["id"])
        async with guarded(SERVICE), self._writer.begin() as connection:
            kind = insert_into(connection.dialect, KindRow)
            seen = {"seen_at": kind.excluded.seen_at}
            kind = kind.on_conflict_do_update(index_elements=[KindRow.id], set_=seen)
            await connection.execute(kind, kinds)
            for table, columns, values in ((RequestRow, ROW, rows), (BlockRow, BLOCK, blocks)):
                if values:
                    # As it stands: to bind by names would take twice as long.
                    statement = _statement(connection.dialect, table, columns)
                    await connection.exec_driver_sql(statement, list(values))

    async def forget(self, now: float) -> None:
        """Delete what is too old, and the oldest of what is too much; then kinds without any.

        What is left of a great many goes with the next steps.
        """
        cutoff, over = _nanos(now - self._bounds.retention_seconds), await self._count_over()
        for _ in range(self._most_pieces):
            gone, is_more = await self._forget_some(cutoff, over)
            if not is_more:
                break
            over -= gone
            # Nobody has a turn at SQLite's lock: who takes it at once again keeps others out.
            await self._sleep(PAUSE_SECONDS)
        async with guarded(SERVICE), self._writer.begin() as connection:
            is_used = exists().where(RequestRow.kind_id == KindRow.id)
            is_old = KindRow.seen_at < _nanos(now - _KIND_SECONDS)
            in_blocks = KindRow.id.in_(select(BlockRow.kind_id))
            await connection.execute(delete(KindRow).where(is_old, ~is_used, ~in_blocks))

    async def _count_over(self) -> int:
        """Return how many more than may be kept there are."""
        async with guarded(SERVICE), self._reader.connect() as connection:
            rows = await connection.scalar(select(func.count()).select_from(RequestRow))
            in_blocks = await connection.scalar(select(func.sum(BlockRow.count)))
        return int(rows or 0) + int(in_blocks or 0) - self._bounds.requests

    async def _forget_some(self, cutoff: int, over: int) -> tuple[int, bool]:
        """Delete some of the oldest; return how many, and whether there may be more to delete."""
        most_blocks = max(1, self._piece // _ROWS_OF_BLOCK)
        rows = select(RequestRow.number).order_by(RequestRow.ended_at, RequestRow.number)
        blocks = select(BlockRow.id).order_by(BlockRow.newest, BlockRow.id)
        async with guarded(SERVICE), self._writer.begin() as connection:
            ends = rows.with_only_columns(RequestRow.ended_at).limit(self._piece)
            counts = blocks.with_only_columns(BlockRow.newest, BlockRow.count).limit(most_blocks)
            oldest = merge(
                [(end, 1, 0) for end in await connection.scalars(ends)],
                [(end, count, 1) for end, count in await connection.execute(counts)],
            )
            gone, taken = 0, [0, 0]
            for end, count, place in oldest:
                if end >= cutoff and gone >= over:
                    break
                gone, taken[place] = gone + count, taken[place] + 1
                if taken[place] == (self._piece, most_blocks)[place]:
                    break
            await _delete(connection, RequestRow, RequestRow.number, rows.limit(taken[0]))
            await _delete(connection, BlockRow, BlockRow.id, blocks.limit(taken[1]))
        return gone, taken[0] >= self._piece or taken[1] >= most_blocks


async def _delete(
    connection: AsyncConnection,
    table: type[BlockRow | RequestRow],
    key: InstrumentedAttribute[int],
    chosen: Select[int],
) -> None:
    await connection.execute(delete(table).where(key.in_(chosen)))


def _nanos(seconds: float) -> int:
    return int(seconds * 1e9)


@lru_cache
def _statement(
    dialect: Dialect, table: type[RequestRow | BlockRow], columns: tuple[str, ...]
) -> str:
    """Return the statement of a database that stores rows, but for those that are there."""
    statement = insert_into(dialect, table).on_conflict_do_nothing().inline()
    return str(statement.compile(dialect=dialect, column_keys=columns))
