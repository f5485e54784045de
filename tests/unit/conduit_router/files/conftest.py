"""Files at a Storage service of their own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support.credentials import service_metadata_of
from tests.support.storage_host import ENCRYPTION_KEY, StorageHost

from conduit_kernel.rpc import connect
from conduit_router.files.storage import FileStorage
from conduit_router.storage import StorageClient


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[StorageHost]:
    """Return a Storage service that runs."""
    made = StorageHost(tmp_path, file_bytes=100_000)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def storage(host: StorageHost) -> AsyncIterator[FileStorage]:
    """Return the way to a Storage service."""
    channel = connect(host.address)
    try:
        yield FileStorage(StorageClient(channel, service_metadata_of(ENCRYPTION_KEY)))
    finally:
        await channel.close()
