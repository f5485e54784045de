"""What browsers must be told before they let a page of another origin read our answers.

See https://fetch.spec.whatwg.org/#http-cors-protocol. Credentials (cookies) are never allowed:
keys travel in headers.
"""

import re
from collections.abc import Iterable, Sequence

from conduit_kernel.http import Exchange, Fields

MAX_AGE_SECONDS = 600
# Names of header fields, as RFC 9110 spells lists of them.
_NAMES = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z, \t-]{1,2048}")
_VARY = (b"vary", b"origin")


class Cors:
    """The origins whose pages may read our answers; `*` stands for all of them."""

    def __init__(self, origins: Sequence[str], exposed: Iterable[str]) -> None:
        """Take the origins, and the names of the fields that pages may read."""
        self._any = "*" in origins
        self._origins = frozenset(origin.encode() for origin in origins)
        self._expose = (b"access-control-expose-headers", ", ".join(exposed).encode())
        self._for_any: Fields = ((b"access-control-allow-origin", b"*"), self._expose)

    def fields(self, exchange: Exchange) -> Fields:
        """Return what every answer to this request carries; nothing if no page asks."""
        origin = exchange.fields.get(b"origin")
        if origin is None:
            return ()
        if self._any:
            return self._for_any
        if origin not in self._origins:
            return (_VARY,)
        return ((b"access-control-allow-origin", origin), _VARY, self._expose)

    @property
    def blind_fields(self) -> Fields:
        """What an answer carries whose request could not be read."""
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
