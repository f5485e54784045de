"""ElevenLabs' models; those that write down speech are not among them.

https://elevenlabs.io/docs/api-reference/models/list
"""

import msgspec

from conduit_providers.codec import ModelPage
from conduit_providers.codecs.shared.lists import ask_for_list, read_list
from conduit_providers.json_reading import JsonReader
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest, HttpResponse


class _Model(msgspec.Struct):
    model_id: str


_DECODER = JsonReader(list[_Model])


class ElevenLabsModelsCodec:
    """Speaks `GET /v1/models`."""

    def to_upstream(self, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Build the request."""
        return ask_for_list(endpoint, target)

    def from_upstream(self, response: HttpResponse, endpoint: Endpoint) -> ModelPage:
        """Return the names. UpstreamError if it is no list."""
        found = read_list(_DECODER, response)
        return ModelPage([each.model_id for each in found])


CODEC = ElevenLabsModelsCodec()
