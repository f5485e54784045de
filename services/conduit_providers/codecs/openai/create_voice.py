"""OpenAI's voices, made of a sample and the speaker's consent, or of a description.

https://platform.openai.com/docs/api-reference/audio/createVoice
"""

from collections.abc import Iterator
from typing import Annotated
from urllib.parse import quote

import msgspec
import orjson

from conduit.v1.form_pb2 import FormMember
from conduit.v1.voice_pb2 import Voice
from conduit_kernel.errors import InvalidRequest
from conduit_providers.codecs.openai.consents import OpenAIConsents
from conduit_providers.codecs.shared.answers import read_answer
from conduit_providers.codecs.shared.multipart import form_request
from conduit_providers.codecs.shared.voice_forms import (
    SAMPLE_MEMBER,
    members_of,
    name_of,
    samples_in,
)
from conduit_providers.json_reading import JsonReader
from conduit_providers.operations.create_voice import (
    PROMPT,
    SAMPLE,
    CreateVoiceCall,
    VoiceAnswer,
    voice_answer,
)
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.uploaded_form import uploaded_form
from conduit_providers.wire import HttpRequest, HttpResponse

# The API refuses what it does not know. `model` is another thing there: what makes the voice.
_NOT_TAKEN = frozenset({"description", "consent_language"})


class _Answer(msgspec.Struct):
    id: str
    name: str | None = None
    created_at: Annotated[int, msgspec.Meta(le=2**63 - 1)] | None = None
    type: str | None = None
    prompt: str | None = None


_DECODER = JsonReader(_Answer)


class OpenAICreateVoiceCodec(OpenAIConsents):
    """Speaks `POST /audio/voices`, and `DELETE /audio/voices/{voice_id}`."""

    def to_upstream(self, call: CreateVoiceCall, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Pass the caller's form on. InvalidRequest if it has several samples, or no consent."""
        form, given, wish = uploaded_form(call), members_of(call), call.typed
        samples = samples_in(given, SAMPLE_MEMBER)
        if wish.type != PROMPT:
            _check(call, samples)
        members = [*_members(given, call, target.provider_name), *samples]
        path = target.fill(endpoint.path_for(target.settings))
        return form_request(
            path, tuple(endpoint.headers.items()), members, form.uploads, form.boundary
        )

    def from_upstream(
        self, response: HttpResponse, call: CreateVoiceCall, endpoint: Endpoint
    ) -> VoiceAnswer:
        """Read the new voice. UpstreamError if it is none."""
        found = read_answer(_DECODER, response.body, call.provider, "it is no voice")
        wish = call.typed
        voice = Voice(
            id=found.id,
            object="audio.voice",
            name=found.name or wish.name,
            created_at=found.created_at or call.created,
            type=found.type or wish.type or SAMPLE,
        )
        if found.prompt is not None:
            voice.unknown_json = orjson.dumps({"prompt": found.prompt})
        return voice_answer(voice)

    def deletion(self, voice_id: str, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Ask to delete a voice."""
        path = f"{target.fill(endpoint.path_for(target.settings))}/{quote(voice_id, safe='')}"
        return HttpRequest("DELETE", path, tuple(endpoint.headers.items()))


def _check(call: CreateVoiceCall, samples: list[FormMember]) -> None:
    if len(samples) != 1:
        message = f"{call.provider} makes a voice of one sample"
        raise InvalidRequest(message, field=SAMPLE_MEMBER)
    if not call.typed.consent:
        message = f"{call.provider} makes no voice without the id of its speaker's consent"
        raise InvalidRequest(message, field="consent")


def _members(given: list[FormMember], call: CreateVoiceCall, provider: str) -> Iterator[FormMember]:
    for member in given:
        name = name_of(member)
        if member.HasField("file") or name == "model":
            continue
        if name in _NOT_TAKEN:
            call.drop(name, provider)
        else:
            yield member


CODEC = OpenAICreateVoiceCodec()
