"""Google Cloud's voices.

https://docs.cloud.google.com/text-to-speech/docs/reference/rest/v1/voices/list
"""

from collections.abc import Iterator

import msgspec

from conduit.v1.voice_pb2 import Voice
from conduit_providers.codec import ListedVoice, VoicePage
from conduit_providers.codecs.googlecloud.voice_names import parted
from conduit_providers.codecs.shared.lists import VOICES, ask_for_list, read_list
from conduit_providers.json_reading import JsonReader
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest, HttpResponse


class _Voice(msgspec.Struct, rename="camel"):
    name: str
    language_codes: list[str] = []
    ssml_gender: str = ""


class _Voices(msgspec.Struct):
    voices: list[_Voice]


_DECODER = JsonReader(_Voices)


class GoogleCloudVoicesCodec:
    """Speaks `GET /v1/voices`."""

    def to_upstream(self, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Build the request."""
        return ask_for_list(endpoint, target)

    def from_upstream(self, response: HttpResponse, endpoint: Endpoint) -> VoicePage:
        """Return the voices of all families. UpstreamError if it is no list."""
        found = read_list(_DECODER, response, VOICES)
        return VoicePage([listed for each in found.voices for listed in _listed(each)])


def _listed(found: _Voice) -> Iterator[ListedVoice]:
    """Yield a voice for each model that speaks with it: its family, and itself.

    Those of Gemini's models have no family; the catalog has them.
    """
    name = parted(found.name)
    if name is None:
        return
    voice = Voice(
        id=found.name,
        name=name.own,
        type="built_in",
        languages=sorted({each.partition("-")[0].lower() for each in found.language_codes}),
        description=found.ssml_gender.lower() or None,
    )
    yield ListedVoice(voice, name.family)
    yield ListedVoice(voice, found.name)


CODEC = GoogleCloudVoicesCodec()
