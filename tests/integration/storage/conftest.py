"""A Storage service, as routers see it, on a clock that tests move."""

import dataclasses
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import pytest
from tests.support.credentials import service_metadata_of
from tests.support.postgres import fresh_database, serve_postgres

from conduit_kernel.rpc import connect
from conduit_kernel.settings import Settings
from conduit_storage import bootstrap

if TYPE_CHECKING:
    # The generated code has one class; its types have two.
    from conduit.internal.v1.task_storage_service_pb2_grpc import TaskStorageServiceAsyncStub

    StorageStub: TypeAlias = TaskStorageServiceAsyncStub
else:
    from conduit.internal.v1.task_storage_service_pb2_grpc import (
        TaskStorageServiceStub as StorageStub,
    )

ENCRYPTION_KEY = bytes(range(32))
METADATA = service_metadata_of(ENCRYPTION_KEY)
# 2026-11-23T12:00:00Z
NOW = 1_795_435_200.0
LOOK_SECONDS = 0.02


@dataclasses.dataclass
class Clock:
    """Stands still until a test moves it."""

    now: float = NOW

    def __call__(self) -> float:
        """Return seconds since 1970."""
        return self.now


@dataclasses.dataclass
class Bench:
    """What a test of Storage works with."""

    settings: Settings
    clock: Clock

    @asynccontextmanager
    async def storage(self) -> AsyncIterator[StorageStub]:
        """Run a Storage process for as long as this lasts."""
        process = await bootstrap.start(
            self.settings, clock=self.clock, port=0, look_seconds=LOOK_SECONDS
        )
        channel = connect(f"127.0.0.1:{process.port}")
        try:
            yield StorageStub(channel)
        finally:
            await channel.close()
            await process.drain(0.1)


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
def bench(tmp_path: Path, database_url: str) -> Bench:
    """Return a database and a clock, without a Storage service."""
    settings = Settings(
        data_dir=tmp_path,
        master_key="test-master-key",
        encryption_key=ENCRYPTION_KEY,
        database_url=database_url,
        task_result_bytes=10_000,
        task_key_bytes=20_000,
    )
    return Bench(settings, Clock())


@pytest.fixture
async def storage(bench: Bench) -> AsyncIterator[StorageStub]:
    """Return a running Storage service."""
    async with bench.storage() as running:
        yield running
