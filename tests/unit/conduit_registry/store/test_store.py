"""Transactions on the Registry's state."""

import asyncio
import sqlite3

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.support.registry import NOW, Bench, numbered
from tests.unit.conduit_registry.conftest import AUTHOR

from conduit_kernel.errors import ServiceUnavailable
from conduit_registry.store import PROVIDER, Store, WriteTransaction
from conduit_registry.values import Provider


async def add(changing: WriteTransaction, name: str = "Main") -> Provider:
    """Make an instance."""
    return await changing.create(PROVIDER, numbered(Provider(name=name, provider_type="OpenAI")))


async def names(store: Store) -> list[str]:
    """Return the names of all instances."""
    async with store.read() as reading:
        return [provider.name for provider in await reading.every(PROVIDER)]


async def test_a_change_is_told_once_it_is_there(store: Store) -> None:
    """To everybody who listens, with its revision; one that changed nothing is none."""
    told: list[tuple[str, int]] = []
    store.on_change(lambda revision: told.append(("first", revision)))
    store.on_change(lambda revision: told.append(("second", revision)))
    async with store.change(AUTHOR) as changing:
        await add(changing)
        await add(changing, "Other")
        assert told == []
    assert told == [("first", 2), ("second", 2)]
    async with store.change(AUTHOR):
        pass
    assert len(told) == 2


async def test_an_exception_undoes_all_of_a_change(store: Store) -> None:
    """Nobody hears of it, and its revision is the next one's."""
    told: list[int] = []
    store.on_change(told.append)

    async def fail() -> None:
        async with store.change(AUTHOR) as changing:
            await add(changing)
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    assert (await names(store), told) == ([], [])
    async with store.change(AUTHOR) as changing:
        made = await add(changing)
    assert (made.id, told) == (1, [1])


async def test_a_rehearsal_sees_its_own_changes_and_leaves_none(store: Store) -> None:
    """Nobody hears of it."""
    told: list[int] = []
    store.on_change(told.append)
    async with store.rehearse(AUTHOR) as changing:
        await add(changing)
        assert changing.revision == 1
        assert [each.name for each in await changing.every(PROVIDER)] == ["Main"]
    assert (await names(store), told) == ([], [])


async def test_a_reader_sees_one_moment(store: Store) -> None:
    """Whatever is written meanwhile."""
    async with store.read() as reading:
        assert (await reading.state()).revision == 0
        async with store.change(AUTHOR) as changing:
            await add(changing)
        assert await reading.every(PROVIDER) == []
    assert await names(store) == ["Main"]


async def test_writers_take_turns(store: Store) -> None:
    """Each sees what the one before it did."""

    async def write(name: str) -> int:
        async with store.change(AUTHOR) as changing:
            before = changing.began_at
            await asyncio.sleep(0)
            await add(changing, name)
            return before

    assert await asyncio.gather(*(write(str(number)) for number in range(5))) == [0, 1, 2, 3, 4]


async def test_a_writer_does_not_wait_for_ever(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind one that hangs it is told that the database is too busy; the next has its turn."""
    monkeypatch.setattr("conduit_registry.store.store.LOCK_SECONDS", 0.01)
    async with store.change(AUTHOR):
        with pytest.raises(ServiceUnavailable):
            async with store.change(AUTHOR):
                pass
    async with store.change(AUTHOR) as changing:
        await add(changing)
    assert await names(store) == ["Main"]


async def test_a_database_that_fails_is_the_services_trouble(
    store: Store, engine: AsyncEngine, bench: Bench
) -> None:
    """Without its address; no connection is lost by it."""
    await names(store)
    with sqlite3.connect(bench.settings.data_dir / "registry.db") as raw:
        raw.execute("ALTER TABLE providers RENAME TO away")
    raw.close()
    for _ in range(20):
        with pytest.raises(ServiceUnavailable) as caught:
            await names(store)
        assert str(bench.settings.data_dir) not in str(caught.value)
    with sqlite3.connect(bench.settings.data_dir / "registry.db") as raw:
        raw.execute("ALTER TABLE away RENAME TO providers")
    raw.close()
    assert await names(store) == []
    assert "Connections in pool: 1" in engine.pool.status()


async def test_the_time_is_the_clocks(store: Store, bench: Bench) -> None:
    """In microseconds; all that a transaction does is of one time."""
    assert store.now() == NOW * 1_000_000
    async with store.change(AUTHOR) as changing:
        bench.clock.now += 5
        made = await add(changing)
    assert made.created_at == NOW * 1_000_000
