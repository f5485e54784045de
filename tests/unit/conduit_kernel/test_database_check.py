"""Whether a database answers, asked of one that does, of none, and of one that says nothing."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy.engine import URL
from tests.support.http_peers import upstream

from conduit_kernel import database_check
from conduit_kernel.background import Background
from conduit_kernel.database import make_engine
from conduit_kernel.database_check import DatabaseCheck, watch_database
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


async def test_a_file_is_not_watched(tmp_path: Path) -> None:
    """It is the service's own, and there or the end of the service."""
    engine, background = make_engine(at(tmp_path / "notes.db")), Background()
    before = asyncio.all_tasks()
    watch_database(background, engine, "notes")
    assert asyncio.all_tasks() == before
    await background.stop()
    await engine.dispose()
