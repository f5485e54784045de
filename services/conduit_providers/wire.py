"""HTTP as values: what codecs build and read, with no client in sight.

Structs, because one is made for every call: named tuples cost four times as much, frozen
dataclasses ten times.
"""

from collections.abc import Mapping

import msgspec

# Names in lower case.
Headers = tuple[tuple[str, str], ...]
JSON_HEADERS: Headers = (("content-type", "application/json"),)


class HttpRequest(msgspec.Struct, frozen=True):
    """One request. The path is relative to the instance's base URL and may have a query."""

    method: str
    path: str
    headers: Headers = ()
    body: bytes = b""

    def __repr__(self) -> str:
        """Name it without its headers, which may hold credentials."""
        return f"<HttpRequest {self.method} {self.path.partition('?')[0]}>"


class HttpResponse(msgspec.Struct, frozen=True):
    """One whole response; header names in lower case, of repeated ones the last."""

    status: int
    headers: Mapping[str, str]
    body: bytes
