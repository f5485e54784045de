"""Deepgram's voices: each is a model of speech.

https://developers.deepgram.com/reference/manage/models/list
"""

import msgspec

from conduit.v1.voice_pb2 import Voice
from conduit_providers.codec import ListedVoice, VoicePage
from conduit_providers.codecs.shared.lists import VOICES, ask_for_list, no_list, read_list
from conduit_providers.json_reading import JsonReader
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest, HttpResponse


class _Facts(msgspec.Struct):
    sample: str | None = None
    accent: str | None = None
    age: str | None = None
    tags: list[str] | None = None


class _Model(msgspec.Struct):
    canonical_name: str
    name: str | None = None
    languages: list[str] | None = None
    metadata: _Facts | None = None


class _Models(msgspec.Struct):
    tts: list[_Model] | None = None


_DECODER = JsonReader(_Models)


class DeepgramVoicesCodec:
    """Speaks `GET /v1/models`, of which it reads those that speak."""

    def to_upstream(self, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Build the request."""
        return ask_for_list(endpoint, target)

    def from_upstream(self, response: HttpResponse, endpoint: Endpoint) -> VoicePage:
        """Return a voice for each model. UpstreamError if it is no list."""
        found = read_list(_DECODER, response, VOICES)
        if found.tts is None:
            raise no_list(VOICES)
        # There is one for each version of a model.
        by_name = {each.canonical_name: each for each in found.tts if each.canonical_name}
        return VoicePage([ListedVoice(_voice(each), name) for name, each in by_name.items()])


def _voice(model: _Model) -> Voice:
    facts = model.metadata or _Facts()
    like = [facts.accent, facts.age, *(facts.tags or ())]
    return Voice(
        id=model.canonical_name,
        name=model.name or model.canonical_name,
        type="built_in",
        languages=sorted({each.partition("-")[0].lower() for each in model.languages or ()}),
        preview_url=facts.sample or None,
        description=", ".join(filter(None, like)) or None,
    )


CODEC = DeepgramVoicesCodec()
