"""OpenAI's transcriptions, and the many who speak it.

https://platform.openai.com/docs/api-reference/audio/createTranscription
"""

from collections.abc import Iterator
from functools import partial

import msgspec

from conduit.v1.form_pb2 import FormMember
from conduit.v1.json_runtime import JsonError
from conduit_kernel.errors import InvalidRequest
from conduit_providers.codecs.openai.transcript_stream import OpenAITranscriptDecoder
from conduit_providers.codecs.openai.transcription_usage import transcription_usage
from conduit_providers.codecs.shared.answers import read_answer
from conduit_providers.codecs.shared.multipart import form_request
from conduit_providers.codecs.shared.transcript_formats import Heard, Segment, in_format
from conduit_providers.codecs.shared.whole_transcript import WholeTranscriptDecoder
from conduit_providers.failures import error_in_stream, malformed
from conduit_providers.json_reading import JsonReader
from conduit_providers.operations.transcribe import (
    JSON_TYPE,
    TranscribeCall,
    TranscriptionAnswer,
    is_json,
    transcription_answer,
)
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.transcripts import TranscriptEvents
from conduit_providers.uploaded_form import uploaded_form
from conduit_providers.wire import HttpRequest, HttpResponse

# What goes by another way than that of the caller's members.
_OURS = frozenset({"model", "stream"})
# Formats that are no JSON.
_TEXTS = frozenset({"text", "srt", "vtt"})
# What something in between answers that knows nothing of speech.
_PAGE = "text/html"
EVENTS_TYPE = "text/event-stream"


class _Segment(msgspec.Struct):
    start: float = 0.0
    end: float = 0.0
    text: str = ""


class _Words(msgspec.Struct):
    text: str | None = None
    duration: float | None = None
    usage: object = None
    error: object = None


class _TimedWords(_Words):
    segments: list[_Segment] = []


_DECODER = JsonReader(_Words, strict=False)
_TIMED_DECODER = JsonReader(_TimedWords, strict=False)


class OpenAITranscribeCodec:
    """Speaks `POST /audio/transcriptions`."""

    def to_upstream(self, call: TranscribeCall, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Pass the caller's form on, with the provider's name of the model."""
        form = uploaded_form(call)
        return form_request(
            target.fill(endpoint.path_for(target.settings), model=call.model),
            tuple(endpoint.headers.items()),
            _members(call, endpoint, target.provider_name),
            form.uploads,
            form.boundary,
        )

    def from_upstream(
        self, response: HttpResponse, call: TranscribeCall, endpoint: Endpoint
    ) -> TranscriptionAnswer:
        """Pass the provider's document on, after a look at its usage."""
        content_type = response.headers.get("content-type", "") or JSON_TYPE
        if _is_document(content_type, call):
            return transcription_answer(response.body, content_type, None)
        found = read_answer(_DECODER, response.body, call.provider, "it is not a transcription")
        if found.error is not None:
            raise error_in_stream(found.error, call.provider)
        if found.text is None:
            raise malformed(call.provider, "it has no text")
        if _is_made(call, endpoint):
            return _made(response.body, call)
        usage = transcription_usage(found.usage, found.duration)
        kind = content_type if is_json(content_type) else JSON_TYPE
        return transcription_answer(response.body, kind, usage)

    def decoder(
        self, call: TranscribeCall, endpoint: Endpoint
    ) -> OpenAITranscriptDecoder | WholeTranscriptDecoder:
        """Return what passes events on; or what makes them, of an answer that is none.

        Models that find all words at once, such as Whisper, answer whole whatever is asked.
        """
        if call.answer_headers.get("content-type", "").strip().lower().startswith(EVENTS_TYPE):
            return OpenAITranscriptDecoder(call.provider)
        read = partial(self.from_upstream, call=call, endpoint=endpoint)
        return WholeTranscriptDecoder(call, TranscriptEvents, read)


def _is_document(content_type: str, call: TranscribeCall) -> bool:
    """Return whether an answer is a document that is no JSON; a page in its place is none."""
    if is_json(content_type) or content_type.strip().lower().startswith(_PAGE):
        return False
    return call.typed.response_format in _TEXTS


def _is_made(call: TranscribeCall, endpoint: Endpoint) -> bool:
    """Return whether the provider lacks the format, which is made of another one."""
    return call.typed.response_format in endpoint.options.made_of_verbose_json


def _made(body: bytes, call: TranscribeCall) -> TranscriptionAnswer:
    """Return the format that the caller asks for."""
    found = read_answer(_TIMED_DECODER, body, call.provider, "its segments make no sense")
    segments = [Segment(each.text.strip(), each.start, each.end) for each in found.segments]
    end = segments[-1].end if segments else 0.0
    duration = end if found.duration is None else found.duration
    return in_format(Heard(found.text or "", duration, segments=segments), call.typed)


def _members(call: TranscribeCall, endpoint: Endpoint, provider: str) -> Iterator[FormMember]:
    """Yield the members to send, the files last: they are read when all else was."""
    try:
        given = uploaded_form(call).members.members
    except JsonError as error:
        raise InvalidRequest(str(error), field=error.path) from error
    yield FormMember(name="model", value=call.model.encode())
    if call.stream and "stream" in endpoint.capabilities:
        yield FormMember(name="stream", value=b"true")
    for member in given:
        name = member.name.removesuffix("[]")
        if name in _OURS or member.HasField("file"):
            continue
        if name in endpoint.drop:
            call.drop(name, provider)
        elif name == "response_format" and _is_made(call, endpoint):
            yield FormMember(name=name, value=b"verbose_json")
        else:
            yield member
    yield from (member for member in given if member.HasField("file"))


CODEC = OpenAITranscribeCodec()
