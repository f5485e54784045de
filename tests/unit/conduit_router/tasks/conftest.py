"""Tasks at a Storage service of their own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.support.credentials import service_metadata_of

from conduit_kernel.rpc import HostedService, connect
from conduit_kernel.settings import Settings
from conduit_router.tasks.storage import TaskStorage
from conduit_storage import bootstrap

ENCRYPTION_KEY = bytes(range(32))


class StorageHost:
    """A Storage service that comes and goes at one address."""

    def __init__(self, folder: Path) -> None:
        self._settings = Settings(
            data_dir=folder, master_key="test-master-key", encryption_key=ENCRYPTION_KEY
        )
        self.port = 0
        self._process: HostedService | None = None

    async def start(self) -> None:
        """Serve, at the address that it had."""
        self._process = await bootstrap.start(self._settings, port=self.port)
        self.port = self._process.port

    async def stop(self) -> None:
        """Be away."""
        if self._process is not None:
            await self._process.drain(0)
        self._process = None

    @asynccontextmanager
    async def client(self) -> AsyncIterator[TaskStorage]:
        """Return the way to it."""
        channel = connect(f"127.0.0.1:{self.port}")
        try:
            yield TaskStorage(channel, service_metadata_of(ENCRYPTION_KEY))
        finally:
            await channel.close()


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[StorageHost]:
    """Return a Storage service that runs."""
    made = StorageHost(tmp_path)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def storage(host: StorageHost) -> AsyncIterator[TaskStorage]:
    """Return the way to a Storage service."""
    async with host.client() as client:
        yield client
