"""SQLite's file, opened anew once the file system refused something."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import URL
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.support.read_only_databases import open_read_only

from conduit_kernel import sqlite_reopening
from conduit_kernel.database import checkpoint, guarded, make_engine, writer
from conduit_kernel.errors import ServiceUnavailable


def engine_at(path: Path) -> AsyncEngine:
    """Return an engine; nothing is opened yet."""
    return make_engine(URL.create("sqlite+aiosqlite", database=str(path)))


async def note(engine: AsyncEngine) -> None:
    """Commit one more row."""
    async with writer(engine).begin() as connection:
        await connection.execute(sa.text("CREATE TABLE IF NOT EXISTS notes (id INTEGER)"))
        await connection.execute(sa.text("INSERT INTO notes VALUES (1)"))


@asynccontextmanager
async def reading_without_pause(engine: AsyncEngine) -> AsyncIterator[None]:
    """Have each of two readers end once the other one has begun, if it can within 50 ms."""
    begun = 0

    async def read() -> None:
        nonlocal begun
        while True:
            async with engine.connect() as connection:
                await connection.execute(sa.text("SELECT count(*) FROM notes"))
                begun += 1
                mine, ends_at = begun, time.monotonic() + 0.05
                while begun == mine and time.monotonic() < ends_at:  # noqa: ASYNC110 # none tells
                    await asyncio.sleep(0.001)

    readers = [asyncio.create_task(read()) for _ in range(2)]
    while begun < len(readers):  # noqa: ASYNC110 # none tells
        await asyncio.sleep(0.001)
    yield
    for each in readers:
        each.cancel()
    await asyncio.wait(readers)
    assert all(each.cancelled() for each in readers)


async def test_what_a_read_only_disk_left_in_the_pool_is_used_once(tmp_path: Path) -> None:
    """The first write is refused by a connection of that time; the next one opens the file anew."""
    engine = engine_at(tmp_path / "notes.db")
    await note(engine)
    await open_read_only(engine, 3)
    with pytest.raises(ServiceUnavailable, match="cannot be used: attempt to write a readonly"):
        async with guarded("notes"):
            await note(engine)
    for _ in range(3):
        await note(engine)
    await engine.dispose()


async def test_a_checkpoint_that_is_refused_is_made_by_another_connection(tmp_path: Path) -> None:
    """One that was opened on a read-only disk would be refused for ever."""
    engine = engine_at(tmp_path / "notes.db")
    await note(engine)
    await open_read_only(engine, 1)
    with pytest.raises(ServiceUnavailable, match="attempt to write a readonly database"):
        await checkpoint(engine)
    assert await checkpoint(engine)
    await engine.dispose()


async def test_connections_that_overlap_without_end_keep_no_file_as_it_was(tmp_path: Path) -> None:
    """New ones wait until those of a read-only disk are closed, as they share the log's index."""
    engine = engine_at(tmp_path / "notes.db")
    await note(engine)
    await open_read_only(engine, 3)
    async with reading_without_pause(engine):
        with pytest.raises(ServiceUnavailable):
            async with guarded("notes"):
                await note(engine)
        for _ in range(3):
            await note(engine)
    await engine.dispose()


async def test_who_reads_for_long_keeps_no_others_waiting_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are served by the file as it is; changes are refused until it has ended."""
    monkeypatch.setattr(sqlite_reopening, "DRAIN_SECONDS", 0.05)
    engine = engine_at(tmp_path / "notes.db")
    await note(engine)
    await open_read_only(engine, 2)
    async with engine.connect() as reading:
        await reading.execute(sa.text("SELECT 1"))
        for _ in range(3):
            async with engine.connect() as other:
                assert await other.scalar(sa.text("SELECT count(*) FROM notes")) == 1
            with pytest.raises(ServiceUnavailable):
                async with guarded("notes"):
                    await note(engine)
    await note(engine)
    await engine.dispose()


async def test_connections_that_could_not_be_made_keep_nobody_waiting(tmp_path: Path) -> None:
    """Nor do those that nobody closed: what is counted is what SQLite has open."""
    path = tmp_path / "away" / "notes.db"
    engine = engine_at(path)
    for _ in range(3):
        with pytest.raises(OperationalError):
            await note(engine)
    path.parent.mkdir()
    async with asyncio.timeout(sqlite_reopening.DRAIN_SECONDS / 2):
        await note(engine)
    await engine.dispose()


async def test_what_is_in_use_meanwhile_is_closed_when_it_is_returned(tmp_path: Path) -> None:
    """It ends what it does; nothing else is done with it."""
    engine = engine_at(tmp_path / "notes.db")
    await note(engine)
    await open_read_only(engine, 2)
    async with engine.connect() as reading:
        raw: Any = (await reading.get_raw_connection()).driver_connection
        with pytest.raises(ServiceUnavailable):
            async with guarded("notes"):
                await note(engine)
        assert await reading.scalar(sa.text("SELECT count(*) FROM notes")) == 1
    with pytest.raises(ValueError, match=r"Connection closed|no active connection"):
        await raw.execute("SELECT 1")
    await note(engine)
    await engine.dispose()


async def test_what_cannot_be_set_up_is_closed(tmp_path: Path) -> None:
    """A connection that fails before the pool has it leaves no file open."""
    path = tmp_path / "notes.db"
    path.write_text("x" * 100)
    engine = engine_at(path)
    for _ in range(3):
        with pytest.raises(ServiceUnavailable, match="file is not a database"):
            async with guarded("notes"):
                await note(engine)
    opened = [each.readlink() for each in Path("/proc/self/fd").iterdir() if each.is_symlink()]
    assert path not in opened
    await engine.dispose()
