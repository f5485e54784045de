"""Transcriptions: `Transcribe`, `StreamTranscribe`. Their sound follows, and may be large."""

import re
import secrets
from collections.abc import Sequence
from typing import Any, ClassVar

import orjson

from conduit.v1 import audio_requests_pb2 as pb
from conduit.v1.call_pb2 import CallReport
from conduit.v1.form_pb2 import Form as MultipartForm
from conduit.v1.json_runtime import JsonError
from conduit.v1.transcription_form import (
    transcription_request_from_form,
    transcription_request_to_form,
)
from conduit.v1.transcription_json import (
    transcription_from_json,
    transcription_request_from_json,
    transcription_request_to_json,
    transcription_to_json,
)
from conduit.v1.transcription_pb2 import Transcription, TranscriptionRequest
from conduit_kernel.errors import InvalidRequest, UpstreamError
from conduit_kernel.http import Upload
from conduit_providers.calls import Answer, Call, Form
from conduit_providers.codec import StreamingCodec
from conduit_providers.operation import Requirements, StreamedUploadOperation, WorstCase
from conduit_providers.quantities import Qualifiers, Quantities, counted, milliseconds, plain
from conduit_providers.request_reading import RequestReader, Routed
from conduit_providers.transcripts import (
    AUDIO_MILLISECOND,
    TranscriptEvents,
    write_transcription_end,
)
from conduit_providers.uploaded_form import UploadedForm

JSON_TYPE = "application/json"
# Formats that not every provider has, by what a provider must be able to do.
FORMATS = frozenset({"text", "srt", "vtt", "verbose_json", "diarized_json"})
# Of the slowest sound that is common, spoken words compressed: what nobody counted is not less.
BYTES_PER_SECOND = 4_000
# Of the slowest that Opus is meant for, 6 kbit/s, which is what a hard budget has to cover:
# https://www.rfc-editor.org/rfc/rfc6716#section-2.1.1. Silence may be compressed to less.
LEAST_BYTES_PER_SECOND = 750
# Whoever asks Amazon for less pays for so much. https://aws.amazon.com/transcribe/pricing
LEAST_BILLED_SECONDS = 15
# Gemini's, of the sound that a model reads; OpenAI's have 10.
# https://ai.google.dev/gemini-api/docs/audio, https://platform.openai.com/docs/guides/realtime-costs
MOST_TOKENS_PER_SECOND = 32
# Of words, as fast as nobody speaks: a tenth of them would be a quick speaker's.
MOST_WRITTEN_PER_SECOND = 32
# At a leisurely pace.
WORDS_PER_SECOND = 2.0
_CUE = re.compile(r"--> *(?:(\d{1,4}):)?(\d{1,2}):(\d{1,2})[.,](\d{3})")


class TranscriptionAnswer(Answer[Transcription]):
    """The words: JSON, or a document of another media type, which is the JSON's text."""

    content_type: str = JSON_TYPE
    body: bytes = b""


TranscribeCall = Call[TranscriptionRequest]
TranscribeCodec = StreamingCodec[TranscribeCall, TranscriptionAnswer, TranscriptEvents]


def transcription_answer(
    body: bytes, content_type: str, usage: Quantities | None
) -> TranscriptionAnswer:
    """Hold the words."""
    json = body
    if not is_json(content_type):
        json = orjson.dumps({"text": body.decode("utf-8", "replace")})
    return TranscriptionAnswer(
        transcription_from_json,
        transcription_to_json,
        json,
        None,
        usage,
        content_type,
        body,
    )


def is_json(content_type: str) -> bool:
    """Return whether a document is JSON."""
    return content_type.partition(";")[0].strip().lower() == JSON_TYPE


class _Transcription(Routed):
    model: str = ""
    response_format: str | None = None
    timestamp_granularities: tuple[str, ...] = ()


_read_transcription = RequestReader(_Transcription).read


class TranscribeOperation(
    StreamedUploadOperation[TranscriptionRequest, Transcription, TranscriptEvents]
):
    """Writes down speech."""

    name: ClassVar[str] = "transcribe"
    codec_type: ClassVar[type] = StreamingCodec

    def form_of_upload(self, start: pb.TranscribeStart, uploads: Sequence[Upload]) -> Form[Any]:
        """Return the request with its sound. InvalidRequest if its form makes no sense."""
        boundary = secrets.token_hex(16)
        if start.WhichOneof("form") != "multipart":
            typed = TranscriptionRequest()
            typed.CopyFrom(start.transcription)
            # An RPC says whether its answer streams.
            typed.ClearField("stream")
            return _form(typed=typed, uploads=uploads, boundary=boundary)
        try:
            typed = transcription_request_from_form(start.multipart)
        except JsonError as error:
            raise InvalidRequest(str(error), field=error.path) from error
        json = orjson.dumps(transcription_request_to_json(typed))
        return _form(
            json=json, typed=typed, multipart=start.multipart, uploads=uploads, boundary=boundary
        )

    def form_of(self, request: pb.TranscribeStart) -> Form[TranscriptionRequest]:
        """Return the request; its sound is in it."""
        return self.form_of_upload(request, ())

    def plain_form(self, body: bytes) -> Form[TranscriptionRequest]:
        """Return the request that stands in a body of JSON, its sound too."""
        return _form(json=body)

    def requirements(self, body: bytes, *, stream: bool) -> Requirements:
        """Read what is asked for."""
        request = _read_transcription(body)
        if not request.model:
            raise InvalidRequest("model is required", field="model")
        capabilities = {request.response_format or "json"} & FORMATS
        if "word" in request.timestamp_granularities:
            capabilities.add("word_timestamps")
        # Events are made of whole answers, too, so that nobody is required to send some.
        return Requirements(
            request.model,
            self.name,
            stream,
            capabilities=frozenset(capabilities),
            fallbacks=request.named_fallbacks(),
            session=request.session(),
            tags=request.tags(),
        )

    def estimate(
        self,
        form: Form[TranscriptionRequest],
        answer: Answer[Transcription] | None,
        emitted: int,
        codec: object,
        facts: object,
    ) -> Quantities:
        """Measure the words; where there are none, the bytes."""
        if answer is None:
            return heard(_size_of(form) / BYTES_PER_SECOND)
        try:
            words = answer.typed
        except UpstreamError:
            # Its document is passed on as it came.
            return heard(_size_of(form) / BYTES_PER_SECOND)
        return heard(words.duration or _seconds_of(words.text))

    def worst_case(self, form: Form[TranscriptionRequest], requirements: Requirements) -> WorstCase:
        """Measure the bytes, as of the most compressed sound, by its length and by the token."""
        seconds = max(LEAST_BILLED_SECONDS, 1 + _size_of(form) // LEAST_BYTES_PER_SECOND)
        tokens = plain(
            seconds * MOST_TOKENS_PER_SECOND + _prompt_bytes(form),
            seconds * MOST_WRITTEN_PER_SECOND,
        )
        return WorstCase(heard(seconds), is_bounded=True, by_token=tokens)

    def write(
        self,
        response: pb.TranscribeResponse,
        answer: Answer[Transcription],
        *,
        is_typed: bool,
    ) -> None:
        """Put the words into the response."""
        if is_typed:
            response.transcription.CopyFrom(answer.typed)
        else:
            assert isinstance(answer, TranscriptionAnswer)  # noqa: S101 # codecs make no other
            response.content.content_type = answer.content_type
            response.content.body = answer.body

    def started(self, message: pb.StreamTranscribeResponse) -> CallReport:
        """Return the report of the first message."""
        return message.started

    def put(
        self, message: pb.StreamTranscribeResponse, events: TranscriptEvents, *, is_typed: bool
    ) -> None:
        """Put messages, or events, into a message."""
        if is_typed:
            message.pieces.extend(events.pieces)
        else:
            message.events = events.sse

    def finished(
        self, message: pb.StreamTranscribeResponse, usage: Quantities | None, *, is_typed: bool
    ) -> CallReport:
        """Put the counts into the last message."""
        write_transcription_end(message.finished, usage)
        return message.finished.report


def _form(
    *,
    json: bytes | None = None,
    typed: TranscriptionRequest | None = None,
    multipart: MultipartForm | None = None,
    uploads: Sequence[Upload] = (),
    boundary: str = "conduit",
) -> UploadedForm[TranscriptionRequest]:
    return UploadedForm(
        transcription_request_from_json,
        transcription_request_to_json,
        json,
        typed,
        to_multipart=transcription_request_to_form,
        multipart=multipart,
        uploads=uploads,
        boundary=boundary,
    )


def _size_of(form: Form[TranscriptionRequest]) -> int:
    return form.size if isinstance(form, UploadedForm) else 0


def _prompt_bytes(form: Form[TranscriptionRequest]) -> int:
    try:
        return len(form.typed.prompt.encode())
    except InvalidRequest:
        # No provider will be asked.
        return 0


def heard(seconds: float, qualifiers: Qualifiers = ()) -> Quantities:
    """Return sound as it is charged for, by its length."""
    return counted(((AUDIO_MILLISECOND, milliseconds(seconds)),), qualifiers)


def _seconds_of(text: str) -> float:
    """Return how long a text was spoken: to the end of its last cue, or by its words."""
    ends = [
        int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds) + int(millis) / 1000
        for hours, minutes, seconds, millis in _CUE.findall(text)
    ]
    return max(ends) if ends else len(text.split()) / WORDS_PER_SECOND


OPERATION = TranscribeOperation()
