"""Cohere's model list, in pages.

https://docs.cohere.com/reference/list-models
"""

from urllib.parse import quote

import msgspec

from conduit_providers.codec import ModelPage
from conduit_providers.codecs.shared.lists import ask_for_list, read_list
from conduit_providers.json_reading import JsonReader
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest, HttpResponse

# The most that the API gives at once.
PAGE_SIZE = 1000


class _Model(msgspec.Struct):
    name: str


class _Page(msgspec.Struct):
    models: list[_Model]
    next_page_token: str | None = None


_DECODER = JsonReader(_Page)


class CohereModelsCodec:
    """Speaks `GET /v1/models`."""

    def to_upstream(self, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Ask for the first page."""
        return ask_for_list(endpoint, target, f"?page_size={PAGE_SIZE}")

    def from_upstream(self, response: HttpResponse, endpoint: Endpoint) -> ModelPage:
        """Read a page."""
        page = read_list(_DECODER, response)
        following = ""
        if page.next_page_token:
            token = quote(page.next_page_token, safe="")
            following = f"{endpoint.path}?page_size={PAGE_SIZE}&page_token={token}"
        return ModelPage([model.name for model in page.models], following)


CODEC = CohereModelsCodec()
