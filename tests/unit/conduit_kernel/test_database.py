"""SQLite's file alone holds what was committed, soon after."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from conduit_kernel.database import (
    Checkpointer,
    checkpoint,
    make_engine,
    sqlite_signature,
    writer,
)


def engine_at(path: Path) -> AsyncEngine:
    """Return an engine; nothing is opened yet."""
    return make_engine(URL.create("sqlite+aiosqlite", database=str(path)))


async def note(engine: AsyncEngine) -> None:
    """Commit one more row."""
    async with writer(engine).begin() as connection:
        await connection.execute(sa.text("CREATE TABLE IF NOT EXISTS notes (id INTEGER)"))
        await connection.execute(sa.text("INSERT INTO notes VALUES (1)"))


def rows_in_file(path: Path) -> int:
    """Count the rows that the file has without what stands beside it."""
    with contextlib.closing(sqlite3.connect(f"file:{path}?immutable=1", uri=True)) as file:
        return int(file.execute("SELECT count(*) FROM notes").fetchone()[0])


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """Hold the moment that a reader sees."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM notes").fetchone()
        yield


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Hold the lock of writers."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("INSERT INTO notes VALUES (2)")
        yield
        other.execute("ROLLBACK")


async def test_a_checkpoint_brings_all_into_the_file(tmp_path: Path) -> None:
    """Also what is committed while somebody else writes, and without waiting for that one."""
    path = tmp_path / "notes.db"
    engine = engine_at(path)
    await note(engine)
    assert await checkpoint(engine)
    assert rows_in_file(path) == 1
    await note(engine)
    with writing(path):
        async with asyncio.timeout(2):
            assert await checkpoint(engine)
    assert rows_in_file(path) == 2
    await engine.dispose()


async def test_a_checkpoint_that_a_reader_stops_is_made_up_for(tmp_path: Path) -> None:
    """Nobody waits, nothing is lost, and the next one copies the rest."""
    path = tmp_path / "notes.db"
    engine = engine_at(path)
    await note(engine)
    await checkpoint(engine)
    with reading(path):
        await note(engine)
        await checkpoint(engine)
        await note(engine)
        async with asyncio.timeout(2):
            assert not await checkpoint(engine)
        await note(engine)
    async with engine.connect() as connection:
        assert await connection.scalar(sa.text("SELECT count(*) FROM notes")) == 4
    assert await checkpoint(engine)
    assert rows_in_file(path) == 4
    await engine.dispose()


async def test_a_checkpoint_that_fails_is_logged_and_tried_again(tmp_path: Path) -> None:
    """A database that cannot be opened raises nothing here: those who use it tell."""
    path = tmp_path / "away" / "notes.db"
    engine = engine_at(path)
    with capture_logs() as lines:
        assert not await checkpoint(engine)
    assert [line["event"] for line in lines] == ["checkpoint_failed"]
    path.parent.mkdir()
    await note(engine)
    assert await checkpoint(engine)
    assert rows_in_file(path) == 1
    await engine.dispose()


async def test_a_checkpoint_leaves_the_pools_connections_as_they_were(tmp_path: Path) -> None:
    """They begin no transaction by themselves, so that one undone leaves nothing."""
    engine = engine_at(tmp_path / "notes.db")
    await note(engine)
    await checkpoint(engine)
    with pytest.raises(RuntimeError):
        await _failing(engine)
    async with engine.connect() as connection:
        assert await connection.scalar(sa.text("SELECT count(*) FROM notes")) == 1
    await engine.dispose()


async def _failing(engine: AsyncEngine) -> None:
    async with writer(engine).begin() as connection:
        await connection.execute(sa.text("INSERT INTO notes VALUES (2)"))
        raise RuntimeError


async def test_a_checkpointer_rests_until_something_is_written(tmp_path: Path) -> None:
    """Reading is no reason; what a commit left is, and what a reader kept from the file."""
    path = tmp_path / "notes.db"
    engine = engine_at(path)
    checkpointer = Checkpointer(engine)
    await note(engine)
    await made(checkpointer)
    assert not checkpointer.waiting.is_set()
    async with engine.connect() as connection:
        await connection.execute(sa.text("SELECT count(*) FROM notes"))
    assert not checkpointer.waiting.is_set()
    await note(engine)
    await made(checkpointer)
    assert rows_in_file(path) == 2
    with reading(path):
        await note(engine)
        await made(checkpointer)
        await note(engine)
        await made(checkpointer)
        assert checkpointer.waiting.is_set()
    await made(checkpointer)
    assert not checkpointer.waiting.is_set()
    assert rows_in_file(path) == 4
    await engine.dispose()


async def made(checkpointer: Checkpointer) -> None:
    """Make the step that is due."""
    assert checkpointer.waiting.is_set()
    checkpointer.waiting.clear()
    await checkpointer.run()


async def test_the_signature_differs_after_each_write(tmp_path: Path) -> None:
    """Of any process, and not after reading."""
    path = tmp_path / "notes.db"
    engine, other = engine_at(path), engine_at(path)
    await note(engine)
    before = sqlite_signature(engine)
    async with engine.connect() as connection:
        await connection.execute(sa.text("SELECT count(*) FROM notes"))
    assert sqlite_signature(engine) == before
    await note(other)
    assert sqlite_signature(engine) != before
    await other.dispose()
    await engine.dispose()
