"""Tasks in their database, and for how long one is kept of which no router speaks."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.support.read_only_databases import open_read_only

from conduit_kernel.database import open_database
from conduit_kernel.errors import InvalidRequest, ServiceUnavailable
from conduit_kernel.settings import Settings
from conduit_storage.bootstrap import MIGRATIONS
from conduit_storage.tasks.store import LEASE_SECONDS, SERVICE, Bounds, NewTask, TaskStore

NOW = 1_795_435_200.0
HOUR = 3600.0
BOUNDS = Bounds(result_bytes=1000, key_bytes=10_000, retention_seconds=24 * HOUR)


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    """Return the database of a Storage service."""
    settings = Settings(data_dir=tmp_path, master_key="", encryption_key=bytes(32))
    opened = await open_database(settings, SERVICE, MIGRATIONS)
    yield opened
    await opened.dispose()


@pytest.fixture
async def store(engine: AsyncEngine) -> TaskStore:
    """Return a store with two tasks of one router, which it knows to be under way."""
    made = TaskStore(engine, BOUNDS)
    for task_id in ("kept", "lost"):
        await made.add(NewTask(task_id, 1, "a", "image", "picture"), NOW)
    await made.end_lost(NOW)
    return made


async def loses_one(store: TaskStore, since: float) -> bool:
    """Return whether, of two tasks, the one is lost of which nobody speaks for a lease."""
    for step in (0.6, 1.2):
        now = since + step * LEASE_SECONDS
        assert await store.renew("a", ["kept"], now) == []
        ended = await store.end_lost(now)
        assert ended == (step > 1)
    return await store.renew("a", ["kept", "lost"], now) == ["lost"]


async def test_a_task_of_which_nobody_speaks_is_lost(store: TaskStore) -> None:
    """Behind its lease; one that is renewed is not."""
    assert await loses_one(store, NOW)


@pytest.mark.usefixtures("store")
async def test_tasks_outlast_the_process_that_keeps_them(engine: AsyncEngine) -> None:
    """Their routers have the time of a lease from the moment when somebody hears them again."""
    later = NOW + 3 * HOUR
    successor = TaskStore(engine, BOUNDS)
    assert await successor.end_lost(later) == 0
    assert await loses_one(successor, later)


async def test_an_id_is_one_owners(store: TaskStore) -> None:
    """Told again it is the same task; another's is refused, and learns nothing of it."""
    again = await store.add(NewTask("kept", 1, "a", "image", "picture"), NOW + 1)
    assert again.id == "kept"
    with pytest.raises(InvalidRequest):
        await store.add(NewTask("kept", 2, "a", "image", "picture"), NOW)


async def test_tasks_outlast_a_stop_of_the_process(store: TaskStore) -> None:
    """Or a clock that was set forward: it has not heard the routers, who spoke."""
    later = NOW + 3 * HOUR
    assert await store.end_lost(later) == 0
    assert await loses_one(store, later)


async def test_tasks_outlast_a_database_that_takes_no_renewal(
    store: TaskStore, engine: AsyncEngine
) -> None:
    """However often their routers spoke meanwhile, and though lost tasks were looked for."""
    now = NOW
    for _ in range(4):
        now += 0.6 * LEASE_SECONDS
        await open_read_only(engine, 1)
        with pytest.raises(ServiceUnavailable):
            await store.renew("a", ["kept", "lost"], now)
        await open_read_only(engine, 1)
        with pytest.raises(ServiceUnavailable):
            await store.end_lost(now)
    assert await store.end_lost(now) == 0
    assert await loses_one(store, now)
