"""Whether a database answers, asked of one that does, of none, and of one that says nothing."""

import asyncio
import contextlib
import os
import shutil
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.support.http_peers import upstream
from tests.support.read_only_databases import open_read_only
from tests.support.waiting import eventually

from conduit_kernel import database_check
from conduit_kernel.background import Background
from conduit_kernel.database import make_engine, writer
from conduit_kernel.database_check import DatabaseCheck, FileCheck, watch_database
from conduit_kernel.errors import ServiceUnavailable


def at(path: Path) -> URL:
    """Return the address of a file."""
    return URL.create("sqlite+aiosqlite", database=str(path))


async def test_a_database_that_answers_is_well(tmp_path: Path) -> None:
    """As often as it is asked."""
    engine = make_engine(at(tmp_path / "notes.db"))
    for _ in range(2):
        await DatabaseCheck(engine, "notes").run()
    await engine.dispose()


async def test_a_database_that_cannot_be_opened_is_away_until_it_can(tmp_path: Path) -> None:
    """The service is named, the database is not."""
    engine = make_engine(at(tmp_path / "away" / "notes.db"))
    check = DatabaseCheck(engine, "notes")
    with pytest.raises(ServiceUnavailable) as caught:
        await check.run()
    assert str(caught.value) == "The database of the notes service does not answer"
    (tmp_path / "away").mkdir()
    await check.run()
    await engine.dispose()


async def test_a_database_that_says_nothing_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Though it takes the connection: nobody waits longer than the answer may take."""
    monkeypatch.setattr(database_check, "ANSWER_SECONDS", 0.05)

    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async with upstream(silent) as peer:
        url = URL.create("postgresql+asyncpg", "user", None, peer.origin.host, peer.origin.port)
        engine = make_engine(url)
        async with asyncio.timeout(2):
            with pytest.raises(ServiceUnavailable):
                await DatabaseCheck(engine, "notes").run()
        await engine.dispose()


@pytest.mark.parametrize(
    ("code", "is_closed"),
    [
        (sqlite3.SQLITE_READONLY, True),
        (sqlite3.SQLITE_IOERR, True),
        (sqlite3.SQLITE_CANTOPEN, False),
    ],
)
async def test_what_is_open_is_closed_where_it_may_be_in_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, *, is_closed: bool
) -> None:
    """Not where nothing can be opened at present: then it is all that there is."""
    engine = make_engine(at(tmp_path / "notes.db"))
    async with engine.begin() as connection:
        await connection.exec_driver_sql("CREATE TABLE notes (id INTEGER)")
    before = engine.pool

    def refuse(*_: object, **__: object) -> None:
        error = sqlite3.OperationalError("as the test says")
        error.sqlite_errorcode = code
        raise error

    check = FileCheck(engine, tmp_path / "notes.db", "notes")
    monkeypatch.setattr(sqlite3, "connect", refuse)
    with pytest.raises(ServiceUnavailable):
        await check.run()
    monkeypatch.undo()
    assert (engine.pool is not before) is is_closed
    await engine.dispose()


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    """Return the engine of a service, which has used its file."""
    engine = make_engine(at(tmp_path / "notes ?.db"))
    async with engine.begin() as connection:
        await connection.exec_driver_sql("CREATE TABLE notes (id INTEGER)")
    yield engine
    await engine.dispose()


@pytest.fixture
def file(engine: AsyncEngine) -> Path:
    """Return that file."""
    return Path(str(engine.url.database))


async def away(check: FileCheck) -> bool:
    """Tell whether a check finds the database away."""
    try:
        await check.run()
    except ServiceUnavailable:
        return True
    return False


async def test_a_file_that_can_be_written_is_well_and_as_it_was(
    engine: AsyncEngine, file: Path
) -> None:
    """However often it is looked at."""
    before = file.read_bytes()
    check = FileCheck(engine, file, "notes")
    assert [await away(check) for _ in range(3)] == [False] * 3
    assert file.read_bytes() == before


async def test_a_file_that_is_gone_is_away_until_the_same_one_is_back(
    engine: AsyncEngine, file: Path
) -> None:
    """What is written to it meanwhile is lost; nothing is made in its place."""
    check = FileCheck(engine, file, "notes")
    assert not await away(check)
    elsewhere = file.with_name("elsewhere.db")
    file.rename(elsewhere)
    assert await away(check)
    assert not file.exists()
    shutil.copy(elsewhere, file)
    assert await away(check)
    elsewhere.rename(file)
    assert not await away(check)


async def test_a_file_that_somebody_holds_is_away(
    engine: AsyncEngine, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For longer than a writer takes."""
    monkeypatch.setattr(database_check, "FILE_LOCK_SECONDS", 0.05)
    check = FileCheck(engine, file, "notes")
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert await away(check)
        other.execute("ROLLBACK")
        assert not await away(check)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write whatever it likes")
async def test_a_file_that_may_not_be_written_is_away(engine: AsyncEngine, file: Path) -> None:
    """Until it may."""
    check = FileCheck(engine, file, "notes")
    file.chmod(0o400)
    assert await away(check)
    file.chmod(0o600)
    assert not await away(check)


async def test_a_check_is_enough_to_open_a_file_anew(engine: AsyncEngine, file: Path) -> None:
    """Where it was opened while it could not be written, though nobody writes by himself."""
    await open_read_only(engine, 2)
    check = FileCheck(engine, file, "notes")
    assert await away(check)
    assert not await away(check)
    async with writer(engine).begin() as connection:
        await connection.exec_driver_sql("INSERT INTO notes VALUES (1)")


async def test_a_service_is_not_ready_while_its_file_is_away(
    engine: AsyncEngine, file: Path
) -> None:
    """Once it was for the time given, and until it is back."""
    background = Background()
    watch_database(background, engine, "notes", every=0.02, limit_seconds=0.1)

    async def is_ready() -> bool:
        return background.problems() == []

    async def is_not_ready() -> bool:
        return not await is_ready()

    async def has_looked() -> bool:
        return background.loops[0].steps > 2

    await eventually(has_looked)
    assert await is_ready()
    elsewhere = file.with_name("elsewhere.db")
    file.rename(elsewhere)
    await eventually(is_not_ready)
    elsewhere.rename(file)
    await eventually(is_ready)
    await background.stop()
