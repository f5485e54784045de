"""OpenAI's model list, and plain lists of models.

https://platform.openai.com/docs/api-reference/models/list
"""

from typing import Any

import msgspec

from conduit_providers.codec import ModelPage
from conduit_providers.codecs.shared.lists import ask_for_list, no_list
from conduit_providers.json_reading import parsed
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest, HttpResponse


class OpenAIModelsCodec:
    """Speaks `GET /models`."""

    def to_upstream(self, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Ask for the whole list; this dialect has no pages."""
        return ask_for_list(endpoint, target)

    def from_upstream(self, response: HttpResponse, endpoint: Endpoint) -> ModelPage:
        """Read `{"data": [{"id": ...}]}`, the same under `models`, or a list of these or names."""
        try:
            document = parsed(response.body)
        except msgspec.DecodeError as error:
            raise no_list() from error
        entries = _entries(document) if isinstance(document, dict) else document
        if not isinstance(entries, list):
            raise no_list()
        names = [_name_of(entry) if isinstance(entry, dict) else entry for entry in entries]
        return ModelPage([name for name in names if isinstance(name, str) and name])


def _name_of(entry: dict[str, Any]) -> object:
    return entry.get("id") or entry.get("model") or entry.get("name")


def _entries(document: dict[str, Any]) -> object:
    """Return what a document lists; servers in Go write `null` for nothing, llama.cpp `models`."""
    for name in ("data", "models"):
        if name in document:
            return document[name] or []
    return None


CODEC = OpenAIModelsCodec()
