"""Calls that take more than one exchange, as generators that do no I/O themselves.

A job yields requests, is sent what came back, and returns what it came to. The error of an exchange
is thrown into it where it stands: a job that can do without the answer goes on.
"""

from collections.abc import Callable, Generator
from typing import Generic, NamedTuple, Protocol, TypeAlias, TypeVar, cast, runtime_checkable

from conduit_providers.calls import Events
from conduit_providers.codec import Codec, Decoder
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import GrpcMethod, GrpcRequest, HttpRequest, HttpResponse, SocketRequest

ResultT = TypeVar("ResultT")
CallT = TypeVar("CallT", contravariant=True)
AnswerT = TypeVar("AnswerT", covariant=True)
EventsT = TypeVar("EventsT", bound=Events)
PiecesT = TypeVar("PiecesT", bound=Events, covariant=True)


class JobRequest(NamedTuple):
    """One exchange, signed like any other: only go where the key may be shown.

    The answer to a call of gRPC, or over a WebSocket, is sent to the job as a response whose body
    has the messages.
    """

    request: HttpRequest | GrpcRequest | SocketRequest
    # `https://host`, where the request's path begins at the root; empty where it is relative to
    # the instance's base URL.
    origin: str = ""
    # The pause before it.
    after_seconds: float = 0.0
    # What cancels what was begun; sent once if nobody waits for the end of it any more.
    cancel: "JobRequest | None" = None
    # Builds, of the answer, what deletes the very thing that this exchange makes; for jobs that end
    # with it. Its answer is waited for as long as the job has, whoever has left.
    deletion: "Callable[[HttpResponse], JobRequest] | None" = None


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


class OnlyStreamsAreJobs:
    """Marks a job codec whose whole answers are plain exchanges, made as those of any codec."""


class OneStepCodec(Protocol, Generic[CallT, AnswerT]):
    """Translates an operation to one exchange, and back."""

    def to_upstream(
        self, call: CallT, endpoint: Endpoint, target: Target
    ) -> HttpRequest | GrpcRequest | SocketRequest:
        """Build the exchange. InvalidRequest if this dialect cannot say the call."""
        ...

    def from_upstream(self, response: HttpResponse, call: CallT, endpoint: Endpoint) -> AnswerT:
        """Read the answer. UpstreamError if it makes no sense."""
        ...


class _StreamingOneStepCodec(Protocol, Generic[CallT, PiecesT]):
    def decoder(self, call: CallT, endpoint: Endpoint) -> Decoder[PiecesT]: ...


class OneStepJobCodec(Generic[CallT, AnswerT, EventsT]):
    """A codec as one of jobs: each call is a job of a single step."""

    def __init__(self, codec: OneStepCodec[CallT, AnswerT]) -> None:
        self._codec = codec

    def whole(self, call: CallT, endpoint: Endpoint, target: Target) -> Job[AnswerT]:
        """Return the job that comes to a whole answer. UpstreamError if it fails."""
        response = yield JobRequest(self._codec.to_upstream(call, endpoint, target))
        return self._codec.from_upstream(response, call, endpoint)

    def stream(self, call: CallT, endpoint: Endpoint, target: Target) -> Job[StreamingJob[EventsT]]:
        """Return the job that comes to a streamed answer."""
        step = JobRequest(self._codec.to_upstream(call, endpoint, target))
        # The catalog takes no other codec for an operation whose answers are streamed.
        codec = cast("_StreamingOneStepCodec[CallT, EventsT]", self._codec)
        return opened(StreamingJob(step, codec.decoder(call, endpoint), nothing_left()))


def opened(job: StreamingJob[EventsT]) -> Job[StreamingJob[EventsT]]:
    """Return the job of a stream that nothing comes before."""
    return job
    yield job.step  # a job is a generator, also one without a step before its stream


def nothing_left() -> Job[None]:
    """Return the job that follows a stream which says everything itself."""
    return None
    yield JobRequest(GrpcRequest(GrpcMethod(""), ()))  # as above
