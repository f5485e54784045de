"""The models that an Ollama server has.

https://docs.ollama.com/api/tags
"""

import msgspec

from conduit_providers.codec import ModelPage
from conduit_providers.failures import malformed
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
        return HttpRequest("GET", target.fill(endpoint.path), tuple(endpoint.headers.items()))

    def from_upstream(self, response: HttpResponse, endpoint: Endpoint) -> ModelPage:
        """Read the list; it has no pages."""
        try:
            found = _DECODER.decode(response.body)
        except msgspec.DecodeError as error:
            raise malformed("", "its model list is none") from error
        return ModelPage([each.model or each.name for each in found.models or ()])


CODEC = OllamaModelsCodec()
