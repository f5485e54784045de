"""Billing's migrations, on both databases."""

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy.engine import Connection
from tests.integration.billing.conftest import Bench

from conduit_billing.bootstrap import MIGRATIONS, SERVICE
from conduit_billing.tables import Base
from conduit_kernel.database import database_url as url_of
from conduit_kernel.database import make_engine, open_database, writer
from conduit_kernel.migrating import BASE, migrate


def differences(connection: Connection) -> list[object]:
    """Return how the tables differ from what the code believes."""
    context = MigrationContext.configure(connection)
    found: list[object] = compare_metadata(context, Base.metadata)
    return [each for each in found if "alembic_version" not in str(each)]


async def test_migrations_make_the_tables_of_the_code_and_remove_them(bench: Bench) -> None:
    """Up gives exactly the tables of the code; down leaves none of them; up works again."""
    for _ in range(2):
        engine = await open_database(bench.settings, SERVICE, MIGRATIONS)
        async with engine.connect() as connection:
            assert await connection.run_sync(differences) == []
        async with writer(engine).begin() as connection:
            await connection.run_sync(migrate, SERVICE, MIGRATIONS, BASE)
        await engine.dispose()
        engine = make_engine(url_of(bench.settings, SERVICE))
        async with engine.connect() as connection:
            names = await connection.run_sync(lambda sync: sa.inspect(sync).get_table_names())
        await engine.dispose()
        assert not set(names) & set(Base.metadata.tables)
