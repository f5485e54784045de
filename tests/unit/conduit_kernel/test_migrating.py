"""Migrations, up and down, in the transaction of whoever asked for them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection
from sqlalchemy.ext.asyncio import AsyncEngine

from conduit_kernel.database import make_engine, version_table, writer
from conduit_kernel.errors import ServiceUnavailable
from conduit_kernel.migrating import BASE, migrate

MIGRATION = '''"""Make or drop one table."""

import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = {before!r}


def upgrade() -> None:
    op.create_table("{table}", sa.Column("id", sa.Integer, primary_key=True))
    {then}


def downgrade() -> None:
    op.drop_table("{table}")
'''


def add(folder: Path, number: int, then: str = "pass") -> None:
    """Add a migration that makes the table t<number>."""
    revision, before = f"v{number:04}", f"v{number - 1:04}" if number > 1 else None
    text = MIGRATION.format(revision=revision, before=before, table=f"t{number}", then=then)
    (folder / f"{revision}_t{number}.py").write_text(text)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make a folder of three migrations."""
    made = tmp_path / "migrations"
    made.mkdir()
    for number in (1, 2, 3):
        add(made, number)
    return made


@pytest_asyncio.fixture
async def engine(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    """Open a database of nobody's."""
    made = make_engine(URL.create("sqlite+aiosqlite", database=str(tmp_path / "notes.db")))
    yield made
    await made.dispose()


async def migrated(engine: AsyncEngine, folder: Path, target: str, service: str = "notes") -> None:
    """Migrate in a transaction of its own."""
    async with writer(engine).begin() as connection:
        await connection.run_sync(migrate, service, folder, target)


async def state(engine: AsyncEngine, service: str = "notes") -> tuple[set[str], list[str]]:
    """Return the service's tables and revision."""

    def read(connection: Connection) -> tuple[set[str], list[str]]:
        tables = set(sa.inspect(connection).get_table_names())
        versions = version_table(service)
        query = sa.text(f"SELECT version_num FROM {versions}")  # noqa: S608 # a name of ours
        found = list(connection.scalars(query)) if versions in tables else []
        return {name for name in tables if name.startswith("t")}, found

    async with engine.connect() as connection:
        return await connection.run_sync(read)


async def test_migrations_go_to_any_revision_and_back(engine: AsyncEngine, folder: Path) -> None:
    """Each once, in their order; again to the same one is no change."""
    for target, tables in (
        ("v0002", {"t1", "t2"}),
        ("v0002", {"t1", "t2"}),
        ("v0003", {"t1", "t2", "t3"}),
        ("v0001", {"t1"}),
        ("v0003", {"t1", "t2", "t3"}),
    ):
        await migrated(engine, folder, target)
        assert await state(engine) == (tables, [target])
    await migrated(engine, folder, BASE)
    assert await state(engine) == (set(), [])


async def test_a_database_without_tables_has_nothing_to_take_down(
    engine: AsyncEngine, folder: Path
) -> None:
    """It stays as it is."""
    await migrated(engine, folder, BASE)
    assert await state(engine) == (set(), [])


async def test_a_newer_versions_database_is_left_alone(engine: AsyncEngine, folder: Path) -> None:
    """In either direction: this version does not know how to take back what that one did."""
    await migrated(engine, folder, "v0003")
    (folder / "v0003_t3.py").unlink()
    for target in ("v0002", BASE):
        with pytest.raises(ServiceUnavailable, match="notes service is at v0003, of a newer"):
            await migrated(engine, folder, target)
    assert await state(engine) == ({"t1", "t2", "t3"}, ["v0003"])


async def test_a_migration_that_fails_leaves_nothing(engine: AsyncEngine, folder: Path) -> None:
    """Neither its own tables nor those of the migrations that went well before it."""
    await migrated(engine, folder, "v0001")
    add(folder, 3, then='raise OSError("the disk is full")')
    with pytest.raises(OSError, match="the disk is full"):
        await migrated(engine, folder, "v0003")
    assert await state(engine) == ({"t1"}, ["v0001"])
    add(folder, 3)
    await migrated(engine, folder, "v0003")
    assert await state(engine) == ({"t1", "t2", "t3"}, ["v0003"])


async def test_services_in_one_database_have_revisions_of_their_own(
    engine: AsyncEngine, folder: Path, tmp_path: Path
) -> None:
    """One of them goes back without the others."""
    others = tmp_path / "others"
    others.mkdir()
    text = (folder / "v0001_t1.py").read_text().replace('"t1"', '"t9"')
    (others / "v0001_t9.py").write_text(text)
    await migrated(engine, folder, "v0002")
    await migrated(engine, others, "v0001", service="others")
    await migrated(engine, folder, BASE)
    assert (await state(engine))[0] == {"t9"}
    assert (await state(engine, "others"))[1] == ["v0001"]
