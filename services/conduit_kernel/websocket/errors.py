"""How a WebSocket connection ends, or does not come about."""

from websockets.frames import CloseCode

from conduit_kernel.http.errors import HttpError
from conduit_kernel.http.headers import Fields

# Browsers give no code where a page gives none.
_GOODBYES = (CloseCode.NORMAL_CLOSURE, CloseCode.GOING_AWAY, CloseCode.NO_STATUS_RCVD)


class WebSocketClosed(HttpError):
    """The connection has ended. ``code`` is the peer's or, where we broke it off, ours.

    1006 means that it ended without a word: https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"the WebSocket was closed with code {code}")
        self.code = code
        self.reason = reason
        """May hold what the peer wrote."""

    @property
    def is_clean(self) -> bool:
        """Return whether the peer had sent all that it meant to."""
        return self.code in _GOODBYES


class HandshakeRefused(HttpError):
    """The other side does not speak WebSocket here, or not with us."""

    def __init__(self, message: str, status: int, headers: Fields = (), body: bytes = b"") -> None:
        super().__init__(message)
        self.status = status
        """0 if there was no answer that makes sense."""
        self.headers = headers
        self.body = body
