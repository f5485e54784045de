"""How instances were, as the database keeps it."""

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.integration.health.conftest import NOW

from conduit.v1.provider_health_pb2 import HEALTH_STATUS_DEGRADED, HEALTH_STATUS_HEALTHY
from conduit_health.history.recorder import HistoryPoint
from conduit_health.history.store import HistoryStore
from conduit_kernel.errors import ServiceUnavailable


def point(at: float, provider_id: int = 1, **fields: object) -> HistoryPoint:
    """Return a moment."""
    given = HistoryPoint(provider_id, at, HEALTH_STATUS_HEALTHY, 100, "", is_probe=False)
    return given._replace(**fields)  # type: ignore[arg-type] # whichever a test names


@pytest.fixture
def store(engine: AsyncEngine) -> HistoryStore:
    """Return a store without moments."""
    return HistoryStore(engine)


async def test_a_moment_reads_as_it_was_added(store: HistoryStore) -> None:
    """To the millisecond; a time of response may be unknown."""
    points = [
        point(NOW + 0.001),
        point(
            NOW + 0.002,
            status=HEALTH_STATUS_DEGRADED,
            response_time_ms=None,
            error="é\n",
            is_probe=True,
        ),
    ]
    await store.add([])
    await store.add(points)
    assert await store.since(1, NOW, 9) == points


async def test_moments_are_oldest_first_and_those_of_one_instance(store: HistoryStore) -> None:
    """In whichever order they came; of one millisecond in the order in which they did."""
    late, early = point(NOW + 2), point(NOW)
    twins = [point(NOW + 1, error="first"), point(NOW + 1, error="second")]
    await store.add([late, *twins, early, point(NOW, provider_id=2)])
    assert await store.since(1, NOW, 9) == [early, *twins, late]
    assert await store.since(1, NOW + 1, 9) == [*twins, late]
    assert await store.since(1, NOW + 1.001, 9) == [late]


async def test_of_too_many_the_newest_are_returned(store: HistoryStore) -> None:
    """Oldest first all the same."""
    points = [point(NOW + second) for second in range(5)]
    await store.add(points)
    assert await store.since(1, 0, 2) == points[3:]


async def test_what_is_old_is_forgotten(store: HistoryStore) -> None:
    """What is as old as the limit stays."""
    points = [point(NOW - 0.001), point(NOW), point(NOW + 1, provider_id=2)]
    await store.add(points)
    await store.forget(NOW)
    assert await store.since(1, 0, 9) == points[1:2]
    assert await store.since(2, 0, 9) == points[2:]


async def test_a_database_that_fails_is_the_services_trouble(
    store: HistoryStore, engine: AsyncEngine
) -> None:
    """Whatever is asked of it."""
    async with engine.begin() as connection:
        await connection.exec_driver_sql("DROP TABLE health_moments")
    for attempt in (store.add([point(NOW)]), store.since(1, 0, 9), store.forget(NOW)):
        with pytest.raises(ServiceUnavailable):
            await attempt
