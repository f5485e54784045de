"""Deepgram's models, those that hear and those that speak.

https://developers.deepgram.com/reference/manage/models/list
"""

import msgspec

from conduit_providers.codec import ModelPage
from conduit_providers.codecs.shared.lists import ask_for_list, no_list, read_list
from conduit_providers.json_reading import JsonReader
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest, HttpResponse


class _Model(msgspec.Struct):
    canonical_name: str


class _Models(msgspec.Struct):
    stt: list[_Model] | None = None
    tts: list[_Model] | None = None


_DECODER = JsonReader(_Models)


class DeepgramModelsCodec:
    """Speaks `GET /v1/models`."""

    def to_upstream(self, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Build the request."""
        return ask_for_list(endpoint, target)

    def from_upstream(self, response: HttpResponse, endpoint: Endpoint) -> ModelPage:
        """Return each name once. UpstreamError if it is no list."""
        found = read_list(_DECODER, response)
        if found.stt is None and found.tts is None:
            raise no_list()
        models = [*(found.stt or ()), *(found.tts or ())]
        # There is one for each version of a model.
        return ModelPage(list(dict.fromkeys(each.canonical_name for each in models)))


CODEC = DeepgramModelsCodec()
