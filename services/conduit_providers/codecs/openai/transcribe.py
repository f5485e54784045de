"""OpenAI's transcriptions, and the many who speak it.

https://platform.openai.com/docs/api-reference/audio/createTranscription
"""

from collections.abc import Iterator

import msgspec

from conduit.v1.form_pb2 import FormMember
from conduit.v1.json_runtime import JsonError
from conduit_kernel.errors import InvalidRequest
from conduit_providers.codecs.shared.multipart import form_request
from conduit_providers.failures import error_in_stream, malformed
from conduit_providers.json_reading import JsonReader
from conduit_providers.operations.transcribe import (
    AUDIO_MILLISECOND,
    JSON_TYPE,
    TranscribeCall,
    TranscriptionAnswer,
    is_json,
    transcription_answer,
)
from conduit_providers.quantities import Quantities, counted, milliseconds
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.token_counts import TokenCounts
from conduit_providers.uploaded_form import uploaded_form
from conduit_providers.wire import HttpRequest, HttpResponse


class _Details(msgspec.Struct):
    audio_tokens: int | None = None


class _Usage(msgspec.Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    input_token_details: _Details | None = None
    seconds: float | None = None


class _Words(msgspec.Struct):
    text: str | None = None
    duration: float | None = None
    usage: _Usage | None = None
    error: object = None


_DECODER = JsonReader(_Words, strict=False)


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
        if not is_json(content_type):
            return transcription_answer(response.body, content_type, None)
        try:
            found = _DECODER.decode(response.body)
        except msgspec.DecodeError as error:
            raise malformed(call.provider, "it is not a transcription") from error
        if found.error is not None:
            raise error_in_stream(found.error, call.provider)
        if found.text is None:
            raise malformed(call.provider, "it has no text")
        return transcription_answer(response.body, content_type, _usage(found))


def _members(call: TranscribeCall, endpoint: Endpoint, provider: str) -> Iterator[FormMember]:
    """Yield the members to send, the files last: they are read when all else was."""
    try:
        given = uploaded_form(call).members.members
    except JsonError as error:
        raise InvalidRequest(str(error), field=error.path) from error
    yield FormMember(name="model", value=call.model.encode())
    for member in given:
        name = member.name.removesuffix("[]")
        if name == "model" or member.HasField("file"):
            continue
        if name in endpoint.drop:
            call.drop(name, provider)
        else:
            yield member
    yield from (member for member in given if member.HasField("file"))


def _usage(words: _Words) -> Quantities | None:
    """Return what was used: tokens, or seconds of sound; None if the provider says neither."""
    usage = words.usage
    if usage is not None and usage.input_tokens is not None:
        details = usage.input_token_details or _Details()
        return TokenCounts(
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens or 0,
            audio_input_tokens=details.audio_tokens or 0,
        ).quantities()
    seconds = usage.seconds if usage is not None else None
    if seconds is None:
        seconds = words.duration
    if seconds is None:
        return None
    return counted(((AUDIO_MILLISECOND, milliseconds(seconds)),))


CODEC = OpenAITranscribeCodec()
