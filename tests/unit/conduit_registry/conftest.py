"""The Registry's parts on a SQLite file of their own, migrated once for all tests."""

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Protocol, cast

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.support.registry import (
    ENCRYPTION_KEY,
    Api,
    Bench,
    Clock,
    Upstream,
    serve_upstream,
    settings_of,
)

from conduit_kernel.audit.author import Author
from conduit_kernel.database import open_database
from conduit_kernel.secrets import Vault
from conduit_providers.auth.secret_files import SecretFiles
from conduit_providers.catalog import Catalog, load_catalog
from conduit_providers.probe import Probe
from conduit_providers.probing import Prober
from conduit_providers.sending import Sender
from conduit_registry.bootstrap import MIGRATIONS
from conduit_registry.configuration.editor import Editor
from conduit_registry.patches import ProviderPatch
from conduit_registry.store import Store, WriteTransaction
from conduit_registry.values import Provider

AUTHOR = Author("administrator", "127.0.0.1", "req_1")
VIRTUAL_KEY = "condt_0123456789abcdef"

Edit = Callable[[], AbstractAsyncContextManager[Editor]]


class Fill(Protocol):
    """Makes an instance of the upstream."""

    async def __call__(self, *api_keys: str, **fields: object) -> Provider:
        """Return it, stored with these keys."""
        ...


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    """Return the shipped catalog."""
    return load_catalog()


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a database file with tables and nothing in them; tests copy it."""
    folder = tmp_path_factory.mktemp("migrated")

    async def migrate() -> None:
        engine = await open_database(settings_of(folder), "registry", MIGRATIONS)
        await engine.dispose()

    asyncio.run(migrate())
    return folder / "registry.db"


@pytest.fixture
def bench(migrated: Path, tmp_path: Path, catalog: Catalog) -> Bench:
    """Return a database and a clock, without a Registry."""
    shutil.copy(migrated, tmp_path)
    return Bench(settings_of(tmp_path), catalog, Clock())


@pytest.fixture
async def engine(bench: Bench) -> AsyncIterator[AsyncEngine]:
    """Open the database."""
    opened = await open_database(bench.settings, "registry", MIGRATIONS)
    yield opened
    await opened.dispose()


@pytest.fixture
def store(engine: AsyncEngine, bench: Bench) -> Store:
    """Return a store on an empty database."""
    return Store(engine, bench.clock, Vault(ENCRYPTION_KEY))


@pytest.fixture
def vault() -> Vault:
    """Return what seals keys."""
    return Vault(ENCRYPTION_KEY)


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


@pytest.fixture
def transaction() -> type[WriteTransaction]:
    """Return the kind of transactions that edit the configuration."""
    return WriteTransaction


@pytest.fixture
def edit(store: Store, bench: Bench, vault: Vault, transaction: type[WriteTransaction]) -> Edit:
    """Return what begins a transaction that edits the configuration."""
    secret_files = SecretFiles(bench.settings.secret_folders)

    @asynccontextmanager
    async def begin() -> AsyncIterator[Editor]:
        async with store.change(AUTHOR, transaction) as changing:
            yield Editor(
                changing,
                catalog=bench.catalog,
                vault=vault,
                secret_files=secret_files,
                make_key=lambda: VIRTUAL_KEY,
            )

    return begin


@pytest.fixture
async def prober(bench: Bench, vault: Vault) -> AsyncIterator[Prober]:
    """Return what asks providers for their models; `env:UPSTREAM_KEY` is `good`."""
    sender = Sender.of(bench.settings)
    yield Prober(
        Probe(bench.catalog, sender, clock=bench.clock, timer=time.monotonic),
        catalog=bench.catalog,
        vault=vault,
        env={"UPSTREAM_KEY": "good"},
        read_file=SecretFiles(bench.settings.secret_folders).read,
    )
    await sender.close()


@pytest.fixture
def fill(edit: Edit, upstream: Upstream) -> Fill:
    """Return what makes an instance of the upstream with some keys."""

    async def make(*api_keys: str, **fields: object) -> Provider:
        given = {"name": "Main", "provider_type": "OpenAI", "base_url": upstream.url, **fields}
        async with edit() as editor:
            provider = await editor.create_provider(cast("ProviderPatch", given))
            for api_key in api_keys:
                await editor.create_key(provider.id, {"api_key": api_key})
        return provider

    return make
