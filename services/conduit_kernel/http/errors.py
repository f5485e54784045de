"""Every way an HTTP exchange can fail.

* HttpError
  * ConnectFailed      no connection: ``kind`` says at which step
  * LocalExhausted     we have no descriptor or memory left for a connection; no peer is to blame
    * SpillFull        we have no room left to keep an upload in
  * UploadFailed       the request's body could not be had, or was not as long as announced
  * PoolExhausted      too many requests already wait for a connection
    * PoolTimeout      no connection became free within the connect limit
  * HeaderTimeout      connected, but no response head in time
  * IdleTimeout        the body stopped arriving
  * TotalTimeout       the call's total limit passed, wherever the call was
  * ConnectionReset    the connection ended before the response head
  * BodyCut            the connection ended inside the body
  * ProtocolViolation  what arrived is not the HTTP we accept
  * BodyTooLarge       more body than the reader allowed
  * ClientClosed       the client was closed while the request was under way
  * CallerGone         server side: the caller left before its answer was whole
  * AnswerMisuse       server side: a handler answered twice, or wrote after the end

Messages name hosts and limits, never headers, targets or bodies, so they are safe to log.
"""

from typing import Literal, Self

ConnectFailure = Literal["dns", "refused", "unreachable", "tls", "timeout", "forbidden", "proxy"]


class HttpError(Exception):
    """Base of all HTTP failures."""

    def anew(self) -> Self:
        """Return an error to raise in this one's place, with its cause.

        What was raised refers to all who were asked, and so to what keeps the error.
        """
        made = self.__class__.__new__(self.__class__, *self.args)
        made.__dict__.update(self.__dict__)
        made.__cause__ = self.__cause__
        return made


class ConnectFailed(HttpError):
    """No connection could be made.

    ``forbidden``: the address policy refused every address. ``proxy``: the egress proxy failed, so
    nothing is known of the origin.
    """

    def __init__(self, kind: ConnectFailure, message: str) -> None:
        super().__init__(message)
        self.kind: ConnectFailure = kind


class LocalExhausted(HttpError):
    """Neither descriptors nor memory are left here for another connection."""


class SpillFull(LocalExhausted):
    """Neither the bound of what uploads may take nor the disk has room for more."""


class UploadFailed(HttpError):
    """The request's body broke off where it comes from; ``__cause__`` says how."""


class PoolExhausted(HttpError):
    """The origin's connections are all in use, and so are the places in the queue for them."""


class PoolTimeout(PoolExhausted):
    """The origin's connections stayed in use for the whole connect limit."""


class HeaderTimeout(HttpError):
    """No response head within the limit."""


class IdleTimeout(HttpError):
    """Nothing more of the body within the limit."""


class TotalTimeout(HttpError):
    """The call was not over within its total limit, though each of its phases may have been."""


class ConnectionReset(HttpError):
    """The peer ended the connection before a whole response head."""


class BodyCut(HttpError):
    """The peer ended the connection before the body's end."""


class ProtocolViolation(HttpError):
    """The peer sent something that is not acceptable HTTP/1.1."""


class BodyTooLarge(HttpError):
    """The body is larger than the reader allows."""


class ClientClosed(HttpError):
    """The client was closed."""


class CallerGone(HttpError):
    """The caller ended the connection before its answer was whole."""


class AnswerMisuse(HttpError):
    """The handler used its exchange in a way that would break the answer."""
