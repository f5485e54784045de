"""Codecs of Anthropic's Messages for providers of other dialects, made of those of chats."""

from typing import Any, cast

import msgspec
import orjson

from conduit_providers.calls import Answer
from conduit_providers.chat_events import ChatDecoder, ChatEvents
from conduit_providers.codec import StraightCodec
from conduit_providers.failures import malformed
from conduit_providers.inbound.message_form import (
    MessageAnswer,
    MessageCall,
    MessageEvents,
    message_answer,
    translated,
)
from conduit_providers.inbound.message_from_chat import counts_of, message_of
from conduit_providers.inbound.message_stream import MessageStreamWriter
from conduit_providers.inbound.message_to_chat import ChatTerms, TranslatedRequest
from conduit_providers.jobs import Job, JobCodec, StreamingJob
from conduit_providers.json_reading import parsed
from conduit_providers.operations.chat import ChatAnswer, ChatCall, ChatCodec, estimated_request
from conduit_providers.quantities import Quantities, plain
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.typed_events import events_of
from conduit_providers.wire import HttpRequest, HttpResponse

Json = dict[str, Any]

_OPENAI = "openai_"
_EFFORT = "reasoning_effort"
_MARK = "cache_control"


def terms_of(endpoint: Endpoint, model: str) -> ChatTerms:
    """Return the terms on which a model takes chats."""
    if not endpoint.codec.startswith(_OPENAI):
        return ChatTerms(is_openai=False, takes_marks=True, takes_effort=True)
    # Of OpenAI's own models those that reason take the newer name of the limit alone.
    reasons = any("max_tokens" in rule.rename for rule in endpoint.rules_of(model))
    is_known = any(each.parameter == _EFFORT for each in endpoint.value_maps_of(model))
    return ChatTerms(
        is_openai=True,
        takes_marks=_MARK not in endpoint.drop_in_messages,
        takes_effort=reasons or is_known,
        most_stops=endpoint.options.most_stops,
    )


def translation(call: MessageCall, endpoint: Endpoint) -> TranslatedRequest:
    """Return the chat of a call. UnsupportedCapability for what no chat can say."""
    return translated(call, terms_of(endpoint, call.model))


def chat_call(call: MessageCall, endpoint: Endpoint) -> ChatCall:
    """Return a call as the codec of chats gets it."""
    chat: ChatCall = msgspec.structs.replace(call, request=translation(call, endpoint).chat)  # type: ignore[arg-type] # of chats
    return chat


def told_call(call: MessageCall, endpoint: Endpoint, target: Target) -> ChatCall:
    """Return the same, once what is left out was noted. UnsupportedParameter when strict."""
    for name in translation(call, endpoint).dropped:
        call.drop(name, target.provider_name)
    return chat_call(call, endpoint)


def answer_of(answer: ChatAnswer, call: MessageCall, endpoint: Endpoint) -> MessageAnswer:
    """Return a chat's answer as a message."""
    completion = _completion(answer, call)
    usage, found = answer.usage, translation(call, endpoint)
    counts = counts_of(usage) if usage is not None else _estimate(found, len(answer.json))
    return message_answer(orjson.dumps(message_of(completion, found.names, counts)), usage)


def _completion(answer: Answer[Any], call: MessageCall) -> Json:
    try:
        completion = parsed(answer.json)
    except msgspec.DecodeError as error:
        raise malformed(call.provider, "it is not a chat completion") from error
    if not isinstance(completion, dict):
        raise malformed(call.provider, "it is not a chat completion")
    return completion


def _estimate(found: TranslatedRequest, written: int = 0) -> Json:
    """Return about what was used, marked as such."""
    usage = plain(estimated_request(found.chat), -(-written // 4))
    return counts_of(usage) | {"is_estimate": True}


class TranslatingMessageCodec:
    """Translates to the dialect of a codec of chats."""

    def __init__(self, codec: ChatCodec) -> None:
        self._codec = codec

    def to_upstream(self, call: MessageCall, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Translate the request. InvalidRequest for what the dialect does not support."""
        return self._codec.to_upstream(told_call(call, endpoint, target), endpoint, target)

    def from_upstream(
        self, response: HttpResponse, call: MessageCall, endpoint: Endpoint
    ) -> MessageAnswer:
        """Translate the answer."""
        chat = chat_call(call, endpoint)
        return answer_of(self._codec.from_upstream(response, chat, endpoint), call, endpoint)

    def decoder(self, call: MessageCall, endpoint: Endpoint) -> "TranslatingDecoder":
        """Return a fresh decoder for one streamed answer."""
        inner = self._codec.decoder(chat_call(call, endpoint), endpoint)
        return TranslatingDecoder(inner, translation(call, endpoint))


class StraightMessageCodec(TranslatingMessageCodec):
    """The same, where the calls of a model differ by their bodies alone."""

    def __init__(self, codec: ChatCodec, straight: StraightCodec[ChatCall, ChatAnswer]) -> None:
        super().__init__(codec)
        self._straight = straight

    def head(self, model: str, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Build the request but for its body."""
        return self._straight.head(model, endpoint, target)

    def body(self, call: MessageCall, endpoint: Endpoint, target: Target) -> bytes:
        """Build the body. InvalidRequest for what the dialect does not support."""
        return self._straight.body(told_call(call, endpoint, target), endpoint, target)

    def read(self, body: bytes, call: MessageCall, endpoint: Endpoint) -> MessageAnswer:
        """Translate the answer's body."""
        answer = self._straight.read(body, chat_call(call, endpoint), endpoint)
        return answer_of(answer, call, endpoint)


class TranslatingJobCodec(TranslatingMessageCodec):
    """The same, where calls are jobs."""

    def __init__(self, codec: ChatCodec, jobs: JobCodec[ChatCall, ChatAnswer, ChatEvents]) -> None:
        super().__init__(codec)
        self._jobs = jobs

    def whole(self, call: MessageCall, endpoint: Endpoint, target: Target) -> Job[MessageAnswer]:
        """Return the job that comes to a whole answer. UpstreamError if it fails."""
        answer = yield from self._jobs.whole(told_call(call, endpoint, target), endpoint, target)
        return answer_of(answer, call, endpoint)

    def stream(
        self, call: MessageCall, endpoint: Endpoint, target: Target
    ) -> Job[StreamingJob[MessageEvents]]:
        """Return the job that comes to a streamed answer."""
        chat = told_call(call, endpoint, target)
        job = yield from self._jobs.stream(chat, endpoint, target)
        decoder = TranslatingDecoder(job.decoder, translation(call, endpoint), ends_later=True)
        return StreamingJob(job.step, decoder, _closing(job, decoder))


def _closing(
    job: StreamingJob[ChatEvents], decoder: "TranslatingDecoder"
) -> Job[MessageEvents | None]:
    left = yield from job.closing
    return decoder.end(left)


class TranslatingDecoder:
    """Turns what a chat's decoder reads into events of a message."""

    def __init__(
        self, inner: ChatDecoder, found: TranslatedRequest, *, ends_later: bool = False
    ) -> None:
        """Take whether something follows the stream before the answer ends."""
        self._inner = inner
        self._found = found
        self._ends_later = ends_later
        self._has_ended = False
        self._writer: MessageStreamWriter | None = None
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

    def feed(self, data: bytes) -> MessageEvents | None:
        """Take the next bytes; return the events they complete, or None."""
        return self._translated(self._inner.feed(data))

    def close(self) -> MessageEvents | None:
        """Return what the end of the stream completes. StreamInterrupted if it came too early."""
        return self._translated(self._inner.close())

    def end(self, left: ChatEvents | None) -> MessageEvents | None:
        """Return the last events of an answer, given the last ones of the chat."""
        self._ends_later = False
        return self._translated(left)

    def _translated(self, events: ChatEvents | None) -> MessageEvents | None:
        inner = self._inner
        self.emitted, self.skipped = inner.emitted, inner.skipped
        self.has_finished = inner.has_finished
        found = self._writing().events_of(events.documents) if events is not None else []
        if inner.done and not self._ends_later and not self._has_ended:
            self._has_ended = True
            found += self._writing().end(self._counts())
        return MessageEvents(sse=events_of(found)) if found else None

    def _writing(self) -> MessageStreamWriter:
        if self._writer is None:
            counts = self._counts() | {"output_tokens": 0}
            self._writer = MessageStreamWriter(self._found.names, counts)
        return self._writer

    def _counts(self) -> Json:
        usage = self._inner.usage
        if usage is not None:
            return counts_of(usage)
        return _estimate(self._found, 4 * self._inner.emitted)


def message_codec(codec: Any) -> Any:  # noqa: ANN401 # of either kind
    """Return the codec of Messages that is made of one of chats."""
    if isinstance(codec, JobCodec):
        jobs: JobCodec[ChatCall, ChatAnswer, ChatEvents] = codec
        return TranslatingJobCodec(cast("ChatCodec", codec), jobs)
    if isinstance(codec, StraightCodec):
        straight: StraightCodec[ChatCall, ChatAnswer] = codec
        return StraightMessageCodec(cast("ChatCodec", codec), straight)
    return TranslatingMessageCodec(codec)
