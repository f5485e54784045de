"""The RPCs that make voices and delete them: each is its maker's alone."""

import asyncio
import re
from collections.abc import AsyncIterable

from conduit.internal.v1.voice_storage_service_pb2 import MadeVoice
from conduit.v1.voice_pb2 import VoiceSpec
from conduit.v1.voice_requests_pb2 import (
    CreateVoiceRequest,
    CreateVoiceResponse,
    DeleteVoiceRequest,
    DeleteVoiceResponse,
)
from conduit_kernel.errors import (
    InvalidRequest,
    StorageFull,
    UnsupportedCapability,
)
from conduit_kernel.http import SpillSpace
from conduit_kernel.ids import IdSource
from conduit_kernel.not_found_errors import VoiceNotFound
from conduit_kernel.quoting import quoted
from conduit_providers.calls import Form
from conduit_providers.operation import AnyUploadOperation, UploadOperation
from conduit_providers.operations import operation
from conduit_router.calls.runtime import CallRuntime
from conduit_router.calls.unary import UnaryCalls
from conduit_router.calls.uploads import received
from conduit_router.context import CallerContext, options_of
from conduit_router.routing.table import Instance, Route
from conduit_router.virtual_keys import may_use
from conduit_router.voices.consents import VoiceConsents
from conduit_router.voices.deletion import OPERATION, UpstreamDeletion
from conduit_router.voices.storage import VoiceStorage

ID_PREFIX = "voice_"
MADE_ID = re.compile(rf"{ID_PREFIX}[0-9a-hjkmnp-tv-z]{{26}}", re.ASCII)
MAX_VOICES = 1000
# What one takes at Storage, about: its row, and its places in the indexes.
VOICE_BYTES = 1024
# What stands for no model in OpenAI's own requests.
_ANY_MODEL = frozenset({"", "auto"})


class VoiceMaking:
    """Makes voices, and deletes them, at their providers and at Storage."""

    def __init__(
        self,
        runtime: CallRuntime,
        storage: VoiceStorage,
        consents: VoiceConsents,
        ids: IdSource,
        space: SpillSpace,
    ) -> None:
        """Take what calls are made with, where voices are kept, and the room for samples."""
        self._runtime = runtime
        self._storage = storage
        self._ids = ids
        self._space = space
        self._deleting = UpstreamDeletion(runtime)
        self._consents = consents
        # Held, because the loop only knows tasks weakly.
        self._storing: set[asyncio.Task[None]] = set()
        found = operation(OPERATION)
        assert isinstance(found, UploadOperation)  # noqa: S101 # as the contract says
        self._operation: AnyUploadOperation = found
        self._calls = UnaryCalls(runtime, found, CreateVoiceResponse)

    async def CreateVoice(
        self, requests: AsyncIterable[CreateVoiceRequest], caller: CallerContext
    ) -> CreateVoiceResponse:
        """Make a voice, and keep whose it is."""
        async with received(requests, self._space) as (start, files):
            form = self._with_model(self._operation.form_of_upload(start, files), caller)
            await self._check_room(caller)
            form, options = await self._consents.applied(form, options_of(start), caller)
            response: CreateVoiceResponse = await self._calls.answer(form, options, caller)
        await self._keep(response, caller)
        response.voice.models.append(form.typed.model)
        return response

    async def DeleteVoice(
        self, request: DeleteVoiceRequest, caller: CallerContext
    ) -> DeleteVoiceResponse:
        """Delete a voice of the caller's, at its provider first."""
        owner = caller.caller.virtual_key_id
        check_id(request.id)
        with self._runtime.under_way.one_of(owner):
            voice = await self._storage.voice(owner, request.id)
            instance = self._runtime.table.instances.get(voice.provider_id)
            # Of an instance that is no more nobody can be asked.
            if instance is not None:
                await self._deleting.delete(voice, instance)
            await self._storage.delete(owner, request.id)
        return DeleteVoiceResponse(id=request.id, object="audio.voice.deleted", deleted=True)

    def _with_model(self, form: Form[VoiceSpec], caller: CallerContext) -> Form[VoiceSpec]:
        """Return a wish that names its model."""
        if form.typed.model not in _ANY_MODEL:
            return form
        typed = VoiceSpec()
        typed.CopyFrom(form.typed)
        typed.model = self._usual_model(caller)
        return form.with_typed(typed)

    def _usual_model(self, caller: CallerContext) -> str:
        """Return an alias where it makes no difference which.

        InvalidRequest if it does, UnsupportedCapability if there is none.
        """
        routes = [
            route
            for route in self._runtime.table.routes.values()
            if may_use(caller.caller, route.alias) and _makers(route)
        ]
        if not routes:
            message = "No voices can be made for the models that this key may use"
            raise UnsupportedCapability(message, capability="voices")
        if len({_makers(route) for route in routes}) == 1:
            return min(route.alias for route in routes)
        names = ", ".join(sorted(route.alias for route in routes)[:20])
        message = f"model is required; voices can be made for {names}"
        raise InvalidRequest(message, field="model")

    async def _check_room(self, caller: CallerContext) -> None:
        """Raise where a voice could not be kept, before it is made."""
        voices, _ = await self._storage.voices(caller.caller.virtual_key_id)
        if len(voices) >= MAX_VOICES:
            message = f"A virtual key can have {MAX_VOICES} voices; delete one first"
            raise StorageFull(message, limit_bytes=str(MAX_VOICES * VOICE_BYTES))

    async def _keep(self, response: CreateVoiceResponse, caller: CallerContext) -> None:
        """Keep whose a new voice is; take it back at its provider where that fails."""
        made, report = response.voice, response.report
        instance = self._runtime.table.instances.get(report.provider_id)
        keys = instance.keys if instance is not None else ()
        group = next((key.account_group for key in keys if key.key_id == report.key_id), "")
        voice = MadeVoice(
            id=f"{ID_PREFIX}{self._ids.next()}",
            virtual_key_id=caller.caller.virtual_key_id,
            provider_id=report.provider_id,
            account_group=group,
            upstream_id=made.id,
            name=made.name,
            type=made.type,
            description=made.description,
            created_at=made.created_at,
        )
        storing = asyncio.create_task(self._store(voice, instance))
        self._storing.add(storing)
        storing.add_done_callback(self._storing.discard)
        # A caller who leaves now finds the voice in the list.
        await asyncio.shield(storing)
        made.id = voice.id
        if instance is not None:
            made.provider_type = instance.spec.name

    async def _store(self, voice: MadeVoice, instance: Instance | None) -> None:
        try:
            await self._storage.create(voice)
        except Exception:
            if instance is not None:
                self._deleting.take_back(voice, instance)
            raise


def check_id(voice_id: str) -> None:
    """Raise VoiceNotFound for what can be no id of a voice that was made here."""
    if not MADE_ID.fullmatch(voice_id):
        shown = quoted(voice_id)
        raise VoiceNotFound(f"There is no voice {shown} of yours", voice_id=shown)


def _makers(route: Route) -> frozenset[int]:
    """Return the instances of a route at which voices are made."""
    return frozenset(
        each.provider_id for each in route.candidates if OPERATION in each.operations()
    )
