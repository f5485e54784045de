"""Anthropic's model list, in pages.

https://platform.claude.com/docs/en/api/models/list
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
    id: str


class _Page(msgspec.Struct):
    data: list[_Model]
    has_more: bool = False
    last_id: str | None = None


_DECODER = JsonReader(_Page)


class AnthropicModelsCodec:
    """Speaks `GET /v1/models`."""

    def to_upstream(self, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Ask for the first page."""
        return ask_for_list(endpoint, target, f"?limit={PAGE_SIZE}")

    def from_upstream(self, response: HttpResponse, endpoint: Endpoint) -> ModelPage:
        """Read a page."""
        page = read_list(_DECODER, response)
        following = ""
        if page.has_more and page.last_id:
            following = f"{endpoint.path}?limit={PAGE_SIZE}&after_id={quote(page.last_id, safe='')}"
        return ModelPage([model.id for model in page.data], following)


CODEC = AnthropicModelsCodec()
