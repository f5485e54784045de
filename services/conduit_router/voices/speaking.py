"""Speech with voices that were made here: their owner's alone, at the account that has them."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import msgspec

from conduit.internal.v1.voice_storage_service_pb2 import MadeVoice
from conduit.v1.audio_requests_pb2 import SpeakRequest, SpeakResponse
from conduit.v1.call_pb2 import CallOptions
from conduit.v1.speech_pb2 import SpeechRequest
from conduit_providers.calls import Form
from conduit_providers.operation import AnyStreamedOperation, StreamedOperation
from conduit_providers.operations import operation
from conduit_router.calls.runtime import CallRuntime
from conduit_router.calls.streaming import StreamingCalls
from conduit_router.context import CallerContext, options_of
from conduit_router.voices.accounts import VoiceAccounts
from conduit_router.voices.making import ID_PREFIX, MADE_ID
from conduit_router.voices.storage import VoiceStorage

_MARK = f'"{ID_PREFIX}'.encode()


class _Reference(msgspec.Struct):
    id: object = None


class _Voiced(msgspec.Struct):
    voice: msgspec.Raw = msgspec.Raw(b"null")


class Speaking:
    """Speaks; a voice that was made here is found first."""

    def __init__(self, runtime: CallRuntime, storage: VoiceStorage) -> None:
        """Take what calls are made with, and where voices are kept."""
        self._runtime = runtime
        self._storage = storage
        self._accounts = VoiceAccounts(runtime)
        found = operation("speak")
        assert isinstance(found, StreamedOperation)  # noqa: S101 # as the contract says
        self._operation: AnyStreamedOperation = found
        self._calls = StreamingCalls(runtime, found, SpeakResponse)

    async def Speak(
        self, request: SpeakRequest, caller: CallerContext
    ) -> AsyncGenerator[SpeakResponse, None]:
        """Yield the messages of the answer to a request, in its form."""
        form, options = self._operation.form_of(request), options_of(request)
        if voice_id := _made_voice_in(form):
            owner = caller.caller.virtual_key_id
            with self._runtime.under_way.one_of(owner):
                voice = await self._storage.voice(owner, voice_id)
            bound = CallOptions()
            if options is not None:
                bound.CopyFrom(options)
            self._accounts.bind(bound, voice, form.typed.model)
            options = bound
            form = _with_voice(form, voice)
        async with aclosing(self._calls.answer(form, options, caller)) as messages:
            async for message in messages:
                yield message


def _made_voice_in(form: Form[SpeechRequest]) -> str:
    """Return the id of the voice that was made here and is asked for; empty if it is another."""
    json = form.json_at_hand
    if json is None:
        choice = form.typed.voice
        named: object = choice.name or choice.reference.id
    elif _MARK in json:
        named = _named_in(json)
    else:
        return ""
    return named if isinstance(named, str) and MADE_ID.fullmatch(named) else ""


def _named_in(json: bytes) -> object:
    """Return what JSON names as its voice; whatever else is wrong with it is told later."""
    try:
        voice = msgspec.json.decode(json, type=_Voiced).voice
        found = msgspec.json.decode(voice, type=str | _Reference)
    except (msgspec.MsgspecError, RecursionError):
        return None
    return found.id if isinstance(found, _Reference) else found


def _with_voice(form: Form[SpeechRequest], voice: MadeVoice) -> Form[SpeechRequest]:
    """Return a wish that names a voice as its provider does."""
    if form.json_at_hand is None:
        typed = SpeechRequest()
        typed.CopyFrom(form.typed)
        typed.voice.reference.id = voice.upstream_id
        return form.with_typed(typed)
    members = msgspec.json.decode(form.json_at_hand, type=dict[str, msgspec.Raw])
    members["voice"] = msgspec.Raw(msgspec.json.encode({"id": voice.upstream_id}))
    return msgspec.structs.replace(form, json_at_hand=msgspec.json.encode(members), _typed=None)
