"""The models that an Ollama server has.

https://docs.ollama.com/api/tags
"""

import msgspec

from conduit_providers.codec import ModelPage
from conduit_providers.codecs.shared.lists import ask_for_list, read_list
from conduit_providers.json_reading import JsonReader
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest, HttpResponse


class _Model(msgspec.Struct):
    name: str = ""
    model: str = ""


class _List(msgspec.Struct):
    models: list[_Model] | None


_DECODER = JsonReader(_List)


class OllamaModelsCodec:
    """Speaks `GET /api/tags`."""

    def to_upstream(self, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Ask for all of them."""
        return ask_for_list(endpoint, target)

    def from_upstream(self, response: HttpResponse, endpoint: Endpoint) -> ModelPage:
        """Read the list; it has no pages."""
        found = read_list(_DECODER, response)
        return ModelPage([each.model or each.name for each in found.models or ()])


CODEC = OllamaModelsCodec()
