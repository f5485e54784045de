"""Databases under callers that give up."""

import asyncio
import gc
import random
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import sqlalchemy as sa
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine

from conduit_kernel.database import make_engine, writer

WRITERS = 200
# Far less than a writer waits for a lock.
SECONDS = 2.0
INSERT = sa.text("INSERT INTO notes (words) VALUES (:words) RETURNING id")


@pytest_asyncio.fixture
async def engine(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    """Open a database with one table."""
    made = make_engine(URL.create("sqlite+aiosqlite", database=str(tmp_path / "notes.db")))
    async with writer(made).begin() as connection:
        await connection.execute(sa.text("CREATE TABLE notes (id INTEGER PRIMARY KEY, words TEXT)"))
    yield made
    await made.dispose()


@pytest.fixture
def no_collector() -> object:
    """Turn off what would clear up by chance what was left behind."""
    gc.disable()
    yield None
    gc.enable()


async def write(engine: AsyncEngine) -> None:
    """Make five rows in one transaction."""
    async with writer(engine).begin() as connection:
        for _ in range(5):
            await connection.execute(INSERT, [{"words": "said"}])


@pytest.mark.usefixtures("no_collector")
async def test_a_cancelled_writer_leaves_no_lock(engine: AsyncEngine) -> None:
    """Whenever it is cancelled, the next writer need not wait, and its rows are there or not."""
    moments = random.Random(1)  # noqa: S311 # repeatable, not secret
    for _ in range(WRITERS):
        task = asyncio.create_task(write(engine))
        await asyncio.sleep(moments.random() * 0.004)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        began = time.monotonic()
        await write(engine)
        assert time.monotonic() - began < SECONDS
    async with engine.connect() as connection:
        count = await connection.scalar(sa.text("SELECT count(*) FROM notes"))
    assert count is not None
    assert count % 5 == 0
    assert WRITERS * 5 <= count <= WRITERS * 10


async def test_starters_who_open_a_new_database_at_once_all_get_it(tmp_path: Path) -> None:
    """SQLite refuses, and does not keep waiting, who changes its mode while another one does."""

    async def begin(path: Path) -> None:
        engine = make_engine(URL.create("sqlite+aiosqlite", database=str(path)))
        try:
            async with engine.connect() as connection:
                assert await connection.scalar(sa.text("PRAGMA journal_mode")) == "wal"
        finally:
            await engine.dispose()

    for number in range(60):
        await asyncio.gather(*(begin(tmp_path / f"{number}.db") for _ in range(6)))
