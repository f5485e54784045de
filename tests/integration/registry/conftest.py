"""A Registry on each database, on a real port, beside a real upstream."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tests.support.postgres import fresh_database, serve_postgres
from tests.support.registry import Api, Bench, Clock, Upstream, serve_upstream, settings_of

from conduit_providers.catalog import Catalog, load_catalog


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """Return the address of a PostgreSQL server."""
    with serve_postgres() as address:
        yield address


@pytest.fixture(params=["sqlite", "postgresql"])
async def database_url(request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """Return the address of an empty database; an empty one means a file of the service's own."""
    if request.param == "sqlite":
        yield ""
        return
    async with fresh_database(request.getfixturevalue("postgres")) as address:
        yield address


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    """Return the shipped catalog."""
    return load_catalog()


@pytest.fixture
def bench(database_url: str, tmp_path: Path, catalog: Catalog) -> Bench:
    """Return a database and a clock, without a Registry."""
    return Bench(settings_of(tmp_path, database_url), catalog, Clock())


@pytest.fixture
async def api(bench: Bench) -> AsyncIterator[Api]:
    """Return a running Registry."""
    async with bench.registry(request_id="req_test") as api:
        yield api


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    """Return a provider on a real port."""
    async with serve_upstream() as upstream:
        yield upstream
