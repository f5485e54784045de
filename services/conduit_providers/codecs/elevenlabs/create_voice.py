"""ElevenLabs' instant clones.

https://elevenlabs.io/docs/api-reference/voices/ivc/create and .../voices/delete
"""

from collections.abc import Iterator
from urllib.parse import quote

import msgspec
import orjson

from conduit.v1.form_pb2 import FormMember
from conduit.v1.voice_pb2 import Voice
from conduit_providers.codecs.shared.answers import read_answer
from conduit_providers.codecs.shared.multipart import form_request
from conduit_providers.codecs.shared.voice_forms import members_of, name_of, samples_in
from conduit_providers.json_reading import JsonReader
from conduit_providers.operations.create_voice import (
    SAMPLE,
    CreateVoiceCall,
    VoiceAnswer,
    voice_answer,
)
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.uploaded_form import uploaded_form
from conduit_providers.wire import HttpRequest, HttpResponse

# Members that mean the same, or that are ElevenLabs' own.
_TAKEN = frozenset({"name", "description", "labels", "remove_background_noise"})
# Said by which kind of voice is asked for, and by where it goes.
_OURS = frozenset({"model", "type"})
_VOICES = "/v1/voices"


class _Answer(msgspec.Struct):
    voice_id: str
    requires_verification: bool = False


_DECODER = JsonReader(_Answer)


class ElevenLabsCreateVoiceCodec:
    """Speaks `POST /v1/voices/add`, and `DELETE /v1/voices/{voice_id}`."""

    def to_upstream(self, call: CreateVoiceCall, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Translate the wish. InvalidRequest if it brings files that are no samples."""
        form, given = uploaded_form(call), members_of(call)
        samples = samples_in(given, "files")
        members = [*_members(given, call, target.provider_name), *samples]
        path = target.fill(endpoint.path_for(target.settings))
        return form_request(
            path, tuple(endpoint.headers.items()), members, form.uploads, form.boundary
        )

    def from_upstream(
        self, response: HttpResponse, call: CreateVoiceCall, endpoint: Endpoint
    ) -> VoiceAnswer:
        """Read the new voice's id. UpstreamError if there is none."""
        found = read_answer(_DECODER, response.body, call.provider, "it is no voice")
        wish = call.typed
        voice = Voice(
            id=found.voice_id,
            object="audio.voice",
            name=wish.name,
            created_at=call.created,
            type=SAMPLE,
            description=wish.description if wish.HasField("description") else None,
        )
        if found.requires_verification:
            # Until its holder has shown ElevenLabs that it is theirs, it does not speak.
            voice.unknown_json = orjson.dumps({"requires_verification": True})
        return voice_answer(voice)

    def deletion(self, voice_id: str, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Ask to delete a voice."""
        path = f"{_VOICES}/{quote(voice_id, safe='')}"
        return HttpRequest("DELETE", path, tuple(endpoint.headers.items()))


def _members(given: list[FormMember], call: CreateVoiceCall, provider: str) -> Iterator[FormMember]:
    for member in given:
        name = name_of(member)
        if member.HasField("file") or name in _OURS:
            continue
        if name in _TAKEN:
            yield member
        else:
            call.drop(name, provider)


CODEC = ElevenLabsCreateVoiceCodec()
