"""The VoiceStorageService: what routers ask of Storage about voices and consents, and answers."""

from collections.abc import Callable

from conduit.internal.v1 import voice_storage_service_pb2 as pb
from conduit.internal.v1.voice_storage_service_pb2_grpc import VoiceStorageServiceServicer
from conduit_kernel.errors import InvalidRequest
from conduit_kernel.not_found_errors import VoiceNotFound
from conduit_kernel.rpc.auth_interceptor import Context
from conduit_storage.voices.consent_store import ConsentStore
from conduit_storage.voices.store import VoiceStore


class VoiceStorageService(VoiceStorageServiceServicer):
    """Answers routers."""

    def __init__(
        self, store: VoiceStore, consents: ConsentStore, clock: Callable[[], float]
    ) -> None:
        """Take where voices and consents are kept, and a clock of seconds since 1970."""
        self._store = store
        self._consents = consents
        self._clock = clock

    async def CreateVoice(
        self, request: pb.CreateVoiceRequest, context: Context
    ) -> pb.CreateVoiceResponse:
        """Store a voice that was made."""
        if not request.voice.id:
            raise InvalidRequest("voice.id is required", field="voice.id")
        await self._store.add(request.voice)
        return pb.CreateVoiceResponse()

    async def GetVoice(self, request: pb.GetVoiceRequest, context: Context) -> pb.GetVoiceResponse:
        """Return a voice of its owner's."""
        found = await self._store.voice(request.virtual_key_id, request.id)
        if found is None:
            raise VoiceNotFound(f"There is no voice {request.id}", voice_id=request.id)
        return pb.GetVoiceResponse(voice=found)

    async def ListVoices(
        self, request: pb.ListVoicesRequest, context: Context
    ) -> pb.ListVoicesResponse:
        """Return an owner's voices, and which ones are others'."""
        voices, others = await self._store.voices(request.virtual_key_id)
        return pb.ListVoicesResponse(voices=voices, others_upstream_ids=others)

    async def DeleteVoice(
        self, request: pb.DeleteVoiceRequest, context: Context
    ) -> pb.DeleteVoiceResponse:
        """Note that a voice of its owner's is no more."""
        await self._store.delete(request.virtual_key_id, request.id, self._clock())
        return pb.DeleteVoiceResponse()

    async def PutConsent(
        self, request: pb.PutConsentRequest, context: Context
    ) -> pb.PutConsentResponse:
        """Store a consent, or its new name."""
        if not request.consent.id:
            raise InvalidRequest("consent.id is required", field="consent.id")
        await self._consents.put(request.consent)
        return pb.PutConsentResponse()

    async def ListConsents(
        self, request: pb.ListConsentsRequest, context: Context
    ) -> pb.ListConsentsResponse:
        """Return an owner's consents, and which ones are others'."""
        consents, others = await self._consents.consents(request.virtual_key_id)
        return pb.ListConsentsResponse(consents=consents, others_upstream_ids=others)

    async def DeleteConsent(
        self, request: pb.DeleteConsentRequest, context: Context
    ) -> pb.DeleteConsentResponse:
        """Note that a consent of its owner's is no more."""
        await self._consents.delete(request.virtual_key_id, request.id)
        return pb.DeleteConsentResponse()
