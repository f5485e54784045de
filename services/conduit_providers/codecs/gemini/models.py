"""Google's lists of models, in pages.

https://ai.google.dev/api/models#method:-models.list for the Gemini API, and
https://docs.cloud.google.com/vertex-ai/docs/reference/rest/v1beta1/publishers.models/list for
Vertex AI's Model Garden.
"""

from urllib.parse import quote

import msgspec

from conduit_providers.codec import ModelPage
from conduit_providers.codecs.shared.lists import ask_for_list, no_list, read_list
from conduit_providers.json_reading import JsonReader
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest, HttpResponse


class _Model(msgspec.Struct, rename="camel"):
    name: str
    version_id: str = ""

    @property
    def short(self) -> str:
        """The name as calls have it: `gemini-3.5-flash`, `claude-haiku-4-5@20251001`."""
        name = self.name.rpartition("/")[2]
        is_versioned = "/anthropic/" in self.name and self.version_id not in {"", "default"}
        return f"{name}@{self.version_id}" if is_versioned and "@" not in name else name


class _Page(msgspec.Struct, rename="camel"):
    models: list[_Model] | None = None
    publisher_models: list[_Model] | None = None
    next_page_token: str = ""


_DECODER = JsonReader(_Page)


class GeminiModelsCodec:
    """Speaks `GET .../models`."""

    def to_upstream(self, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Ask for the first page."""
        return ask_for_list(endpoint, target, _sized("", endpoint))

    def from_upstream(self, response: HttpResponse, endpoint: Endpoint) -> ModelPage:
        """Read a page."""
        page = read_list(_DECODER, response)
        if page.models is None and page.publisher_models is None:
            raise no_list()
        models = page.models or page.publisher_models or []
        return ModelPage([model.short for model in models], _following(page, models, endpoint))


def _sized(path: str, endpoint: Endpoint) -> str:
    return f"{path}?pageSize={endpoint.options.page_size}"


def _following(page: _Page, models: list[_Model], endpoint: Endpoint) -> str:
    then: str = endpoint.options.then
    is_second = bool(then and models and models[0].name.rpartition("/")[0] in then)
    if page.next_page_token:
        path = _sized(then if is_second else endpoint.path, endpoint)
        return f"{path}&pageToken={quote(page.next_page_token, safe='')}"
    return _sized(then, endpoint) if then and not is_second and models else ""


CODEC = GeminiModelsCodec()
