"""Databases: where they are, what their failures become, and that SQLite's file is a backup."""

import asyncio
import contextlib
import sqlite3
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import URL
from sqlalchemy.exc import IntegrityError, InterfaceError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from conduit_kernel.database import (
    Checkpointer,
    checkpoint,
    database_url,
    guarded,
    head,
    make_engine,
    reader,
    writer,
)
from conduit_kernel.errors import ServiceUnavailable
from conduit_kernel.settings import Settings


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
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN")
        other.execute("SELECT count(*) FROM notes").fetchone()
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


async def test_a_checkpoint_that_fails_tells_its_loop_and_is_tried_again(tmp_path: Path) -> None:
    """A line for each of them would fill the log of a full disk: the loop tells of the first."""
    path = tmp_path / "away" / "notes.db"
    engine = engine_at(path)
    for _ in range(2):
        with pytest.raises(ServiceUnavailable, match="unable to open database file"):
            await checkpoint(engine)
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


def settings(folder: Path, url: str = "") -> Settings:
    """Return a configuration with a database."""
    return Settings(folder / "data", "master", b"k" * 32, database_url=url)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("sqlite:////var/x.db", "sqlite+aiosqlite:////var/x.db"),
        ("postgres://u:p@db/x", "postgresql+asyncpg://u:p@db/x"),
        ("postgresql://u:p@db:5433/x", "postgresql+asyncpg://u:p@db:5433/x"),
        ("postgresql+psycopg://u@db/x", "postgresql+asyncpg://u@db/x"),
        ("postgresql://u@db/x?sslmode=require", "postgresql+asyncpg://u@db/x?ssl=require"),
        ("postgresql://u:%40%3A@[::1]/x", "postgresql+asyncpg://u:%40%3A@[::1]/x"),
    ],
)
def test_a_url_gets_the_driver_that_we_use(tmp_path: Path, url: str, expected: str) -> None:
    """Whatever its driver was; of libpq's options only the one that asyncpg has under a name."""
    found = database_url(settings(tmp_path, url), "notes")
    assert found.render_as_string(hide_password=False) == expected


def test_without_a_url_each_service_has_a_file_that_only_we_may_read(tmp_path: Path) -> None:
    """In the data directory, which is made."""
    found = database_url(settings(tmp_path), "notes")
    assert found.database == str(tmp_path / "data" / "notes.db")
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    "url",
    [
        "mysql://user:SECRET@host/x",
        "oracle+driver://user:SECRET@host/x",
        "postgresql//user:SECRET@host/x",
        "postgresql://user:more@host:SECRET/x",
        "user:SECRET@host",
        "://SECRET",
        "SECRET",
    ],
)
def test_a_url_that_makes_no_sense_is_refused_without_showing_it(tmp_path: Path, url: str) -> None:
    """It may hold a password, in which a sign that is not escaped is an odd port."""
    with pytest.raises(ValueError, match="CONDUIT_DATABASE_URL must be") as caught:
        database_url(settings(tmp_path, url), "notes")
    assert "SECRET" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (OperationalError("SELECT 1", {}, sqlite3.OperationalError("database is locked")), True),
        (InterfaceError("SELECT 1", {}, sqlite3.InterfaceError("closed")), True),
        (PoolTimeout("no connection"), True),
        (ConnectionRefusedError(111, "refused"), True),
        (IntegrityError("INSERT", {}, sqlite3.IntegrityError("UNIQUE")), False),
        (ProgrammingError("SELEC", {}, sqlite3.ProgrammingError("syntax")), False),
        (ValueError("ours"), False),
    ],
)
async def test_only_the_databases_own_trouble_may_pass(error: Exception, *, passes: bool) -> None:
    """What was asked of it is our fault, and stays what it is; nobody is told an address."""
    with capture_logs() as lines, pytest.raises((ServiceUnavailable, type(error))) as caught:
        async with guarded("notes"):
            raise error
    if not passes:
        assert caught.value is error
        assert not lines
        return
    assert isinstance(caught.value, ServiceUnavailable)
    assert str(caught.value) == "The database of the notes service cannot be reached or is too busy"
    assert caught.value.__cause__ is error
    assert [line["event"] for line in lines] == ["database_failed"]


async def test_a_reader_sees_one_moment_and_a_writer_waits_for_another(tmp_path: Path) -> None:
    """So a transaction that reads and then writes fails on no change made between."""
    engine = engine_at(tmp_path / "notes.db")
    await note(engine)
    count = sa.text("SELECT count(*) FROM notes")
    async with reader(engine).connect() as reading_one:
        assert await reading_one.scalar(count) == 1
        await note(engine)
        assert await reading_one.scalar(count) == 1
    async with writer(engine).begin() as first:
        await first.execute(sa.text("INSERT INTO notes VALUES (3)"))
        second = asyncio.ensure_future(note(engine))
        await asyncio.sleep(0)
        assert await first.scalar(count) == 3
    await second
    async with reader(engine).connect() as connection:
        assert await connection.scalar(count) == 4
    await engine.dispose()


def test_the_newest_revision_is_found_by_its_name(tmp_path: Path) -> None:
    """What else lies in the folder is none."""
    for name in ("v0001_a.py", "v0010_b.py", "v0002_c.py", "z.py", "v0099_d.txt"):
        (tmp_path / name).touch()
    assert head(tmp_path) == "v0010"
