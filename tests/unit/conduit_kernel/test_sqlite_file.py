"""SQLite's file: what is wrong with one, and whether it was written to."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from conduit_kernel.database import guarded, make_engine, open_database, writer
from conduit_kernel.errors import ServiceUnavailable
from conduit_kernel.settings import Settings
from conduit_kernel.sqlite_file import sqlite_signature

MIGRATIONS = Path(__file__).parents[3] / "services/conduit_registry/migrations"


def engine_at(path: Path) -> AsyncEngine:
    """Return an engine; nothing is opened yet."""
    return make_engine(URL.create("sqlite+aiosqlite", database=str(path)))


async def note(engine: AsyncEngine) -> None:
    """Commit one more row."""
    async with writer(engine).begin() as connection:
        await connection.execute(sa.text("CREATE TABLE IF NOT EXISTS notes (id INTEGER)"))
        await connection.execute(sa.text("INSERT INTO notes VALUES (1)"))


def overwritten(path: Path) -> None:
    """Make it something else."""
    path.write_text("x\n")


def hollow(path: Path) -> None:
    """Keep its head, and nothing that it leads to."""
    path.write_bytes(path.read_bytes()[:4096].ljust(8192, b"\xff"))


def folder(path: Path) -> None:
    """Put a folder in its place."""
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    ("hurt", "words"),
    [
        (overwritten, "file is not a database. Put a backup in its place (conduit restore)"),
        (hollow, "database disk image is malformed. Put a backup in its place"),
        (folder, "unable to open database file"),
    ],
)
async def test_a_file_that_cannot_be_used_is_named(
    tmp_path: Path, hurt: Callable[[Path], None], words: str
) -> None:
    """In one line, at the start; nothing of SQLAlchemy's."""
    settings, path = Settings(tmp_path, "master", b"k" * 32), tmp_path / "registry.db"
    engine = await open_database(settings, "registry", MIGRATIONS)
    async with engine.connect() as connection:
        # So that the file has what its log had.
        await connection.execute(sa.text("PRAGMA wal_checkpoint(TRUNCATE)"))
    await engine.dispose()
    hurt(path)
    with pytest.raises(ServiceUnavailable) as caught:
        await open_database(settings, "registry", MIGRATIONS)
    assert str(caught.value).startswith(f"{path}: {words}")
    assert "\n" not in str(caught.value)


async def test_a_refusal_of_the_disk_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only another starter is in the way for a moment; nothing but the last line tells of it."""
    monkeypatch.setattr("conduit_kernel.database.LOCK_SECONDS", 3600)
    (tmp_path / "registry.db-journal").mkdir()
    settings = Settings(tmp_path, "master", b"k" * 32)
    with capture_logs() as lines, pytest.raises(ServiceUnavailable) as caught:
        async with asyncio.timeout(30):
            await open_database(settings, "registry", MIGRATIONS)
    said = f"{tmp_path}/registry.db: unable to open database file. Look whether its disk"
    assert str(caught.value).startswith(said)
    assert lines == []


async def test_damage_that_shows_later_is_no_fault_of_ours(tmp_path: Path) -> None:
    """Callers hear that the service's database is damaged, and not where it is."""
    path = tmp_path / "notes.db"
    overwritten(path)
    engine = engine_at(path)
    with pytest.raises(ServiceUnavailable) as caught:
        async with guarded("notes"):
            await note(engine)
    await engine.dispose()
    said = "The database of the notes service is damaged: file is not a database"
    assert str(caught.value) == said


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
