"""The language models on Replicate.

https://replicate.com/docs/reference/http#collections.get for a collection, which is whole, and
https://replicate.com/docs/reference/http#models.list for all public models, which come in pages.
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
    owner: str
    name: str


class _Page(msgspec.Struct):
    models: list[_Model] | None = None
    results: list[_Model] | None = None
    next: str | None = None


_DECODER = JsonReader(_Page)


class ReplicateModelsCodec:
    """Speaks `GET /collections/{slug}`, and `GET /models`."""

    def to_upstream(self, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Ask for the first page."""
        return ask_for_list(endpoint, target)

    def from_upstream(self, response: HttpResponse, endpoint: Endpoint) -> ModelPage:
        """Read a page."""
        page = read_list(_DECODER, response)
        models = page.models if page.models is not None else page.results
        if models is None:
            raise no_list()
        # Only the query of the next page's URL matters; the rest stays ours.
        query = urlsplit(page.next).query if page.next else ""
        following = f"{endpoint.path}?{query}" if query else ""
        return ModelPage([f"{each.owner}/{each.name}" for each in models], following)


CODEC = ReplicateModelsCodec()
