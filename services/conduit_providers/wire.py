"""HTTP, WebSocket and gRPC as values: what codecs build and read, with no client in sight.

Structs, because one is made for every call: named tuples cost four times as much, frozen
dataclasses ten times.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, Protocol, TypeAlias

import msgspec

from conduit_kernel.http import Origin, Upload

# Names in lower case.
Headers = tuple[tuple[str, str], ...]
JSON_HEADERS: Headers = (("content-type", "application/json"),)


class HttpRequest(msgspec.Struct, frozen=True):
    """One request. The path is relative to the instance's base URL and may have a query."""

    method: str
    path: str
    headers: Headers = ()
    body: bytes = b""
    # In place of the body, what is sent as it comes. Its headers are those of no other request.
    upload: Upload | None = None

    def __repr__(self) -> str:
        """Name it without its headers, which may hold credentials."""
        return f"<HttpRequest {self.method} {self.path.partition('?')[0]}>"


class HttpResponse(msgspec.Struct, frozen=True):
    """One whole response; header names in lower case, of repeated ones the last."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class WebSocketRequest(NamedTuple):
    """The handshake that opens a session, signed like any HTTP request."""

    # Relative to the instance's base URL; may have a query.
    path: str
    headers: Headers = ()
    subprotocols: tuple[str, ...] = ()
    # Where the provider told to go instead. The path is then all of it, and the proof of who
    # comes: nothing is signed.
    origin: Origin | None = None

    def __repr__(self) -> str:
        """Name it without its headers and what it may be proved with, which are credentials."""
        place = self.path.partition("?")[0] if self.origin is None else self.origin.host
        return f"<WebSocketRequest {place}>"


class SessionCreation(NamedTuple):
    """A call over HTTP that makes a session, whose answer says where its socket is."""

    request: HttpRequest
    # UpstreamError if an answer does not say it.
    socket_of: Callable[[HttpResponse], WebSocketRequest]

    def __repr__(self) -> str:
        """Name it by its request."""
        return f"<SessionCreation {self.request!r}>"


class GrpcMethod(NamedTuple):
    """A method of a service, and whether it takes and gives one message or several."""

    # `/package.Service/Method`.
    path: str
    streams_requests: bool = False
    streams_responses: bool = False


class GrpcRequest(NamedTuple):
    """One call of a method, signed like any HTTP request: its metadata are headers."""

    method: GrpcMethod
    # Serialized; exactly one unless the method streams requests.
    messages: tuple[bytes, ...]
    # Names in lower case.
    metadata: Headers = ()

    def __repr__(self) -> str:
        """Name it without its metadata, which may hold credentials, and its messages."""
        return f"<GrpcRequest {self.method.path}>"


class GrpcStreamRequest(NamedTuple):
    """A call that streams both ways, signed like any HTTP request: each message is a frame."""

    # `/package.Service/Method`.
    method: str
    # Names in lower case.
    metadata: Headers = ()

    def __repr__(self) -> str:
        """Name it without its metadata, which may hold credentials."""
        return f"<GrpcStreamRequest {self.method}>"


# What opens a session.
SessionRequest: TypeAlias = WebSocketRequest | SessionCreation | GrpcStreamRequest


class SocketFrame(NamedTuple):
    """A frame of an upload over a WebSocket, and how long its sound lasts, where that is known."""

    data: bytes
    seconds: float = 0.0


class SocketExchange(Protocol):
    """One upload on its way over a WebSocket, or in a call. Stateful, so one for each attempt."""

    @property
    def handshake(self) -> WebSocketRequest | GrpcStreamRequest:
        """Return what opens the connection."""
        ...

    def check(self, messages: bytes) -> None:
        """Raise UpstreamError, by class, if messages say that the provider failed."""
        ...

    def frames(self, data: bytes) -> Iterable[SocketFrame]:
        """Return what goes out once the next bytes have come."""
        ...

    def end(self) -> Iterable[SocketFrame]:
        """Return what goes out after the last bytes."""
        ...


class SocketRequest(NamedTuple):
    """An upload that is sent in frames, over a WebSocket or in a call; messages are its answer."""

    upload: Upload
    # Takes the upload's first bytes, which are sent again with the others.
    # InvalidRequest if this dialect cannot take them.
    begin: Callable[[bytes], SocketExchange]

    def __repr__(self) -> str:
        """Say nothing of what is sent."""
        return "<SocketRequest>"
