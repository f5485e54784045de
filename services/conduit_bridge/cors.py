"""The headers that browsers require before they let a page of another origin read our answers.

See https://fetch.spec.whatwg.org/#http-cors-protocol. Credentials (cookies) are never allowed:
keys travel in headers.
"""

import re
from collections.abc import Iterable, Sequence
from urllib.parse import unquote

from conduit_kernel.http import Exchange, Fields, Request, field_lines

MAX_AGE_SECONDS = 600
# Names of header fields, as RFC 9110 spells lists of them.
_NAMES = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z, \t-]{1,2048}")
_VARY = (b"vary", b"origin")
# What callers ask, from pages of anybody's; the rest is operators'.
_OPEN = ("/v1", "/openapi.json", "/health/")


class Cors:
    """The origins whose pages may read our answers; `*` stands for all of them."""

    def __init__(self, origins: Sequence[str], exposed: Iterable[str]) -> None:
        """Take the origins, and the names of the fields that pages may read."""
        self._any = "*" in origins
        expose = (b"access-control-expose-headers", ", ".join(exposed).encode())
        self._for_any: Fields = ((b"access-control-allow-origin", b"*"), expose)
        # What an answer says to a page, by its origin, and to all others.
        self._known: dict[bytes, Fields] = {
            name: ((b"access-control-allow-origin", name), _VARY, expose)
            for name in (origin.encode() for origin in origins)
            if not self._any
        }
        self._others: Fields = self._for_any if self._any else (_VARY,)
        # The same as lines of a head.
        self._known_lines = {name: field_lines(fields) for name, fields in self._known.items()}
        self._other_lines = field_lines(self._others)

    def lines(self, request: Request) -> bytes:
        """Return the lines that every answer to this request has; none if no page asks."""
        origin = request.fields.get(b"origin")
        if origin is None or self._is_closed(request):
            return b""
        return self._known_lines.get(origin, self._other_lines)

    def fields(self, request: Request) -> Fields:
        """Return what `lines` says, as fields."""
        origin = request.fields.get(b"origin")
        if origin is None or self._is_closed(request):
            return ()
        return self._known.get(origin, self._others)

    def _is_closed(self, request: Request) -> bool:
        """Return whether no page reads it: what operators ask, unless an origin is named."""
        return self._any and not unquote(request.path).startswith(_OPEN)

    @property
    def blind_fields(self) -> Fields:
        """Return the fields of an answer whose request could not be read."""
        return self._for_any if self._any else ()

    def preflight_fields(self, exchange: Exchange, allow: bytes) -> Fields:
        """Return the answer to a browser that asks whether it may send a request."""
        if b"access-control-request-method" not in exchange.fields:
            return ()
        wanted = exchange.fields.get(b"access-control-request-headers", b"")
        if not _NAMES.fullmatch(wanted):
            wanted = b"authorization, content-type, x-master-key"
        return (
            (b"access-control-allow-methods", allow),
            (b"access-control-allow-headers", wanted),
            (b"access-control-max-age", b"%d" % MAX_AGE_SECONDS),
        )
