"""A Billing service on each database, beside a Registry that tests write."""

import dataclasses
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path

import pytest
from tests.support.billing import ENCRYPTION_KEY, MASTER_KEY, NOW, BillingStub, knows_providers
from tests.support.postgres import fresh_database, serve_postgres
from tests.support.scripted_registry import ScriptedRegistry, serve_registry

from conduit.internal.v1.snapshot_pb2 import Snapshot
from conduit.v1.provider_pb2 import Provider
from conduit_billing import bootstrap
from conduit_kernel.rpc import connect
from conduit_kernel.settings import Settings
from conduit_providers.catalog import Catalog
from conduit_providers.spec import Auth, ProviderSpec

NAMES = {1: "OpenAI Production", 2: "OpenAI Development", 3: "Anthropic Production"}


@dataclasses.dataclass
class Clock:
    """Stands still until a test moves it."""

    now: float = float(NOW)

    def __call__(self) -> float:
        """Return seconds since 1970."""
        return self.now


@dataclasses.dataclass
class Bench:
    """What a test of Billing works with."""

    settings: Settings
    catalog: Catalog
    clock: Clock
    registry: ScriptedRegistry

    @asynccontextmanager
    async def billing(self) -> AsyncIterator[BillingStub]:
        """Run a Billing process for as long as this lasts."""
        process = await bootstrap.start(
            self.settings, self.catalog, clock=self.clock, port=0, refresh_seconds=0.05
        )
        channel = connect(f"127.0.0.1:{process.port}")
        try:
            yield BillingStub(channel)
        finally:
            await channel.close()
            await process.drain()


def catalog() -> Catalog:
    """Return a catalog of two types that the price catalog knows, and one that it does not."""
    prices = {"OpenAI": "openai", "Anthropic": "anthropic", "Homemade": ""}
    return Catalog(
        ProviderSpec(
            name=name,
            display_name=name,
            auth=Auth("bearer", "A key."),
            endpoints={},
            sources=("https://example.com",),
            checked_on=date(2026, 11, 23),
            price_provider=price,
        )
        for name, price in prices.items()
    )


def configuration(names: dict[int, str]) -> Snapshot:
    """Return a configuration of instances alone."""
    providers = [
        Provider(id=number, name=name, provider_type="OpenAI", is_enabled=True)
        for number, name in names.items()
    ]
    return Snapshot(epoch="test", revision=1, providers=providers)


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


@pytest.fixture
async def bench(database_url: str, tmp_path: Path) -> AsyncIterator[Bench]:
    """Return a database, a Registry and a clock, without a Billing service."""
    async with serve_registry(configuration(NAMES), ENCRYPTION_KEY) as registry:
        settings = Settings(
            data_dir=tmp_path,
            master_key=MASTER_KEY,
            encryption_key=ENCRYPTION_KEY,
            database_url=database_url,
            targets={"registry": f"127.0.0.1:{registry.port}"},
        )
        yield Bench(settings, catalog(), Clock(), registry)


@pytest.fixture
async def billing(bench: Bench) -> AsyncIterator[BillingStub]:
    """Return a stub of a running Billing service that knows the instances."""
    async with bench.billing() as stub:
        await knows_providers(stub)
        yield stub
