"""SQLite's file, opened anew once the file system refused something."""

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine

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


async def open_read_only(engine: AsyncEngine, count: int) -> None:
    """Leave connections in the pool as SQLite opens them on a read-only disk."""
    path = engine.url.database

    def connect(
        _dialect: object, _record: object, args: list[str], more: dict[str, object]
    ) -> None:
        args[0], more["uri"] = f"file:{path}?mode=ro", True

    await engine.dispose()
    event.listen(engine.sync_engine, "do_connect", connect)
    async with AsyncExitStack() as stack:
        for _ in range(count):
            await stack.enter_async_context(engine.connect())
    event.remove(engine.sync_engine, "do_connect", connect)


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
    path = tmp_path / "notes.db"
    engine, other = engine_at(path), engine_at(path)
    await note(other)
    await open_read_only(engine, 1)
    with pytest.raises(ServiceUnavailable, match="disk I/O error"):
        await checkpoint(engine)
    assert await checkpoint(engine)
    await other.dispose()
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
