"""An operation: all that the suite knows of `chat`, `embed` and their like, in one object each.

The Router and the catalog are generic over operations: what a request requires, which codecs serve
it, how it is split, estimated, answered. One module in `operations/` says so for each.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar, Generic, NamedTuple, Protocol, TypeVar

import msgspec
from google.protobuf.message import Message

from conduit.v1.call_pb2 import CallOptions, CallReport
from conduit.v1.converse_requests_pb2 import SessionEndReason
from conduit_kernel.errors import InvalidRequest
from conduit_kernel.http import Upload
from conduit_providers.answer_joining import NotContinuable, Said
from conduit_providers.calls import Answer, Call, Events, Form
from conduit_providers.codec import Codec
from conduit_providers.quantities import Quantities
from conduit_providers.session_codec import SessionEvent
from conduit_providers.spec import Endpoint

RequestT = TypeVar("RequestT", bound=Message)
AnswerT = TypeVar("AnswerT", bound=Message)
EventsT = TypeVar("EventsT", bound=Events)

NOTHING: frozenset[str] = frozenset()
# Taking tokens in the place of texts.
TOKEN_INPUT = "token_input"  # noqa: S105 # the name of a capability
# Capabilities that codecs make up for where an endpoint lacks them.
SUBSTITUTED: frozenset[str] = frozenset({TOKEN_INPUT})
# Media type and content, by address.
Media = Mapping[str, tuple[str, bytes]]
# The field's rule of thumb for English text:
# https://help.openai.com/en/articles/4936856-what-are-tokens-and-how-to-count-them
CHARACTERS_PER_TOKEN = 4
# Of one call, which is one to all limits: whoever makes it has so many requests sent at most.
MOST_PARTS = 2048


class Requirements(msgspec.Struct, frozen=True, gc=False):
    """A request's requirements; read once, used by routing and accounting."""

    model: str
    operation: str
    stream: bool = False
    include_usage: bool = False
    # Those of `SUBSTITUTED` are preferences: who lacks them is asked after those who have them.
    capabilities: frozenset[str] = NOTHING
    # The most tokens that each choice may have, as the caller says; None if unsaid.
    max_output: int | None = None
    # How many choices are asked for.
    choices: int = 1
    # What the body names of `Routed`: other models that may serve it, None if it does not say; and
    # the session that it is of.
    fallbacks: tuple[str, ...] | None = None
    session: str = ""
    # The name of what it goes on from at a provider, which may say whose it is; empty for nothing.
    resource: str = ""
    # What it belongs to, as its charges tell it.
    tags: tuple[str, ...] = ()
    # The account, as targets tell it, that alone can read some of it; it is asked first. Empty for
    # none.
    account: str = ""


class WorstCase(NamedTuple):
    """The most that a request can use, for a reservation."""

    usage: Quantities
    # Whether the caller bounds what is written; else `usage` has what is read alone.
    is_bounded: bool
    # What it uses in place of `usage` where it is billed by the token; None where that is the same.
    by_token: Quantities | None = None


class Operation(ABC, Generic[RequestT, AnswerT]):
    """Reads, estimates, splits and answers calls of one kind. Pure."""

    name: ClassVar[str]
    # By which an instance's codec of it is found, where it is another one than the operation's:
    # other words for the same calls, which are routed, counted and charged alike.
    served_as: ClassVar[str]
    # What the operation's codecs must be, a runtime-checkable protocol.
    codec_type: ClassVar[type]
    # Whether a call may be too large for one request, so that `split` must be asked.
    is_divisible: ClassVar[bool] = False
    # Whether answers may have addresses of what was asked for itself, so that `linked` must be
    # asked.
    has_linked_media: ClassVar[bool] = False
    # Whether codecs need something that is made of a request's media, so that `derived` must be
    # asked.
    derives_media: ClassVar[bool] = False

    def __init_subclass__(cls) -> None:
        """Let what is served under its own name say that once."""
        super().__init_subclass__()
        if "name" in cls.__dict__ and "served_as" not in cls.__dict__:
            cls.served_as = cls.name

    @abstractmethod
    def form_of(self, request: Any) -> Form[RequestT]:  # noqa: ANN401 # of each RPC its own
        """Return the request of an RPC's message, in the form in which it came."""

    @abstractmethod
    def requirements(self, body: bytes, *, stream: bool) -> Requirements:
        """Read a request's JSON. MalformedJson or InvalidRequest, with the field, if it is none."""

    @abstractmethod
    def estimate(
        self,
        form: Form[RequestT],
        answer: Answer[AnswerT] | None,
        emitted: int,
        codec: Any,  # noqa: ANN401 # as `codec_type` says
        facts: Any,  # noqa: ANN401 # the codec's struct
    ) -> Quantities:
        """Return about what a call used, where no provider counted.

        `answer` is the whole answer, None if there is none; of a stream, the decoder handed out
        about `emitted` tokens. `codec`, of the operation's type, is whose provider was asked, and
        `facts` are those of the model: what one charges by the token, another may charge by the
        search.
        """

    @abstractmethod
    def worst_case(self, form: Form[RequestT], requirements: Requirements) -> WorstCase:
        """Return the most that a request can use."""

    def worst_text(
        self, form: Form[RequestT], requirements: Requirements
    ) -> tuple[int, int | None] | None:
        """Return the tokens of text that a request reads and writes at most: `worst_case` in short.

        None in the place of the second where the caller does not bound it; None for all where it is
        not text alone.
        """
        return None

    def native_media(self, call: Call[RequestT], endpoint: Endpoint) -> tuple[str, ...] | None:
        """Return None if the codec can go ahead.

        Otherwise what the call refers to by URL must be fetched before: all but what begins with
        one of these.
        """
        return None

    def media(self, form: Form[RequestT]) -> Collection[str]:
        """Return what a request refers to by URL. JsonError if it does not fit the contract."""
        return ()

    def files(self, form: Form[RequestT]) -> Mapping[str, tuple[str, Upload]]:
        """Return the files that follow a request, by names of ours, with their media types."""
        return {}

    def derived(self, form: Form[RequestT], media: Media) -> Media:
        """Return what codecs need that is made of a request's files, which may take its time.

        InvalidRequest if it cannot be made.
        """
        return {}

    def split(self, call: Call[RequestT], endpoint: Endpoint) -> Sequence[Call[RequestT]]:
        """Return the calls that a call becomes, in order; the call itself if it is small enough."""
        return (call,)

    def join(self, answers: Sequence[Answer[AnswerT]]) -> Answer[AnswerT]:
        """Return the answer to a call that was split."""
        return answers[0]

    def linked(self, form: Form[RequestT], answer: Answer[AnswerT]) -> Collection[str]:
        """Return the addresses in an answer to fetch for the caller."""
        return ()

    def inlined(self, answer: Answer[AnswerT], media: Media) -> Answer[AnswerT]:
        """Return an answer with what was fetched in the place of its addresses."""
        return answer

    def linked_in(self, events: Any) -> Collection[str]:  # noqa: ANN401 # each operation has its own
        """Return the addresses in the first pieces of an answer to fetch for the caller."""
        return ()

    def inlined_in(self, events: Any, media: Media) -> Any:  # noqa: ANN401 # as above
        """Return pieces with what was fetched in the place of their addresses."""
        return events


class JsonOperation(Operation[RequestT, AnswerT]):
    """An operation whose requests can be a body of JSON."""

    @abstractmethod
    def plain_form(self, body: bytes) -> Form[RequestT]:
        """Return the request that stands in a body of JSON."""


class AnsweredOperation(JsonOperation[RequestT, AnswerT]):
    """An operation whose calls are a request and its answer."""

    @abstractmethod
    def write(self, response: Any, answer: Answer[AnswerT], *, is_typed: bool) -> None:  # noqa: ANN401 # of each RPC its own
        """Put an answer into the RPC's response, in the form of the request."""


class EstimatingOperation(AnsweredOperation[RequestT, AnswerT], Generic[RequestT, AnswerT]):
    """An operation whose answers can be estimated where no provider gives one."""

    @abstractmethod
    def estimated(self, form: Form[RequestT]) -> Answer[AnswerT]:
        """Return an estimated answer, which says that it is one."""


class StreamedOperation(JsonOperation[RequestT, AnswerT], Generic[RequestT, AnswerT, EventsT]):
    """An operation whose answers can come piece by piece; where also whole, it is answered, too."""

    # What follows the last of an answer's server-sent events.
    end_of_events: ClassVar[bytes] = b""

    def said_in(self, events: Sequence[bytes]) -> Said:
        """Return what server-sent events said. NotContinuable where no other answer can go on."""
        raise NotContinuable

    @abstractmethod
    def started(self, message: Any) -> CallReport:  # noqa: ANN401 # of each RPC its own
        """Return where the first message of a stream says what the Router did until then."""

    @abstractmethod
    def put(self, message: Any, events: EventsT, *, is_typed: bool) -> None:  # noqa: ANN401 # of each RPC its own
        """Put pieces of an answer into a message, in the form of the request."""

    @abstractmethod
    def finished(self, message: Any, usage: Quantities | None, *, is_typed: bool) -> CallReport:  # noqa: ANN401 # of each RPC its own
        """Put the end of a stream into its last message; return where its report goes."""


class UploadOperation(AnsweredOperation[RequestT, AnswerT], Generic[RequestT, AnswerT]):
    """An operation whose requests bring files, which may be too large to be held in memory."""

    @abstractmethod
    def form_of_upload(self, start: Any, uploads: Sequence[Upload]) -> Form[RequestT]:  # noqa: ANN401 # of each RPC its own
        """Return the request of an RPC's first message, with the files that follow it in order.

        InvalidRequest if it makes no sense.
        """


class StreamedUploadOperation(
    StreamedOperation[RequestT, AnswerT, EventsT], UploadOperation[RequestT, AnswerT]
):
    """An operation whose requests bring files, and whose answers can come piece by piece."""


class SessionEnding(NamedTuple):
    """The result of a session that ended as it should."""

    seconds: float
    # By the session's model, and by the provider's other ones.
    usage: Quantities
    other_usage: Quantities
    reason: SessionEndReason.ValueType


class SessionMessages(Protocol):
    """Reads and writes the messages of one session's RPC, as its first message has it."""

    # Whether the caller's first event names the model, so that it comes before admission.
    begins_with_event: bool

    @property
    def options(self) -> CallOptions | None:
        """Return how the call is to be treated; None if that was not said."""
        ...

    def greeting(self, session_id: str) -> SessionEvent | None:
        """Return what a caller hears before its first event names the model; None for nothing.

        That event goes to the provider as all others do then, and no other greeting to the caller.
        """
        ...

    def is_greeting(self, event: SessionEvent) -> bool:
        """Return whether a provider's event greets a caller."""
        ...

    def opening(self, message: Any | None) -> Form[Any]:  # noqa: ANN401 # of each RPC its own
        """Return how the session begins, given the message of the first event where it is one.

        InvalidRequest if it begins otherwise.
        """
        ...

    def event_of(self, message: Any) -> SessionEvent:  # noqa: ANN401 # as above
        """Return the event in a message. InvalidRequest if it has none of this session."""
        ...

    def models_in(self, event: Form[Any]) -> Collection[str]:
        """Return the provider's models that a caller's event names, but for the session's own.

        InvalidRequest if it cannot be read.
        """
        ...

    def started(self) -> tuple[Any, CallReport]:
        """Return the message that opens the session, and where its report goes."""
        ...

    def message_of(self, event: SessionEvent) -> Any:  # noqa: ANN401 # as above
        """Return the message of a provider's event."""
        ...

    def finished(self, ending: SessionEnding) -> tuple[Any, CallReport]:
        """Return the last message, and where its report goes."""
        ...


class SessionOperation(Operation[RequestT, Any], Generic[RequestT]):
    """An operation whose calls are sessions: events both ways."""

    @abstractmethod
    def begin(self, message: Any) -> SessionMessages:  # noqa: ANN401 # of each RPC its own
        """Read the first message of an RPC. InvalidRequest if it does not begin a session."""


def estimate_tokens(characters: int) -> int:
    """Return about how many tokens a text of so many characters has."""
    return -(-characters // CHARACTERS_PER_TOKEN)


def check_parts(count: int, field: str) -> None:
    """Check that a call does not become too many. InvalidRequest names the field that makes it."""
    if count > MOST_PARTS:
        message = f"{field} would take {count:,} requests: send at most {MOST_PARTS:,} at once"
        raise InvalidRequest(message, field=field)


AnyOperation = Operation[Any, Any]
AnyAnsweredOperation = AnsweredOperation[Any, Any]
AnyEstimatingOperation = EstimatingOperation[Any, Any]
AnyJsonOperation = JsonOperation[Any, Any]
AnySessionOperation = SessionOperation[Any]
AnyStreamedOperation = StreamedOperation[Any, Any, Any]
AnyStreamedUploadOperation = StreamedUploadOperation[Any, Any, Any]
AnyUploadOperation = UploadOperation[Any, Any]
AnyCodec = Codec[Any, Any]
