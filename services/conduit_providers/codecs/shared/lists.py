"""What lists of models and of voices have in common: a plain GET, and JSON that is a list."""

from typing import TypeVar

from conduit_kernel.errors import UpstreamError
from conduit_providers.codecs.shared.answers import read_answer
from conduit_providers.failures import malformed
from conduit_providers.json_reading import JsonReader
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest, HttpResponse

ListT = TypeVar("ListT")

MODELS = "list of models"
VOICES = "list of voices"


def ask_for_list(endpoint: Endpoint, target: Target, query: str = "") -> HttpRequest:
    """Ask for a list, or for its first page; the query begins with its `?`."""
    path = target.fill(endpoint.path_for(target.settings))
    return HttpRequest("GET", path + query, tuple(endpoint.headers.items()))


def read_list(reader: JsonReader[ListT], response: HttpResponse, what: str = MODELS) -> ListT:
    """Read a list of something. UpstreamError if it is none."""
    return read_answer(reader, response.body, "", _no(what))


def no_list(what: str = MODELS) -> UpstreamError:
    """Return the error for an answer that is not what was asked for."""
    return malformed("", _no(what))


def _no(what: str) -> str:
    return f"it is no {what}"
