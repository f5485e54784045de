"""Billing's parts on a SQLite file of their own, migrated once for all tests."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.integration.billing.conftest import NAMES, Bench, Clock, catalog, configuration
from tests.support.billing import ENCRYPTION_KEY, MASTER_KEY, BillingStub, knows_providers
from tests.support.scripted_registry import serve_registry

from conduit_billing.bootstrap import MIGRATIONS, SERVICE
from conduit_kernel.database import open_database
from conduit_kernel.settings import Settings


def settings_of(data_dir: Path, **targets: str) -> Settings:
    """Return the settings of a Billing service."""
    return Settings(
        data_dir=data_dir, master_key=MASTER_KEY, encryption_key=ENCRYPTION_KEY, targets=targets
    )


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a database file with tables and nothing in them; tests copy it."""
    folder = tmp_path_factory.mktemp("migrated")

    async def migrate() -> None:
        engine = await open_database(settings_of(folder), SERVICE, MIGRATIONS)
        await engine.dispose()

    asyncio.run(migrate())
    return folder / f"{SERVICE}.db"


@pytest.fixture
async def engine(migrated: Path, tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    """Return an empty database."""
    shutil.copy(migrated, tmp_path)
    opened = await open_database(settings_of(tmp_path), SERVICE, MIGRATIONS)
    yield opened
    await opened.dispose()


@pytest.fixture
async def bench(migrated: Path, tmp_path: Path) -> AsyncIterator[Bench]:
    """Return a database, a Registry and a clock, without a Billing service."""
    shutil.copy(migrated, tmp_path)
    async with serve_registry(configuration(NAMES), ENCRYPTION_KEY) as registry:
        settings = settings_of(tmp_path, registry=f"127.0.0.1:{registry.port}")
        yield Bench(settings, catalog(), Clock(), registry)


@pytest.fixture
async def billing(bench: Bench) -> AsyncIterator[BillingStub]:
    """Return a stub of a running Billing service that knows the instances."""
    async with bench.billing() as stub:
        await knows_providers(stub)
        yield stub
