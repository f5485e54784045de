"""A Health service beside a Registry that tests write, and a provider that they steer."""

import dataclasses
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import grpc
import pytest
from tests.support.credentials import admin_metadata, service_metadata_of
from tests.support.models_upstream import ModelsUpstream, serve_models
from tests.support.postgres import fresh_database, serve_postgres
from tests.support.scripted_registry import ScriptedRegistry, serve_registry
from tests.support.waiting import eventually

from conduit.internal.v1.snapshot_pb2 import Snapshot, SnapshotKey
from conduit.v1 import provider_health_requests_pb2 as pb
from conduit.v1.key_credential_pb2 import KeyCredential
from conduit.v1.model_mapping_pb2 import ModelMapping
from conduit.v1.provider_health_pb2 import ProviderHealth
from conduit.v1.provider_pb2 import Provider
from conduit_health import bootstrap
from conduit_kernel.rpc import connect
from conduit_kernel.secrets import Vault
from conduit_kernel.settings import Settings
from conduit_providers.catalog import load_catalog

if TYPE_CHECKING:
    # The generated code has one class; its types have two.
    from conduit.internal.v1.outcome_service_pb2_grpc import OutcomeServiceAsyncStub
    from conduit.v1.health_service_pb2_grpc import HealthServiceAsyncStub

    HealthStub: TypeAlias = HealthServiceAsyncStub
    OutcomeStub: TypeAlias = OutcomeServiceAsyncStub
else:
    from conduit.internal.v1.outcome_service_pb2_grpc import OutcomeServiceStub as OutcomeStub
    from conduit.v1.health_service_pb2_grpc import HealthServiceStub as HealthStub

MASTER_KEY = "test-master-key"
METADATA = admin_metadata(MASTER_KEY)
ENCRYPTION_KEY = bytes(range(32))
SERVICE_METADATA = service_metadata_of(ENCRYPTION_KEY)
# 2026-11-23T12:00:00Z
NOW = 1_795_435_200.0
GOOD, BAD = "sk-good-0123456789", "sk-bad-0123456789"


@dataclasses.dataclass
class Clock:
    """Stands still until a test moves it."""

    now: float = NOW

    def __call__(self) -> float:
        """Return seconds since 1970."""
        return self.now


@dataclasses.dataclass
class Bench:
    """What a test of Health works with."""

    settings: Settings
    clock: Clock
    registry: ScriptedRegistry
    upstream: ModelsUpstream

    @asynccontextmanager
    async def health(
        self, random: float = 0.5, *, has_registry: bool = True
    ) -> AsyncIterator["Health"]:
        """Run a Health process for as long as this lasts; `random` is what chance always gives.

        Without a registry that lets it in, it knows no instances.
        """
        process = await bootstrap.start(
            self.settings,
            load_catalog(),
            clock=self.clock,
            random=lambda: random,
            port=0,
            tick_seconds=0.02,
        )
        channel = connect(f"127.0.0.1:{process.port}")
        health = Health(channel, HealthStub(channel), OutcomeStub(channel))
        try:
            if has_registry:
                await eventually(health.knows_instances)
            yield health
        finally:
            await channel.close()
            await process.drain()


@dataclasses.dataclass
class Health:
    """A running Health service, as its callers see it."""

    channel: grpc.aio.Channel
    stub: HealthStub
    outcomes: OutcomeStub

    async def get(self, provider_id: int = 1) -> ProviderHealth:
        """Return how an instance is."""
        request = pb.GetProviderHealthRequest(provider_id=provider_id)
        return (await self.stub.GetProviderHealth(request, metadata=METADATA)).health

    async def check(self, provider_id: int = 1) -> ProviderHealth:
        """Ask an instance now."""
        request = pb.CheckProviderRequest(provider_id=provider_id)
        return (await self.stub.CheckProvider(request, metadata=METADATA)).health

    async def all(self) -> list[ProviderHealth]:
        """Return how all instances are, without asking them."""
        request = pb.ListProviderHealthRequest()
        answer: pb.ListProviderHealthResponse = await self.stub.ListProviderHealth(
            request, metadata=METADATA
        )
        return list(answer.providers)

    async def knows_instances(self) -> bool:
        """Whether the Registry's configuration has arrived."""
        return bool(await self.all())


def key(number: int, value: str = GOOD) -> SnapshotKey:
    """Return a sealed key of instance 1."""
    name = f"key_{number}"
    credential = KeyCredential(id=name, provider_id=1, is_enabled=True)
    return SnapshotKey(credential=credential, secret=Vault(ENCRYPTION_KEY).seal(value, name))


def configuration(
    url: str, *keys: SnapshotKey, name: str = "OpenAI Production", is_enabled: bool = True
) -> Snapshot:
    """Return a configuration of one instance with a mapped model."""
    provider = Provider(
        id=1, name=name, provider_type="OpenAI", base_url=url, is_enabled=is_enabled
    )
    mapping = ModelMapping(
        id=1, model_alias="fast", provider_id=1, actual_model_name="gpt-4", is_enabled=True
    )
    return Snapshot(epoch="test", revision=1, providers=[provider], keys=keys, mappings=[mapping])


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """Return the address of a PostgreSQL server."""
    with serve_postgres() as address:
        yield address


@pytest.fixture
async def upstream() -> AsyncIterator[ModelsUpstream]:
    """Return a provider on loopback."""
    async with serve_models() as served:
        yield served


@pytest.fixture
def database_url() -> str:
    """Return the address of a database; an empty one means a file of the service's own."""
    return ""


@pytest.fixture
async def postgres_url(postgres: str) -> AsyncIterator[str]:
    """Return the address of an empty PostgreSQL database."""
    async with fresh_database(postgres) as address:
        yield address


@pytest.fixture
async def bench(
    upstream: ModelsUpstream, tmp_path: Path, database_url: str
) -> AsyncIterator[Bench]:
    """Return a Registry with one instance and one good key, without a Health service."""
    async with serve_registry(configuration(upstream.url, key(1)), ENCRYPTION_KEY) as registry:
        settings = Settings(
            data_dir=tmp_path,
            master_key=MASTER_KEY,
            encryption_key=ENCRYPTION_KEY,
            database_url=database_url,
            allow_private_addresses=True,
            targets={
                "registry": f"127.0.0.1:{registry.port}",
                "router": "127.0.0.1:1",
                "billing": "127.0.0.1:1",
            },
        )
        yield Bench(settings, Clock(), registry, upstream)


@pytest.fixture
async def health(bench: Bench) -> AsyncIterator[Health]:
    """Return a running Health service that knows its instance."""
    async with bench.health() as running:
        yield running
