"""The families of Google Cloud's voices, each once.

https://docs.cloud.google.com/text-to-speech/docs/reference/rest/v1/voices/list
"""

import msgspec

from conduit_providers.codec import ModelPage
from conduit_providers.codecs.googlecloud.voice_names import parted
from conduit_providers.codecs.shared.model_lists import ask_for_list, read_list
from conduit_providers.json_reading import JsonReader
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest, HttpResponse


class _Voice(msgspec.Struct):
    name: str


class _Voices(msgspec.Struct):
    voices: list[_Voice]


_DECODER = JsonReader(_Voices)


class GoogleCloudModelsCodec:
    """Speaks `GET /v1/voices`; models that hear have no list."""

    def to_upstream(self, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Build the request."""
        return ask_for_list(endpoint, target)

    def from_upstream(self, response: HttpResponse, endpoint: Endpoint) -> ModelPage:
        """Return each family once. UpstreamError if it is no list."""
        voices = (parted(each.name) for each in read_list(_DECODER, response).voices)
        # There are thousands of voices, in all locales.
        return ModelPage(list(dict.fromkeys(voice.family for voice in voices if voice)))


CODEC = GoogleCloudModelsCodec()
