"""The shape of a dialect that is spoken over gRPC: one call to a method of the provider's service.

Like any codec it does no I/O: it gives the serialized messages that go out, and reads those that
come back in gRPC's own framing, so that a stream of messages is a stream of bytes like any other:
https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
"""

from collections.abc import Iterable, Iterator
from typing import Generic, Protocol, TypeVar, runtime_checkable

from conduit_providers.calls import Events
from conduit_providers.codec import Decoder
from conduit_providers.failures import malformed
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import GrpcRequest, HttpResponse

CallT = TypeVar("CallT", contravariant=True)
AnswerT = TypeVar("AnswerT", covariant=True)
EventsT = TypeVar("EventsT", bound=Events, covariant=True)

# A flag, which says that the message is not compressed, and the message's length.
_PREFIX_BYTES = 5


@runtime_checkable
class GrpcCodec(Protocol, Generic[CallT, AnswerT]):
    """Translates one operation to calls of a gRPC service and back.

    `response.body` has all messages, see `messages_in`; `response.headers` the metadata, those of
    the end included. What the service refuses never comes here: `grpc_failures` reads statuses.
    """

    # Tells it from a codec of HTTP, whose methods have the same names.
    speaks_grpc: bool

    def to_upstream(self, call: CallT, endpoint: Endpoint, target: Target) -> GrpcRequest:
        """Build the call; if it is to be streamed, of a method that streams responses.

        InvalidRequest if this dialect cannot say it.
        """
        ...

    def from_upstream(self, response: HttpResponse, call: CallT, endpoint: Endpoint) -> AnswerT:
        """Read the answer. UpstreamError if it makes no sense."""
        ...


@runtime_checkable
class StreamingGrpcCodec(GrpcCodec[CallT, AnswerT], Protocol, Generic[CallT, AnswerT, EventsT]):
    """Translates an operation whose answers can come piece by piece."""

    def decoder(self, call: CallT, endpoint: Endpoint) -> Decoder[EventsT]:
        """Return a fresh decoder for one streamed answer; it is fed whole messages, framed."""
        ...


def framed(messages: Iterable[bytes]) -> bytes:
    """Return messages as a stream has them."""
    return b"".join(b"\0" + len(each).to_bytes(4) + each for each in messages)


def messages_in(data: bytes, provider: str = "") -> Iterator[bytes]:
    """Yield the messages of a whole number of frames. UpstreamError if it is none."""
    at = 0
    while at < len(data):
        begin = at + _PREFIX_BYTES
        at = begin + int.from_bytes(data[at + 1 : begin])
        if data[begin - _PREFIX_BYTES] or at > len(data) or begin > len(data):
            raise malformed(provider, "its messages are not framed")
        yield data[begin:at]
