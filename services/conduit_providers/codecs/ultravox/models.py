"""Ultravox's models.

https://docs.ultravox.ai/api-reference/other/models-get
"""

from urllib.parse import urlsplit

import msgspec

from conduit_providers.codec import ModelPage
from conduit_providers.codecs.shared.lists import ask_for_list, no_list, read_list
from conduit_providers.json_reading import JsonReader
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest, HttpResponse


class _Model(msgspec.Struct):
    name: str


class _Page(msgspec.Struct):
    results: list[_Model] | None = None
    # The whole URL of the next page.
    next: str | None = None


_DECODER = JsonReader(_Page)


class UltravoxModelsCodec:
    """Speaks `GET /api/models`."""

    def to_upstream(self, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Build the request for the first page."""
        return ask_for_list(endpoint, target)

    def from_upstream(self, response: HttpResponse, endpoint: Endpoint) -> ModelPage:
        """Return the names. UpstreamError if it is no list."""
        page = read_list(_DECODER, response)
        if page.results is None:
            raise no_list()
        return ModelPage([each.name for each in page.results], _following(page.next, endpoint))


def _following(url: str | None, endpoint: Endpoint) -> str:
    """Return where the next page is, at the provider's own address."""
    if not url:
        return ""
    try:
        query = urlsplit(url).query
    except ValueError as error:
        raise no_list() from error
    return f"{endpoint.path}?{query}" if query else ""


CODEC = UltravoxModelsCodec()
