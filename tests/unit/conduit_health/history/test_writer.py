"""Recorded moments on their way to the database."""

import asyncio

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.integration.health.conftest import NOW

from conduit.v1.provider_health_pb2 import HEALTH_STATUS_HEALTHY
from conduit_health.history.recorder import HistoryPoint, HistoryRecorder
from conduit_health.history.store import HistoryStore
from conduit_health.history.writer import HistoryWriter
from conduit_kernel.errors import ServiceUnavailable


def point(minute: int) -> HistoryPoint:
    """Return a moment."""
    return HistoryPoint(1, NOW + 60 * minute, HEALTH_STATUS_HEALTHY, 1, "", is_probe=False)


class Bench:
    """A writer between its recorder and its store."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.recorder, self.store = HistoryRecorder(), HistoryStore(engine)
        self.writer = HistoryWriter(self.recorder, self.store)

    async def stored(self) -> list[HistoryPoint]:
        """Return what is stored."""
        return list(await self.store.since(1, 0, 99))


async def test_what_waits_is_stored_once(engine: AsyncEngine) -> None:
    """Also by several who write at once."""
    bench = Bench(engine)
    points = [point(minute) for minute in range(3)]
    for each in points:
        bench.recorder.offer(each)
    await asyncio.gather(*(bench.writer.write() for _ in range(3)))
    await bench.writer.write()
    assert await bench.stored() == points


async def test_nothing_is_lost_while_the_database_is_away(engine: AsyncEngine) -> None:
    """It waits in its order, before what came since, and its writer is woken again."""
    bench = Bench(engine)
    async with engine.begin() as connection:
        await connection.exec_driver_sql("ALTER TABLE health_moments RENAME TO away")
    bench.recorder.offer(point(0))
    bench.recorder.waiting.clear()
    with pytest.raises(ServiceUnavailable):
        await bench.writer.write()
    assert bench.recorder.waiting.is_set()
    bench.recorder.offer(point(1))
    async with engine.begin() as connection:
        await connection.exec_driver_sql("ALTER TABLE away RENAME TO health_moments")
    await bench.writer.write()
    assert await bench.stored() == [point(0), point(1)]


async def test_nothing_is_lost_by_a_writer_that_is_cancelled(engine: AsyncEngine) -> None:
    """A service that ends writes once more."""
    bench = Bench(engine)
    bench.recorder.offer(point(0))
    writing = asyncio.create_task(bench.writer.write())
    await asyncio.sleep(0)
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    await bench.writer.write()
    assert await bench.stored() == [point(0)]


async def test_what_cannot_be_stored_is_told_with_what_was(engine: AsyncEngine) -> None:
    """In order, of one instance, from a time on, and the newest of too many."""
    bench = Bench(engine)
    bench.recorder.offer(point(0))
    bench.recorder.offer(point(1))
    await bench.writer.write()
    bench.recorder.offer(point(2))
    bench.recorder.offer(point(3)._replace(provider_id=2))
    assert list(await bench.writer.since(1, 0, 99)) == [point(0), point(1), point(2)]
    assert list(await bench.writer.since(1, point(1).at, 99)) == [point(1), point(2)]
    assert list(await bench.writer.since(1, 0, 2)) == [point(1), point(2)]
    assert await bench.stored() == [point(0), point(1)]
