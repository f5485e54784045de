"""Voices made of samples or of a description: `CreateVoice`. The samples follow the request."""

import secrets
from collections.abc import Sequence
from typing import Annotated, ClassVar

import msgspec
import orjson

from conduit.v1 import voice_requests_pb2 as pb
from conduit.v1.charge_pb2 import UNIT_VOICE
from conduit.v1.form_pb2 import Form as MultipartForm
from conduit.v1.json_runtime import JsonError
from conduit.v1.voice_form import voice_spec_from_form, voice_spec_to_form
from conduit.v1.voice_json import (
    voice_from_json,
    voice_spec_from_json,
    voice_spec_to_json,
    voice_to_json,
)
from conduit.v1.voice_pb2 import Voice, VoiceSpec
from conduit_kernel.errors import InvalidRequest
from conduit_kernel.http import Upload
from conduit_providers.calls import Answer, Call, Form
from conduit_providers.codec import CreateVoiceCodec as AnyCreateVoiceCodec
from conduit_providers.operation import Requirements, UploadOperation, WorstCase
from conduit_providers.quantities import Quantities, counted
from conduit_providers.request_reading import RequestReader, Routed
from conduit_providers.uploaded_form import UploadedForm

CreateVoiceCall = Call[VoiceSpec]
VoiceAnswer = Answer[Voice]
CreateVoiceCodec = AnyCreateVoiceCodec[CreateVoiceCall, VoiceAnswer]
VoiceForm = UploadedForm[VoiceSpec]

SAMPLE = "audio_sample"
PROMPT = "prompt"
_TYPES = (SAMPLE, PROMPT)
ONE_VOICE = counted(((UNIT_VOICE, 1),))


class _Voice(Routed):
    name: Annotated[str, msgspec.Meta(min_length=1)]
    model: str = ""
    type: str | None = None
    audio_samples: list[msgspec.Raw] | None = None
    prompt: str | None = None


_read_voice = RequestReader(_Voice).read


class CreateVoiceOperation(UploadOperation[VoiceSpec, Voice]):
    """Makes a voice."""

    name: ClassVar[str] = "create_voice"
    codec_type: ClassVar[type] = AnyCreateVoiceCodec

    def form_of_upload(self, start: pb.CreateVoiceStart, uploads: Sequence[Upload]) -> VoiceForm:
        """Return the request with its samples. InvalidRequest if its form makes no sense."""
        boundary = secrets.token_hex(16)
        match start.WhichOneof("form"):
            case "multipart":
                try:
                    typed = voice_spec_from_form(start.multipart)
                except JsonError as error:
                    raise InvalidRequest(str(error), field=error.path) from error
                json = orjson.dumps(voice_spec_to_json(typed))
                return _form(
                    json=json,
                    typed=typed,
                    multipart=start.multipart,
                    uploads=uploads,
                    boundary=boundary,
                )
            case "voice":
                typed = VoiceSpec()
                typed.CopyFrom(start.voice)
                return _form(typed=typed, uploads=uploads, boundary=boundary)
            case _:
                return self.plain_form(start.json)

    def form_of(self, request: pb.CreateVoiceStart) -> VoiceForm:
        """Return the request; its samples are in it."""
        return self.form_of_upload(request, ())

    def plain_form(self, body: bytes) -> VoiceForm:
        """Return the request that stands in a body of JSON, its samples too."""
        return _form(json=body)

    def requirements(self, body: bytes, *, stream: bool) -> Requirements:
        """Read what is asked for."""
        voice = _read_voice(body)
        if not voice.model:
            raise InvalidRequest("model is required", field="model")
        kind = voice.type or SAMPLE
        if kind not in _TYPES:
            raise InvalidRequest(f"type must be {' or '.join(_TYPES)}", field="type")
        if kind == SAMPLE and not voice.audio_samples:
            raise InvalidRequest("audio_sample is required", field="audio_sample")
        if kind == PROMPT and not (voice.prompt or "").strip():
            raise InvalidRequest("prompt is required", field="prompt")
        return Requirements(
            voice.model,
            self.name,
            stream,
            capabilities=frozenset({PROMPT} if kind == PROMPT else ()),
            fallbacks=voice.named_fallbacks(),
            tags=voice.tags(),
        )

    def estimate(
        self,
        form: Form[VoiceSpec],
        answer: VoiceAnswer | None,
        emitted: int,
        codec: object,
        facts: object,
    ) -> Quantities:
        """Count the voice."""
        return ONE_VOICE

    def worst_case(self, form: Form[VoiceSpec], requirements: Requirements) -> WorstCase:
        """Count the voice."""
        return WorstCase(ONE_VOICE, is_bounded=True)

    def write(
        self, response: pb.CreateVoiceResponse, answer: VoiceAnswer, *, is_typed: bool
    ) -> None:
        """Put the voice into the response."""
        response.voice.CopyFrom(answer.typed)


def voice_answer(voice: Voice) -> VoiceAnswer:
    """Hold a voice that was made."""
    return Answer(voice_from_json, voice_to_json, None, voice, ONE_VOICE)


def _form(
    *,
    json: bytes | None = None,
    typed: VoiceSpec | None = None,
    multipart: MultipartForm | None = None,
    uploads: Sequence[Upload] = (),
    boundary: str = "conduit",
) -> VoiceForm:
    return UploadedForm(
        voice_spec_from_json,
        voice_spec_to_json,
        json,
        typed,
        to_multipart=voice_spec_to_form,
        multipart=multipart,
        uploads=uploads,
        boundary=boundary,
    )


OPERATION = CreateVoiceOperation()
