"""The shape of a dialect: one codec per operation, pure.

A codec does no I/O, reads no clock and keeps no state: the same call always gives the same bytes,
so tests compare files. Secrets never meet it; `conduit_providers.auth` signs what it built. Which
shape a codec has decides how its calls are made: plain, streaming, a job (`jobs`), or a call to a
gRPC service (`grpc_codec`).
"""

from collections.abc import Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar, runtime_checkable

from conduit.v1.voice_consent_pb2 import VoiceConsentSpec
from conduit.v1.voice_pb2 import Voice
from conduit_providers.calls import Events
from conduit_providers.quantities import Quantities
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.uploaded_form import UploadedForm
from conduit_providers.wire import HttpRequest, HttpResponse

CallT = TypeVar("CallT", contravariant=True)
AnswerT = TypeVar("AnswerT", covariant=True)
EventsT = TypeVar("EventsT", bound=Events, covariant=True)

MAX_EVENT_BYTES = 8 * 1024 * 1024


class Decoder(Protocol, Generic[EventsT]):
    """Turns the bytes of a streamed answer into events. Stateful, so one per call.

    Memory is bounded: an event of more than `MAX_EVENT_BYTES` is an error.
    """

    # About how many tokens were handed out so far, for when the provider does not count them:
    # providers send about one in an event.
    emitted: int
    # How many malformed events were left out, in an answer that is sound otherwise.
    skipped: int
    # Whether each choice has the reason for its end, so that only counts may follow.
    has_finished: bool

    @property
    def usage(self) -> Quantities | None:
        """Return what was used, as soon as the provider reported it."""
        ...

    @property
    def done(self) -> bool:
        """Return whether the provider ended the answer as complete."""
        ...

    def feed(self, data: bytes) -> EventsT | None:
        """Take the next bytes; return the events they complete, or None.

        UpstreamError, by class, if the provider reports a failure in the stream or sends nonsense.
        """
        ...

    def close(self) -> EventsT | None:
        """Return what the end of the stream completes. StreamInterrupted if it came too early."""
        ...


@runtime_checkable
class Codec(Protocol, Generic[CallT, AnswerT]):
    """Translates one operation to one dialect and back."""

    def to_upstream(self, call: CallT, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Build the provider's request. InvalidRequest if this dialect cannot say the call."""
        ...

    def from_upstream(self, response: HttpResponse, call: CallT, endpoint: Endpoint) -> AnswerT:
        """Read the provider's 2xx answer. UpstreamError if it makes no sense."""
        ...


@runtime_checkable
class CreateVoiceCodec(Codec[CallT, AnswerT], Protocol, Generic[CallT, AnswerT]):
    """Makes voices, and deletes those that were made."""

    def deletion(self, voice_id: str, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Build the request that deletes a voice, given the provider's id of it."""
        ...


@runtime_checkable
class ConsentCodec(Protocol):
    """Stores recordings in which speakers consent, at providers that make no voices without."""

    def consent(
        self, form: UploadedForm[VoiceConsentSpec], endpoint: Endpoint, target: Target
    ) -> HttpRequest:
        """Build the request that stores a recording."""
        ...

    def consent_id(self, response: HttpResponse, target: Target) -> str:
        """Read the provider's id in a 2xx answer. UpstreamError if it makes no sense."""
        ...

    def consent_deletion(self, consent_id: str, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Build the request that deletes a consent, given the provider's id of it."""
        ...


@runtime_checkable
class StraightCodec(Protocol, Generic[CallT, AnswerT]):
    """Translates an operation in which calls of a model differ by their bodies alone.

    Its `to_upstream` is `head` with `body`, and its `from_upstream` is `read`, so that the Router
    can prepare the head once for all calls of a model with a key.
    """

    def head(self, model: str, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Build the provider's request but for its body."""
        ...

    def body(self, call: CallT, endpoint: Endpoint, target: Target) -> bytes:
        """Build the body. InvalidRequest if this dialect cannot say the call."""
        ...

    def read(self, body: bytes, call: CallT, endpoint: Endpoint) -> AnswerT:
        """Read the body of the provider's 2xx answer. UpstreamError if it makes no sense."""
        ...


def passes_media(codec: object) -> bool:
    """Return whether a codec passes what a call names by URL as it came, wherever it is."""
    return bool(getattr(codec, "passes_media", False))


@runtime_checkable
class StreamingCodec(Codec[CallT, AnswerT], Protocol, Generic[CallT, AnswerT, EventsT]):
    """Translates an operation whose answers can come piece by piece."""

    def decoder(self, call: CallT, endpoint: Endpoint) -> Decoder[EventsT]:
        """Return a fresh decoder for one streamed answer."""
        ...


@runtime_checkable
class StreamOnlyCodec(Protocol, Generic[CallT, EventsT]):
    """Translates an operation whose answers come piece by piece alone."""

    def to_upstream(self, call: CallT, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Build the provider's request. InvalidRequest if this dialect cannot say the call."""
        ...

    def decoder(self, call: CallT, endpoint: Endpoint) -> Decoder[EventsT]:
        """Return a fresh decoder for one answer."""
        ...


class ModelPage(NamedTuple):
    """A page of a provider's models: their names, and the path of the next page or an empty one."""

    names: Sequence[str]
    next_path: str = ""


@runtime_checkable
class ModelsCodec(Protocol):
    """Lists models; also the free probe by which keys and instances are tested."""

    def to_upstream(self, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Build the request for the first page."""
        ...

    def from_upstream(self, response: HttpResponse, endpoint: Endpoint) -> ModelPage:
        """Read a 2xx answer. UpstreamError if it makes no sense."""
        ...


class ListedVoice(NamedTuple):
    """A voice as its provider has it: without the aliases and the type of the provider.

    `model` is the only one that speaks with it; empty for all models of speech.
    """

    voice: Voice
    model: str = ""


class VoicePage(NamedTuple):
    """A page of a provider's voices, and the path of the next page or an empty one."""

    voices: Sequence[ListedVoice]
    next_path: str = ""


@runtime_checkable
class VoicesCodec(Protocol):
    """Lists the voices that a key may speak with."""

    def to_upstream(self, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Build the request for the first page."""
        ...

    def from_upstream(self, response: HttpResponse, endpoint: Endpoint) -> VoicePage:
        """Read a 2xx answer. UpstreamError if it makes no sense."""
        ...
