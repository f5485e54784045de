"""Calls that take more than one exchange, as generators that do no I/O themselves.

A flow yields steps, is sent what came back, and returns what it came to. The error of an exchange
is thrown into it where it stands: a flow that can do without the answer goes on.
"""

from collections.abc import Generator
from typing import NamedTuple, Protocol, TypeAlias, TypeVar, runtime_checkable

from conduit_providers.calls import ChatAnswer, ChatCall, ChatEvents
from conduit_providers.codec import ChatCodec, ChatDecoder
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest, HttpResponse

ResultT = TypeVar("ResultT")


class JobRequest(NamedTuple):
    """One exchange, signed like any other: only go where the key may be shown."""

    request: HttpRequest
    # `https://host`, where the request's path begins at the root; empty where it is relative to
    # the instance's base URL.
    origin: str = ""
    # The pause before it.
    after_seconds: float = 0.0
    # What takes back what was begun; sent once if nobody waits for the end of it any more.
    cancel: "JobRequest | None" = None


Job: TypeAlias = Generator[JobRequest, HttpResponse, ResultT]


class StreamingJob(NamedTuple):
    """A streamed answer that can be read now."""

    # Its answer is the stream.
    step: JobRequest
    decoder: ChatDecoder
    # Follows a complete stream, and returns what is left to tell; also sets the decoder's usage.
    closing: Job[ChatEvents | None]


@runtime_checkable
class JobCodec(ChatCodec, Protocol):
    """Translates chats that are jobs: begun, waited for, and taken back if nobody waits."""

    def whole(self, call: ChatCall, endpoint: Endpoint, target: Target) -> Job[ChatAnswer]:
        """Return the flow to a whole answer. UpstreamError if the job fails."""
        ...

    def stream(self, call: ChatCall, endpoint: Endpoint, target: Target) -> Job[StreamingJob]:
        """Return the flow to a streamed answer."""
        ...
