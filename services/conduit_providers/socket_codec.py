"""The shape of a dialect that takes uploads over a WebSocket: frames go out while messages come.

Like any codec it does no I/O: it gives the handshake and cuts the upload into frames. The messages
that come back are one answer, one after the other, so that they are a stream of bytes like any
other.
"""

from typing import Generic, Protocol, TypeVar, runtime_checkable

from conduit_providers.calls import Events
from conduit_providers.codec import Decoder
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import HttpResponse, SocketRequest

CallT = TypeVar("CallT", contravariant=True)
AnswerT = TypeVar("AnswerT", covariant=True)
EventsT = TypeVar("EventsT", bound=Events, covariant=True)


@runtime_checkable
class SocketCodec(Protocol, Generic[CallT, AnswerT, EventsT]):
    """Translates one operation to uploads over a WebSocket, and its messages back.

    `response.body` has all messages; `response.headers` are those of the handshake's answer.
    """

    # Tells it from a codec of HTTP, whose methods have the same names.
    speaks_socket: bool

    def to_upstream(self, call: CallT, endpoint: Endpoint, target: Target) -> SocketRequest:
        """Build the exchange. InvalidRequest if this dialect cannot say the call."""
        ...

    def from_upstream(self, response: HttpResponse, call: CallT, endpoint: Endpoint) -> AnswerT:
        """Read the answer. UpstreamError if it makes no sense."""
        ...

    def decoder(self, call: CallT, endpoint: Endpoint) -> Decoder[EventsT]:
        """Return a fresh decoder for one streamed answer."""
        ...
