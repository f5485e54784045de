"""Keeps what became of requests, within bounds."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import NamedTuple

from sqlalchemy import delete, exists, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from conduit.internal.v1.request_log_service_pb2 import LogRequestsRequest
from conduit_kernel.database import guarded, writer
from conduit_storage.request_log.rows import ROW, kind_row, request_rows
from conduit_storage.request_log.tables import KindRow, RequestRow

SERVICE = "storage"
# So many rows are deleted at a time, so that nobody waits for long who has some to store.
PIECE = 5_000
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
        self._bounds = bounds
        self._piece = piece
        self._most_pieces = most_pieces
        self._sleep = sleep

    async def add(self, request: LogRequestsRequest, now: float) -> None:
        """Store requests; those that are stored already are left as they are.

        InvalidRequest if they are not as the contract has them.
        """
        kinds = [kind_row(kind, _nanos(now)) for kind in request.kinds]
        rows = request_rows(request, [int(str(kind["id"])) for kind in kinds])
        if not rows:
            return
        async with guarded(SERVICE), self._writer.begin() as connection:
            is_sqlite = connection.dialect.name == "sqlite"
            insert = sqlite.insert if is_sqlite else postgresql.insert
            kind = insert(KindRow)
            seen = {"seen_at": kind.excluded.seen_at}
            kind = kind.on_conflict_do_update(index_elements=[KindRow.id], set_=seen)
            # Always in the same order, so that two who store do not wait for each other.
            await connection.execute(kind, sorted(kinds, key=lambda each: str(each["id"])))
            # As it stands: to bind by names would take twice as long.
            await connection.exec_driver_sql(_insert(connection.dialect), rows)

    async def forget(self, now: float) -> None:
        """Delete what is too old, and the oldest of what is too much; then kinds without any.

        What is left of a great many goes with the next steps.
        """
        cutoff = _nanos(now - self._bounds.retention_seconds)
        for _ in range(self._most_pieces):
            if not await self._forget_some(cutoff):
                break
            # Nobody has a turn at SQLite's lock: who takes it at once again keeps others out.
            await self._sleep(PAUSE_SECONDS)
        async with guarded(SERVICE), self._writer.begin() as connection:
            is_used = exists().where(RequestRow.kind_id == KindRow.id)
            is_old = KindRow.seen_at < _nanos(now - _KIND_SECONDS)
            await connection.execute(delete(KindRow).where(is_old, ~is_used))

    async def _forget_some(self, cutoff: int) -> bool:
        """Delete some rows; return whether there may be more of them."""
        async with guarded(SERVICE), self._writer.begin() as connection:
            old = select(RequestRow.number).where(RequestRow.ended_at < cutoff)
            last = await connection.scalar(select(func.max(RequestRow.number))) or 0
            over = select(RequestRow.number).where(
                RequestRow.number <= last - self._bounds.requests
            )
            old = old.order_by(RequestRow.ended_at).limit(self._piece)
            over = over.order_by(RequestRow.number).limit(self._piece)
            gone = [await _delete(connection, each.subquery()) for each in (old, over)]
        return max(gone) >= self._piece


async def _delete(connection: AsyncConnection, numbers: object) -> int:
    chosen = delete(RequestRow).where(RequestRow.number.in_(select(numbers.c.number)))  # type: ignore[attr-defined] # a subquery
    return (await connection.execute(chosen)).rowcount


def _nanos(seconds: float) -> int:
    return int(seconds * 1e9)


@lru_cache
def _insert(dialect: Dialect) -> str:
    """Return the statement of a database that stores rows, but for those that are there."""
    made = postgresql.insert if dialect.name == "postgresql" else sqlite.insert
    statement = made(RequestRow).on_conflict_do_nothing().inline()
    return str(statement.compile(dialect=dialect, column_keys=ROW))
