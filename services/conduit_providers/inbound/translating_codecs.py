"""Codecs of callers' dialects for providers that do not speak them, made of those of chats."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, Generic, NamedTuple, Protocol, TypeVar, cast

import msgspec

from conduit_providers.calls import Answer, Call
from conduit_providers.chat_events import ChatDecoder, ChatEvents
from conduit_providers.codec import StraightCodec
from conduit_providers.failures import malformed
from conduit_providers.inbound.caller_form import Translated, translation_of
from conduit_providers.inbound.chat_terms import terms_of
from conduit_providers.jobs import Job, JobCodec, StreamingJob
from conduit_providers.json_reading import parsed
from conduit_providers.operation import estimate_tokens
from conduit_providers.operations.chat import ChatAnswer, ChatCall, ChatCodec, estimated_request
from conduit_providers.quantities import Quantities, plain
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.typed_events import TypedEvents, events_of
from conduit_providers.wire import HttpRequest, HttpResponse

Json = dict[str, Any]
AnswerT = TypeVar("AnswerT", bound=Answer[Any])
EventsT = TypeVar("EventsT", bound=TypedEvents[Any])
# Of any dialect of callers.
CallerCall = Call[Any]


class Used(NamedTuple):
    """The tokens that a call used."""

    usage: Quantities
    # Whether the provider did not count, so that it is about that.
    is_estimate: bool


class EventWriter(Protocol):
    """Writes the events of one streamed answer."""

    def events_of(self, chunks: Iterable[Json]) -> list[Json]:
        """Return the events of a chat's chunks."""
        ...

    def end(self, counts: Json) -> list[Json]:
        """Return the last events of a whole answer, given its counts."""
        ...


class CallerDialect(ABC, Generic[AnswerT, EventsT]):
    """Says in a dialect of callers what a chat's answer says."""

    @abstractmethod
    def counts(self, used: Used) -> Json:
        """Return what was used as the dialect has it."""

    @abstractmethod
    def answer(
        self,
        completion: Json,
        call: CallerCall,
        endpoint: Endpoint,
        counts: Json,
        usage: Quantities | None,
    ) -> AnswerT:
        """Return a whole answer, given the JSON of the chat's."""

    @abstractmethod
    def writer(self, call: CallerCall, endpoint: Endpoint, counts: Json) -> EventWriter:
        """Return what writes a streamed answer, given what was used, or about, to its beginning."""

    @abstractmethod
    def events(self, sse: bytes) -> EventsT:
        """Hold events."""


def translation(call: CallerCall, endpoint: Endpoint) -> Translated:
    """Return the chat of a call. UnsupportedCapability for what no chat can say."""
    return translation_of(call.request, terms_of(endpoint, call.model))


def chat_call(call: CallerCall, endpoint: Endpoint) -> ChatCall:
    """Return a call as the codec of chats gets it."""
    chat: ChatCall = msgspec.structs.replace(call, request=translation(call, endpoint).chat)
    return chat


def told_call(call: CallerCall, endpoint: Endpoint, target: Target) -> ChatCall:
    """Return the same, once what is left out was noted. UnsupportedParameter when strict."""
    for name in translation(call, endpoint).dropped:
        call.drop(name, target.provider_name)
    return chat_call(call, endpoint)


def used_by(
    call: CallerCall, endpoint: Endpoint, usage: Quantities | None, written: int = 0
) -> Used:
    """Return what was used: as the provider counted, or else about, by the tokens written."""
    if usage is not None:
        return Used(usage, is_estimate=False)
    read = estimated_request(translation(call, endpoint).chat)
    return Used(plain(read, written), is_estimate=True)


def _completion(answer: ChatAnswer, call: CallerCall) -> Json:
    # What does not fit the contract is read by nobody.
    answer.to_form(is_typed=True)
    try:
        completion = parsed(answer.json)
    except msgspec.DecodeError as error:
        raise malformed(call.provider, "it is not a chat completion") from error
    if not isinstance(completion, dict):
        raise malformed(call.provider, "it is not a chat completion")
    return completion


def _documents(events: ChatEvents | None) -> list[Json]:
    """Return the chunks of a chat. UpstreamError if one does not fit the contract."""
    return events.to_form(is_typed=True).documents if events is not None else []


class TranslatingCodec(Generic[AnswerT, EventsT]):
    """Translates to the dialect of a codec of chats."""

    def __init__(self, dialect: CallerDialect[AnswerT, EventsT], codec: ChatCodec) -> None:
        self._dialect = dialect
        self._codec = codec

    def to_upstream(self, call: CallerCall, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Translate the request. InvalidRequest for what the dialect does not support."""
        return self._codec.to_upstream(told_call(call, endpoint, target), endpoint, target)

    def from_upstream(
        self, response: HttpResponse, call: CallerCall, endpoint: Endpoint
    ) -> AnswerT:
        """Translate the answer."""
        chat = self._codec.from_upstream(response, chat_call(call, endpoint), endpoint)
        return self._answer(chat, call, endpoint)

    def decoder(
        self, call: CallerCall, endpoint: Endpoint
    ) -> "TranslatingDecoder[AnswerT, EventsT]":
        """Return a fresh decoder for one streamed answer."""
        inner = self._codec.decoder(chat_call(call, endpoint), endpoint)
        return TranslatingDecoder(self._dialect, inner, call, endpoint)

    def _answer(self, answer: ChatAnswer, call: CallerCall, endpoint: Endpoint) -> AnswerT:
        completion, written = _completion(answer, call), estimate_tokens(len(answer.json))
        counts = self._dialect.counts(used_by(call, endpoint, answer.usage, written))
        return self._dialect.answer(completion, call, endpoint, counts, answer.usage)


class StraightTranslatingCodec(TranslatingCodec[AnswerT, EventsT]):
    """The same, where the calls of a model differ by their bodies alone."""

    def __init__(
        self,
        dialect: CallerDialect[AnswerT, EventsT],
        codec: ChatCodec,
        straight: StraightCodec[ChatCall, ChatAnswer],
    ) -> None:
        super().__init__(dialect, codec)
        self._straight = straight

    def head(self, model: str, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Build the request but for its body."""
        return self._straight.head(model, endpoint, target)

    def body(self, call: CallerCall, endpoint: Endpoint, target: Target) -> bytes:
        """Build the body. InvalidRequest for what the dialect does not support."""
        return self._straight.body(told_call(call, endpoint, target), endpoint, target)

    def read(self, body: bytes, call: CallerCall, endpoint: Endpoint) -> AnswerT:
        """Translate the answer's body."""
        chat = self._straight.read(body, chat_call(call, endpoint), endpoint)
        return self._answer(chat, call, endpoint)


class TranslatingJobCodec(TranslatingCodec[AnswerT, EventsT]):
    """The same, where calls are jobs."""

    def __init__(
        self,
        dialect: CallerDialect[AnswerT, EventsT],
        codec: ChatCodec,
        jobs: JobCodec[ChatCall, ChatAnswer, ChatEvents],
    ) -> None:
        super().__init__(dialect, codec)
        self._jobs = jobs

    def whole(self, call: CallerCall, endpoint: Endpoint, target: Target) -> Job[AnswerT]:
        """Return the job that comes to a whole answer. UpstreamError if it fails."""
        answer = yield from self._jobs.whole(told_call(call, endpoint, target), endpoint, target)
        return self._answer(answer, call, endpoint)

    def stream(
        self, call: CallerCall, endpoint: Endpoint, target: Target
    ) -> Job[StreamingJob[EventsT]]:
        """Return the job that comes to a streamed answer."""
        chat = told_call(call, endpoint, target)
        job = yield from self._jobs.stream(chat, endpoint, target)
        decoder = TranslatingDecoder(self._dialect, job.decoder, call, endpoint, ends_later=True)
        return StreamingJob(job.step, decoder, _closing(job, decoder))


def _closing(
    job: StreamingJob[ChatEvents], decoder: "TranslatingDecoder[Any, EventsT]"
) -> Job[EventsT | None]:
    left = yield from job.closing
    return decoder.end(left)


class TranslatingDecoder(Generic[AnswerT, EventsT]):
    """Turns what a chat's decoder reads into events of a dialect of callers."""

    def __init__(
        self,
        dialect: CallerDialect[AnswerT, EventsT],
        inner: ChatDecoder,
        call: CallerCall,
        endpoint: Endpoint,
        *,
        ends_later: bool = False,
    ) -> None:
        """Take whether something follows the stream before the answer ends."""
        self._dialect = dialect
        self._inner = inner
        self._call = call
        self._endpoint = endpoint
        self._ends_later = ends_later
        self._has_ended = False
        self._writer: EventWriter | None = None
        self.emitted = 0
        self.skipped = 0
        self.has_finished = False

    @property
    def usage(self) -> Quantities | None:
        """Return what was used, as soon as the provider reported it."""
        return self._inner.usage

    @property
    def done(self) -> bool:
        """Return whether the provider ended the answer as complete."""
        return self._inner.done

    def feed(self, data: bytes) -> EventsT | None:
        """Take the next bytes; return the events they complete, or None."""
        return self._translated(self._inner.feed(data))

    def close(self) -> EventsT | None:
        """Return what the end of the stream completes. StreamInterrupted if it came too early."""
        return self._translated(self._inner.close())

    def end(self, left: ChatEvents | None) -> EventsT | None:
        """Return the last events of an answer, given the last ones of the chat."""
        self._ends_later = False
        return self._translated(left)

    def _translated(self, events: ChatEvents | None) -> EventsT | None:
        inner = self._inner
        self.emitted, self.skipped = inner.emitted, inner.skipped
        self.has_finished = inner.has_finished
        found = self._writing().events_of(documents) if (documents := _documents(events)) else []
        if inner.done and not self._ends_later and not self._has_ended:
            self._has_ended = True
            found += self._writing().end(self._counts())
        return self._dialect.events(events_of(found)) if found else None

    def _writing(self) -> EventWriter:
        if self._writer is None:
            self._writer = self._dialect.writer(self._call, self._endpoint, self._counts())
        return self._writer

    def _counts(self) -> Json:
        usage, emitted = self._inner.usage, self._inner.emitted
        return self._dialect.counts(used_by(self._call, self._endpoint, usage, emitted))


def translating_codec(dialect: CallerDialect[Any, Any], codec: Any) -> Any:  # noqa: ANN401 # of either kind
    """Return the codec of a dialect of callers that is made of one of chats."""
    if isinstance(codec, JobCodec):
        jobs: JobCodec[ChatCall, ChatAnswer, ChatEvents] = codec
        return TranslatingJobCodec(dialect, cast("ChatCodec", codec), jobs)
    if isinstance(codec, StraightCodec):
        straight: StraightCodec[ChatCall, ChatAnswer] = codec
        return StraightTranslatingCodec(dialect, cast("ChatCodec", codec), straight)
    return TranslatingCodec(dialect, codec)
