"""HTTP as values: what codecs build and read, with no client in sight.

Named tuples, because one is made for every call and frozen dataclasses cost three times as much.
"""

from collections.abc import Mapping
from typing import NamedTuple

# Names in lower case.
Headers = tuple[tuple[str, str], ...]
JSON_HEADERS: Headers = (("content-type", "application/json"),)


class HttpRequest(NamedTuple):
    """One request. The path is relative to the instance's base URL and may have a query."""

    method: str
    path: str
    headers: Headers = ()
    body: bytes = b""


class HttpResponse(NamedTuple):
    """One whole response; header names in lower case, of repeated ones the last."""

    status: int
    headers: Mapping[str, str]
    body: bytes
