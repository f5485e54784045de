"""Text to speech: `Speak`. Its answers come piece by piece, as bytes or as events."""

from typing import Annotated, Any, ClassVar

import msgspec

from conduit.v1 import audio_requests_pb2 as pb
from conduit.v1.call_pb2 import CallReport
from conduit.v1.speech_json import speech_request_from_json, speech_request_to_json
from conduit.v1.speech_pb2 import SpeechRequest
from conduit_kernel.errors import InvalidRequest
from conduit_providers.calls import Answer, Call, Form
from conduit_providers.codec import StreamOnlyCodec
from conduit_providers.model_rows import SpeakModel
from conduit_providers.operation import Requirements, StreamedOperation, WorstCase
from conduit_providers.quantities import Quantities
from conduit_providers.request_reading import RequestReader, Routed
from conduit_providers.speech import (
    SpeechEvents,
    characters_of,
    tokens_of,
    usage_message,
    worst_speech,
)

SpeakCall = Call[SpeechRequest]
SpeakCodec = StreamOnlyCodec[SpeakCall, SpeechEvents]
_STREAM_FORMATS = frozenset({None, "audio", "sse"})


def speech_request(
    *, json: bytes | None = None, typed: SpeechRequest | None = None
) -> Form[SpeechRequest]:
    """Hold a wish for speech."""
    return Form(speech_request_from_json, speech_request_to_json, json, typed)


class _Speech(Routed):
    model: str
    input: Annotated[str, msgspec.Meta(min_length=1)]
    # Refused here, before a provider is asked.
    speed: Annotated[float, msgspec.Meta(ge=0.25, le=4)] | None = None
    response_format: str | None = None
    stream_format: str | None = None


_read_speech = RequestReader(_Speech).read


class SpeakOperation(StreamedOperation[SpeechRequest, Any, SpeechEvents]):
    """Speaks a text."""

    name: ClassVar[str] = "speak"
    codec_type: ClassVar[type] = StreamOnlyCodec

    def form_of(self, request: pb.SpeakRequest) -> Form[SpeechRequest]:
        """Return the wish."""
        if request.WhichOneof("form") == "speech":
            return speech_request(typed=request.speech)
        return speech_request(json=request.json)

    def plain_form(self, body: bytes) -> Form[SpeechRequest]:
        """Return the wish that stands in a body of JSON."""
        return speech_request(json=body)

    def requirements(self, body: bytes, *, stream: bool) -> Requirements:
        """Read a wish."""
        speech = _read_speech(body)
        if speech.stream_format not in _STREAM_FORMATS:
            message = "stream_format must be audio or sse"
            raise InvalidRequest(message, field="stream_format")
        return Requirements(
            speech.model,
            self.name,
            stream,
            fallbacks=speech.named_fallbacks(),
            session=speech.session(),
            tags=speech.tags(),
        )

    def estimate(
        self,
        form: Form[SpeechRequest],
        answer: Answer[Any] | None,
        emitted: int,
        codec: object,
        facts: SpeakModel,
    ) -> Quantities:
        """Count characters, or tokens, whichever the model is paid by."""
        try:
            request = form.typed
        except InvalidRequest:
            # A provider may take what the contract does not.
            return Quantities()
        if facts.unit == "token":
            return tokens_of(request, emitted)
        return characters_of(request)

    def worst_case(self, form: Form[SpeechRequest], requirements: Requirements) -> WorstCase:
        """Count characters, and tokens of speech as slow as it is asked for."""
        try:
            return WorstCase(worst_speech(form.typed), is_bounded=True)
        except InvalidRequest:
            return WorstCase(Quantities(), is_bounded=False)

    def started(self, message: pb.SpeakResponse) -> CallReport:
        """Return the report of the first message."""
        return message.started

    def put(self, message: pb.SpeakResponse, events: SpeechEvents, *, is_typed: bool) -> None:
        """Put sound, or events, into a message."""
        message.content_type = events.content_type
        if events.audio is not None:
            message.audio = events.audio
        elif is_typed:
            message.pieces.extend(events.pieces)
        else:
            message.events = events.sse

    def finished(
        self, message: pb.SpeakResponse, usage: Quantities | None, *, is_typed: bool
    ) -> CallReport:
        """Put the counts into the last message."""
        if usage is not None:
            message.finished.usage.CopyFrom(usage_message(usage))
        return message.finished.report


OPERATION = SpeakOperation()
