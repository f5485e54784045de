"""The shape of a dialect: one codec per operation, pure.

A codec does no I/O, reads no clock and keeps no state: the same call always gives the same bytes,
so tests compare files. Secrets never meet it; `conduit_providers.auth` signs what it built.
"""

from collections.abc import Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar

from conduit_providers.calls import ChatAnswer, ChatCall, ChatEvents, EmbedAnswer, EmbedCall
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.usage import Usage
from conduit_providers.wire import HttpRequest, HttpResponse

CallT = TypeVar("CallT", contravariant=True)
AnswerT = TypeVar("AnswerT", covariant=True)


class ChatDecoder(Protocol):
    """Turns the bytes of a streamed answer into events. Stateful, so one per call.

    Memory is bounded: an event of more than `MAX_EVENT_BYTES` is an error.
    """

    @property
    def usage(self) -> Usage | None:
        """Return the tokens, as soon as the provider told."""
        ...

    @property
    def done(self) -> bool:
        """Return whether the provider said that the answer is complete."""
        ...

    def feed(self, data: bytes) -> ChatEvents | None:
        """Take the next bytes; return the events they complete, or None.

        UpstreamError, by class, if the provider reports a failure in the stream or sends malformed.
        """
        ...

    def close(self) -> ChatEvents | None:
        """Return what the end of the stream completes. StreamInterrupted if it came too early."""
        ...


class Codec(Protocol, Generic[CallT, AnswerT]):
    """Translates one operation to one dialect and back."""

    def to_upstream(self, call: CallT, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Build the provider's request. InvalidRequest if this dialect cannot say the call."""
        ...

    def from_upstream(self, response: HttpResponse, call: CallT, endpoint: Endpoint) -> AnswerT:
        """Read the provider's 2xx answer. UpstreamError if it makes no sense."""
        ...


class ChatCodec(Codec[ChatCall, ChatAnswer], Protocol):
    """Translates chats."""

    def decoder(self, call: ChatCall, endpoint: Endpoint) -> ChatDecoder:
        """Return a fresh decoder for one streamed answer."""
        ...


class EmbedCodec(Codec[EmbedCall, EmbedAnswer], Protocol):
    """Translates embeddings."""


class ModelPage(NamedTuple):
    """A page of a provider's models: their names, and the path of the next page or an empty one."""

    names: Sequence[str]
    next_path: str = ""


class ModelsCodec(Protocol):
    """Lists models; also the free probe by which keys and instances are tested."""

    def to_upstream(self, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Build the request for the first page."""
        ...

    def from_upstream(self, response: HttpResponse, endpoint: Endpoint) -> ModelPage:
        """Read a 2xx answer. UpstreamError if it makes no sense."""
        ...


MAX_EVENT_BYTES = 8 * 1024 * 1024
