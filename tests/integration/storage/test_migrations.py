"""Storage's migrations, on both databases."""

from pathlib import Path

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy.engine import Connection

from conduit_kernel.database import database_url as url_of
from conduit_kernel.database import make_engine, open_database, writer
from conduit_kernel.migrating import BASE, migrate
from conduit_kernel.settings import Settings
from conduit_storage.base import Base
from conduit_storage.bootstrap import MIGRATIONS, SERVICE


def differences(connection: Connection) -> list[object]:
    """Return how the tables differ from what the code believes."""
    context = MigrationContext.configure(connection)
    found: list[object] = compare_metadata(context, Base.metadata)
    return [each for each in found if "alembic_version" not in str(each)]


async def test_migrations_make_the_tables_of_the_code_and_remove_them(
    database_url: str, tmp_path: Path
) -> None:
    """Up gives exactly the tables of the code; down leaves none of them; up works again."""
    settings = Settings(tmp_path, "test-master-key", bytes(32), database_url=database_url)
    for _ in range(2):
        engine = await open_database(settings, SERVICE, MIGRATIONS)
        async with engine.connect() as connection:
            assert await connection.run_sync(differences) == []
        async with writer(engine).begin() as connection:
            await connection.run_sync(migrate, SERVICE, MIGRATIONS, BASE)
        await engine.dispose()
        engine = make_engine(url_of(settings, SERVICE))
        async with engine.connect() as connection:
            names = await connection.run_sync(lambda sync: sa.inspect(sync).get_table_names())
        await engine.dispose()
        assert not set(names) & set(Base.metadata.tables)
