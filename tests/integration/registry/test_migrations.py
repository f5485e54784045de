"""The Registry's migrations, on both databases."""

import asyncio
import json
import sys

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy.engine import Connection
from tests.support.registry import Bench

from conduit_kernel.database import open_database, version_table, writer
from conduit_kernel.errors import ServiceUnavailable
from conduit_kernel.migrating import BASE, migrate
from conduit_registry.bootstrap import MIGRATIONS
from conduit_registry.store.tables import Base

SERVICE = "registry"
STEPS = (
    "SELECT provider_id, position, priority, timeout FROM fallback_chain_steps ORDER BY position"
)
_PROVIDER = (
    "INSERT INTO providers VALUES ({0}, 0, 0, 'p{0}', 'p{0}', 'OpenAI', '', '', 1, 1, 24, 0, 1,"
    " TRUE, FALSE, FALSE, '{{}}', '[]')"
)
FIRST_VERSION = (
    _PROVIDER.format(1),
    _PROVIDER.format(2),
    "INSERT INTO fallback_chains VALUES (1, 0, 0, 'gpt', TRUE)",
    "INSERT INTO fallback_chain_steps VALUES (1, 1, 1, 6, 30), (1, 2, 0, 5, NULL)",
)
TWICE = (
    "INSERT INTO fallback_chain_steps (chain_id, provider_id, position, priority)"
    " VALUES (1, 2, 2, 9)"
)


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
        async with engine.connect() as connection:
            names = await connection.run_sync(lambda sync: sa.inspect(sync).get_table_names())
        await engine.dispose()
        assert not set(names) & set(Base.metadata.tables)


async def test_chains_of_the_first_version_keep_their_steps(bench: Bench) -> None:
    """Going up, and down again, where one instance may be in a chain once only."""
    await (await open_database(bench.settings, SERVICE, MIGRATIONS)).dispose()
    engine = await open_database(bench.settings, SERVICE, MIGRATIONS)
    async with writer(engine).begin() as connection:
        await connection.run_sync(migrate, SERVICE, MIGRATIONS, "v0001")
        for statement in FIRST_VERSION:
            await connection.execute(sa.text(statement))
        await connection.run_sync(migrate, SERVICE, MIGRATIONS, "v0002")
        found = await connection.execute(sa.text(STEPS))
        assert found.all() == [(2, 0, 5, None), (1, 1, 6, 30)]
        await connection.execute(sa.text(TWICE))
        await connection.run_sync(migrate, SERVICE, MIGRATIONS, "v0001")
        found = await connection.execute(sa.text(STEPS))
        assert found.all() == [(2, 0, 5, None), (1, 1, 6, 30)]
    await engine.dispose()


AUDIT_OF_THE_SECOND_VERSION = (
    "INSERT INTO audit_entries (revision, occurred_at, action, actor, peer, resource_kind,"
    " resource_id, request_id, changes, touched)"
    " VALUES (1, 5, 1, 'me', '', 'key', 'key_2', '', '{}', '[[\"key\", 2]]'),"
    " (2, 6, 4, 'me', '', 'provider', '1', '', '{}', '[]')"
)


async def test_changes_of_the_second_version_are_taken_over_and_given_back(bench: Bench) -> None:
    """A watcher that was there before goes on where it was; what is forgotten touched nothing."""
    engine = await open_database(bench.settings, SERVICE, MIGRATIONS)
    async with writer(engine).begin() as connection:
        await connection.run_sync(migrate, SERVICE, MIGRATIONS, "v0002")
        statement = AUDIT_OF_THE_SECOND_VERSION.replace(":", "\\:")
        await connection.execute(sa.text(statement))
        await connection.run_sync(migrate, SERVICE, MIGRATIONS, "v0003")
        found = await connection.execute(sa.text("SELECT * FROM changes ORDER BY revision"))
        changes = [(row.revision, read(row.resources)) for row in found]
        assert changes == [(1, [["key", 2]]), (2, [])]
        await connection.execute(sa.text("DELETE FROM changes WHERE revision = 2"))
        await connection.run_sync(migrate, SERVICE, MIGRATIONS, "v0002")
        query = "SELECT touched FROM audit_entries ORDER BY revision"
        touched = await connection.scalars(sa.text(query))
        assert [read(each) for each in touched] == [[["key", 2]], []]
    await engine.dispose()


def read(value: object) -> object:
    """Return JSON as one database gives it, and the other reads it."""
    return json.loads(value) if isinstance(value, str) else value


async def test_two_starters_migrate_once(bench: Bench) -> None:
    """The second waits for the first, and finds the work done."""
    engines = await asyncio.gather(
        *(open_database(bench.settings, SERVICE, MIGRATIONS) for _ in range(4))
    )
    for engine in engines:
        async with engine.connect() as connection:
            assert await connection.scalar(sa.text("SELECT revision FROM registry_state")) == 0
        await engine.dispose()


async def test_a_database_of_a_newer_version_is_left_alone(bench: Bench) -> None:
    """The error says which version it is of."""
    engine = await open_database(bench.settings, SERVICE, MIGRATIONS)
    table = version_table(SERVICE)
    async with writer(engine).begin() as connection:
        await connection.execute(sa.text(f"UPDATE {table} SET version_num = 'v9999'"))  # noqa: S608 # our own name
    await engine.dispose()
    with pytest.raises(ServiceUnavailable, match="v9999"):
        await open_database(bench.settings, SERVICE, MIGRATIONS)


async def test_a_migrated_database_is_opened_without_alembic(bench: Bench) -> None:
    """Because its import takes longer than all the rest."""
    engine = await open_database(bench.settings, SERVICE, MIGRATIONS)
    await engine.dispose()
    code = (
        "import asyncio, sys; from pathlib import Path;"
        "from conduit_kernel.database import open_database;"
        "from conduit_kernel.settings import Settings;"
        "settings = Settings(data_dir=Path(sys.argv[1]), master_key='', encryption_key=b'',"
        "                    database_url=sys.argv[2]);"
        "asyncio.run(open_database(settings, 'registry', Path(sys.argv[3])));"
        "assert 'alembic' not in sys.modules"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        code,
        str(bench.settings.data_dir),
        bench.settings.database_url,
        str(MIGRATIONS),
    )
    async with asyncio.timeout(30):
        assert await process.wait() == 0
