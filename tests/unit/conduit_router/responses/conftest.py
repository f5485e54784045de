"""Responses at a Storage service of their own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support.credentials import service_metadata_of
from tests.support.storage_host import ENCRYPTION_KEY, StorageHost

from conduit_kernel.rpc import connect
from conduit_router.responses.storage import ResponseStorage
from conduit_router.storage import StorageClient


@pytest.fixture
def bounds() -> dict[str, int]:
    """Return what is set of the bounds of Storage."""
    return {}


@pytest.fixture
async def host(tmp_path: Path, bounds: dict[str, int]) -> AsyncIterator[StorageHost]:
    """Return a Storage service that runs."""
    made = StorageHost(tmp_path, **bounds)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def storage(host: StorageHost) -> AsyncIterator[ResponseStorage]:
    """Return the way to a Storage service."""
    channel = connect(host.address)
    try:
        yield ResponseStorage(StorageClient(channel, service_metadata_of(ENCRYPTION_KEY)))
    finally:
        await channel.close()
