"""What is asked of Storage about voices that callers have made, and consents to them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from conduit.internal.v1 import voice_storage_service_pb2 as pb
from conduit.internal.v1.voice_storage_service_pb2_grpc import VoiceStorageServiceStub
from conduit_router.storage import StorageClient

if TYPE_CHECKING:
    # Exists for type checkers only.
    from conduit.internal.v1.voice_storage_service_pb2_grpc import VoiceStorageServiceAsyncStub


class VoiceStorage:
    """Asks Storage about voices. ServiceUnavailable while it is away."""

    def __init__(self, client: StorageClient) -> None:
        self._ask = client.ask
        self._stub: VoiceStorageServiceAsyncStub = VoiceStorageServiceStub(client.channel)

    async def create(self, voice: pb.MadeVoice) -> None:
        """Store a voice that was made."""
        await self._ask(self._stub.CreateVoice, pb.CreateVoiceRequest(voice=voice))

    async def voice(self, virtual_key_id: int, voice_id: str) -> pb.MadeVoice:
        """Return a voice. VoiceNotFound if the owner has none of this id."""
        request = pb.GetVoiceRequest(virtual_key_id=virtual_key_id, id=voice_id)
        return (await self._ask(self._stub.GetVoice, request)).voice

    async def voices(self, virtual_key_id: int) -> tuple[Sequence[pb.MadeVoice], Sequence[str]]:
        """Return an owner's voices in order of id, and the providers' ids of all others."""
        request = pb.ListVoicesRequest(virtual_key_id=virtual_key_id)
        answer = await self._ask(self._stub.ListVoices, request)
        return answer.voices, answer.others_upstream_ids

    async def delete(self, virtual_key_id: int, voice_id: str) -> None:
        """Note that a voice is no more."""
        request = pb.DeleteVoiceRequest(virtual_key_id=virtual_key_id, id=voice_id)
        await self._ask(self._stub.DeleteVoice, request)

    async def put_consent(self, consent: pb.StoredConsent) -> None:
        """Store a consent, or its new name."""
        await self._ask(self._stub.PutConsent, pb.PutConsentRequest(consent=consent))

    async def consents(
        self, virtual_key_id: int
    ) -> tuple[Sequence[pb.StoredConsent], Sequence[str]]:
        """Return an owner's consents in order of id, and the providers' ids of all others."""
        request = pb.ListConsentsRequest(virtual_key_id=virtual_key_id)
        answer = await self._ask(self._stub.ListConsents, request)
        return answer.consents, answer.others_upstream_ids

    async def delete_consent(self, virtual_key_id: int, consent_id: str) -> None:
        """Note that a consent is no more."""
        request = pb.DeleteConsentRequest(virtual_key_id=virtual_key_id, id=consent_id)
        await self._ask(self._stub.DeleteConsent, request)
