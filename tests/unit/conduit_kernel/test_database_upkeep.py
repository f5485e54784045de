"""The loops that every service has for its database, over a real file."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import URL
from tests.support.waiting import eventually

from conduit_kernel.background import Background
from conduit_kernel.database import make_engine, writer
from conduit_kernel.database_upkeep import keep_database


async def test_a_file_is_a_backup_soon_after_a_change_and_its_absence_is_noticed(
    tmp_path: Path,
) -> None:
    """Of the file alone, without the log beside it; what is away is told by readiness."""
    path = tmp_path / "notes.db"
    engine = make_engine(URL.create("sqlite+aiosqlite", database=str(path)))
    async with writer(engine).begin() as connection:
        await connection.execute(sa.text("CREATE TABLE notes (id INTEGER)"))
        await connection.execute(sa.text("INSERT INTO notes VALUES (1)"))
    background = Background()
    keep_database(background, engine, "notes")

    async def is_whole() -> bool:
        backup = tmp_path / "backup.db"
        shutil.copyfile(path, backup)
        with closing(sqlite3.connect(backup)) as connection:
            found = connection.execute("SELECT name FROM sqlite_master").fetchall()
            return bool(found) and connection.execute("SELECT * FROM notes").fetchall() == [(1,)]

    await eventually(is_whole)
    assert [loop.name for loop in background.loops] == ["database", "checkpoint"]
    assert [loop.is_vital for loop in background.loops] == [True, False]
    await background.stop()
    await engine.dispose()
