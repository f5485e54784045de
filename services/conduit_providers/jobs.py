"""Calls that take more than one exchange, as generators that do no I/O themselves.

A job yields requests, is sent what came back, and returns what it came to. The error of an exchange
is thrown into it where it stands: a job that can do without the answer goes on.
"""

from collections.abc import Generator
from typing import Generic, NamedTuple, Protocol, TypeAlias, TypeVar, runtime_checkable

from conduit_providers.calls import Events
from conduit_providers.codec import Codec, Decoder
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import GrpcRequest, HttpRequest, HttpResponse

ResultT = TypeVar("ResultT")
CallT = TypeVar("CallT", contravariant=True)
AnswerT = TypeVar("AnswerT", covariant=True)
EventsT = TypeVar("EventsT", bound=Events)


class JobRequest(NamedTuple):
    """One exchange, signed like any other: only go where the key may be shown.

    The answer to a call of gRPC is sent to the job as a response whose body has the messages.
    """

    request: HttpRequest | GrpcRequest
    # `https://host`, where the request's path begins at the root; empty where it is relative to
    # the instance's base URL.
    origin: str = ""
    # The pause before it.
    after_seconds: float = 0.0
    # What cancels what was begun; sent once if nobody waits for the end of it any more.
    cancel: "JobRequest | None" = None


Job: TypeAlias = Generator[JobRequest, HttpResponse, ResultT]


class StreamingJob(NamedTuple, Generic[EventsT]):
    """A streamed answer that can be read now."""

    # Its answer is the stream.
    step: JobRequest
    decoder: Decoder[EventsT]
    # Follows a complete stream, and returns what is left to tell; also sets the decoder's usage.
    closing: Job[EventsT | None]


@runtime_checkable
class JobCodec(Codec[CallT, AnswerT], Protocol, Generic[CallT, AnswerT, EventsT]):
    """Translates an operation whose calls are jobs: begun, awaited, cancelled if nobody waits."""

    def whole(self, call: CallT, endpoint: Endpoint, target: Target) -> Job[AnswerT]:
        """Return the job that comes to a whole answer. UpstreamError if it fails."""
        ...

    def stream(self, call: CallT, endpoint: Endpoint, target: Target) -> Job[StreamingJob[EventsT]]:
        """Return the job that comes to a streamed answer."""
        ...
