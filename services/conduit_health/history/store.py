"""Keeps how instances were."""

from collections.abc import Sequence

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from conduit.v1.provider_health_pb2 import HealthStatus
from conduit_health.history.recorder import HistoryPoint
from conduit_health.history.tables import MomentRow
from conduit_kernel.database import guarded, reader, writer

SERVICE = "health"


class HistoryStore:
    """Stores moments; forgets them when it is told to."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._writer = writer(engine)
        self._reader = reader(engine)

    async def add(self, points: Sequence[HistoryPoint]) -> None:
        """Store moments."""
        rows = [{**point._asdict(), "at": _millis(point.at)} for point in points]
        if not rows:
            return
        async with guarded(SERVICE), self._writer.begin() as connection:
            await connection.execute(insert(MomentRow), rows)

    async def since(self, provider_id: int, at: float, limit: int) -> Sequence[HistoryPoint]:
        """Return the moments of an instance from a time on, oldest first.

        When there are more than `limit`, the newest.
        """
        row = MomentRow
        query = (
            select(
                row.provider_id, row.at, row.status, row.response_time_ms, row.error, row.is_probe
            )
            .where(row.provider_id == provider_id, row.at >= _millis(at))
            .order_by(row.at.desc(), row.id.desc())
            .limit(limit)
        )
        async with guarded(SERVICE), self._reader.connect() as connection:
            found = (await connection.execute(query)).all()
        return [
            HistoryPoint(
                each.provider_id,
                each.at / 1000,
                HealthStatus.ValueType(each.status),
                each.response_time_ms,
                each.error,
                each.is_probe,
            )
            for each in reversed(found)
        ]

    async def forget(self, before: float) -> None:
        """Delete the moments before a time."""
        async with guarded(SERVICE), self._writer.begin() as connection:
            await connection.execute(delete(MomentRow).where(MomentRow.at < _millis(before)))


def _millis(seconds: float) -> int:
    return round(seconds * 1000)
