"""The router's way to Storage."""

from pathlib import Path

import pytest
from tests.support.credentials import service_metadata_of
from tests.support.storage_host import ENCRYPTION_KEY, StorageHost

from conduit.internal.v1.voice_storage_service_pb2 import GetVoiceRequest, ListVoicesRequest
from conduit.internal.v1.voice_storage_service_pb2_grpc import VoiceStorageServiceStub
from conduit_kernel.errors import ServiceUnavailable
from conduit_kernel.not_found_errors import VoiceNotFound
from conduit_kernel.rpc import connect
from conduit_router.storage import StorageClient


async def test_answers_and_errors_are_storages_own(tmp_path: Path) -> None:
    """Errors are of our classes; that it is away is one of them, which names it."""
    host = StorageHost(tmp_path)
    await host.start()
    channel = connect(host.address)
    client = StorageClient(channel, service_metadata_of(ENCRYPTION_KEY))
    stub = VoiceStorageServiceStub(channel)
    try:
        answer = await client.ask(stub.ListVoices, ListVoicesRequest(virtual_key_id=1))
        assert [*answer.voices] == []
        with pytest.raises(VoiceNotFound):
            await client.ask(stub.GetVoice, GetVoiceRequest(virtual_key_id=1, id="voice_1"))
        await host.stop()
        with pytest.raises(ServiceUnavailable) as refused:
            await client.ask(stub.ListVoices, ListVoicesRequest(virtual_key_id=1))
        assert refused.value.metadata == {"service": "storage"}
    finally:
        await channel.close()
        await host.stop()
