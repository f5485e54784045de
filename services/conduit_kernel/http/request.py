"""A whole request, as the handler sees it."""

from typing import ClassVar

from conduit_kernel.http.headers import Field, Headers


class Request:
    """A request as the caller sent it.

    ``path`` and ``query`` are raw: still percent-encoded, the query without its question mark.
    ``body`` is whole and without any transfer coding. ``peer`` is the caller's address, without
    port. ``certificate`` is the name of the client certificate that it showed, empty if none.
    ``http11`` tells HTTP/1.1 from 1.0. ``upgrade_offered`` is true for a WebSocket handshake.
    """

    __slots__ = (
        "_headers",
        "body",
        "fields",
        "http11",
        "keep_alive",
        "method",
        "path",
        "peer",
        "query",
        "repeats",
        "upgrade_offered",
    )

    # A class's: of requests with one, another class's.
    certificate: ClassVar[str] = ""
    fields: dict[bytes, bytes]
    repeats: list[Field] | None
    method: str
    path: str
    query: str
    http11: bool
    keep_alive: bool

    def __init__(self, peer: str = "") -> None:
        self.peer = peer
        self.body = b""
        self.upgrade_offered = False
        self._headers: Headers | None = None

    @property
    def headers(self) -> Headers:
        """The fields of the head; those after a chunked body are dropped."""
        headers = self._headers
        if headers is None:
            headers = self._headers = Headers(self.fields, self.repeats)
        return headers

    @property
    def is_answered(self) -> bool:
        """Return whether an answer was begun."""
        return False

    def __repr__(self) -> str:
        """Name it without its query, fields and body, which may hold secrets."""
        return f"<{type(self).__name__} {self.method} {self.path}>"
