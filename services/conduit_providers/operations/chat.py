"""Chats: `Chat`, `StreamChat`."""

import contextlib
from collections.abc import Callable, Sequence
from typing import ClassVar

import msgspec

from conduit.v1 import router_requests_pb2 as pb
from conduit.v1.call_pb2 import CallReport
from conduit.v1.chat_json import (
    chat_completion_from_json,
    chat_completion_request_from_json,
    chat_completion_request_to_json,
    chat_completion_to_json,
)
from conduit.v1.chat_pb2 import ChatCompletion, ChatCompletionRequest, ChatUsage
from conduit.v1.json_limits import SHORT, may_be_too_deep
from conduit_kernel.errors import InvalidRequest
from conduit_providers.answer_joining import Said
from conduit_providers.calls import Answer, Call, Form
from conduit_providers.chat_events import ChatEvents
from conduit_providers.codec import StreamingCodec
from conduit_providers.json_reading import known
from conduit_providers.operation import (
    NOTHING,
    AnsweredOperation,
    Requirements,
    StreamedOperation,
    WorstCase,
    estimate_tokens,
)
from conduit_providers.quantities import CACHE_READS, CACHE_WRITES, REASONING, Quantities, plain
from conduit_providers.request_reading import (
    RequestReader,
    Routed,
    Unread,
    nothing_sent,
    refusal,
    refuse_other_bounds,
)
from conduit_providers.spec import Endpoint

ChatCall = Call[ChatCompletionRequest]
ChatAnswer = Answer[ChatCompletion]


ChatCodec = StreamingCodec[ChatCall, ChatAnswer, ChatEvents]


def chat_request(
    *, json: bytes | None = None, typed: ChatCompletionRequest | None = None
) -> Form[ChatCompletionRequest]:
    """Hold a chat request."""
    return Form(chat_completion_request_from_json, chat_completion_request_to_json, json, typed)


def chat_answer(
    *,
    usage: Quantities | None,
    json: bytes | None = None,
    typed: ChatCompletion | None = None,
    read: Callable[[object], ChatCompletion] = chat_completion_from_json,
) -> ChatAnswer:
    """Hold a chat answer; `read` is for those of dialects with spellings of their own."""
    return Answer(read, chat_completion_to_json, json, typed, usage)


class _StreamOptions(msgspec.Struct, gc=False):
    include_usage: bool | None = None


class _Format(msgspec.Struct):
    type: str


class _Google(msgspec.Struct):
    cachedContent: object = None  # noqa: N815 # Google's spelling
    cached_content: object = None


class _Extra(msgspec.Struct):
    google: _Google | None = None


class _Chat(Routed, gc=False):
    model: str
    messages: list[msgspec.Raw]
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    tools: list[msgspec.Raw] | None = None
    response_format: _Format | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    n: int | None = None
    # Where Google's cached content is named, which may say its project.
    cachedContent: Unread = msgspec.UNSET  # noqa: N815 # Google's spelling
    cached_content: Unread = msgspec.UNSET
    extra_body: Unread = msgspec.UNSET
    # Not needed here; a wrong type is better refused before a provider is asked.
    temperature: float | None = None
    top_p: float | None = None


class _Part(msgspec.Struct):
    type: str = ""


class _Message(msgspec.Struct):
    content: str | list[_Part] | None = None


class _Parts(msgspec.Struct):
    messages: list[_Message]


_reader = RequestReader(_Chat)
_read_chat, _read_plain_chat = _reader.read, _reader.decode_plain
_read_extra = msgspec.json.Decoder(_Extra).decode
_read_parts = msgspec.json.Decoder(_Parts).decode
# Part type to the capability that it needs.
_PARTS = {"image_url": "vision", "input_audio": "audio", "file": "files", "video_url": "video"}
# At hand, because each chat is asked for it.
_UNSET = msgspec.UNSET
_HINTS = tuple(b'"%b"' % kind.encode() for kind in _PARTS)


class ChatOperation(
    AnsweredOperation[ChatCompletionRequest, ChatCompletion],
    StreamedOperation[ChatCompletionRequest, ChatCompletion, ChatEvents],
):
    """Asks a model for the next message of a conversation."""

    name: ClassVar[str] = "chat"
    codec_type: ClassVar[type] = StreamingCodec
    end_of_events: ClassVar[bytes] = b"data: [DONE]\n\n"

    def form_of(
        self, request: pb.ChatRequest | pb.StreamChatRequest
    ) -> Form[ChatCompletionRequest]:
        """Return the conversation."""
        if request.WhichOneof("form") == "chat":
            return chat_request(typed=request.chat)
        return chat_request(json=request.json)

    def plain_form(self, body: bytes) -> Form[ChatCompletionRequest]:
        """Return the conversation."""
        return Form(chat_completion_request_from_json, chat_completion_request_to_json, body)

    def requirements(self, body: bytes, *, stream: bool) -> Requirements:
        """Read a chat request; what it says of streaming is what its RPC says."""
        try:
            chat = _read_plain_chat(body) if is_plain_json(body) else _read_chat(body)
            if not chat.messages:
                raise InvalidRequest("messages must not be empty", field="messages")
            capabilities = _capabilities(body, chat)
        except msgspec.MsgspecError as error:
            raise (refusal(error) if body else nothing_sent()) from error
        options, most = chat.stream_options, chat.max_completion_tokens
        return Requirements(
            chat.model,
            "chat",
            stream,
            bool(options and options.include_usage),
            capabilities,
            # Some providers know the one alone, some the other.
            chat.max_tokens if most is None else max(most, chat.max_tokens or 0),
            chat.n or 1,
            None if chat.fallbacks is _UNSET else chat.named_fallbacks(),
            "" if chat.prompt_cache_key is chat.session_id is _UNSET else chat.session(),
            ""
            if chat.cachedContent is chat.cached_content is chat.extra_body is _UNSET
            else _cached_content(chat),
            () if chat.user is chat.metadata is _UNSET else chat.tags(),
        )

    def estimate(
        self,
        form: Form[ChatCompletionRequest],
        answer: ChatAnswer | None,
        emitted: int,
        codec: object,
        facts: object,
    ) -> Quantities:
        """Count characters; pictures and sound are not counted."""
        read = estimated_request(form)
        return plain(read, emitted if answer is None else estimate_tokens(len(answer.json)))

    def worst_case(
        self, form: Form[ChatCompletionRequest], requirements: Requirements
    ) -> WorstCase:
        """Count a token for each byte: no tokenizer makes more of them."""
        read, written = self.worst_text(form, requirements)
        return WorstCase(plain(read, written or 0), written is not None)

    def worst_text(
        self, form: Form[ChatCompletionRequest], requirements: Requirements
    ) -> tuple[int, int | None]:
        """Count likewise. InvalidRequest if a bound has another spelling."""
        refuse_other_bounds(form.json)
        most = requirements.max_output
        if most is not None:
            most = max(0, most) * max(1, requirements.choices)
        return len(form.json), most

    def write(self, response: pb.ChatResponse, answer: ChatAnswer, *, is_typed: bool) -> None:
        """Put an answer into the response."""
        if is_typed:
            response.completion.CopyFrom(answer.typed)
        else:
            response.json = answer.json

    def native_media(self, call: ChatCall, endpoint: Endpoint) -> tuple[str, ...] | None:
        """Have fetched what a chat refers to by URL, where the endpoint takes no URLs."""
        return endpoint.native_urls if endpoint.inline_media and has_urls(call.typed) else None

    def media(self, form: Form[ChatCompletionRequest]) -> set[str]:
        """Return what a conversation refers to by URL."""
        return urls_of(form.typed)

    def said_in(self, events: Sequence[bytes]) -> Said:
        """Read what the events of an answer said."""
        return Said(events)

    def started(self, message: pb.StreamChatResponse) -> CallReport:
        """Return the report of the first message."""
        return message.started

    def put(self, message: pb.StreamChatResponse, events: ChatEvents, *, is_typed: bool) -> None:
        """Put chunks, or events, into a message."""
        if is_typed:
            message.chunks.extend(events.chunks)
        else:
            message.events = events.sse

    def finished(
        self, message: pb.StreamChatResponse, usage: Quantities | None, *, is_typed: bool
    ) -> CallReport:
        """Put the counts and what ends a stream of events into the last message."""
        if usage is not None:
            message.finished.usage.CopyFrom(usage_message(usage))
        if not is_typed:
            message.events += self.end_of_events
        return message.finished.report


def is_plain_json(text: bytes) -> bool:
    """Return whether a text keeps to the limits of JSON for certain, as most do.

    Here, and not with the limits, since chats and their answers are read without any other look.
    """
    return text.isascii() and (len(text) <= SHORT or not may_be_too_deep(text))


def has_urls(request: ChatCompletionRequest) -> bool:
    """Return whether a conversation refers to anything by URL."""
    return next(iter(urls_of(request)), None) is not None


def urls_of(request: ChatCompletionRequest) -> set[str]:
    """Return what a conversation refers to by URL."""
    return {
        url
        for message in request.messages
        for part in message.content
        for url in (part.image_url.url, part.video_url.url)
        if url.startswith(("http://", "https://"))
    }


def usage_message(usage: Quantities) -> ChatUsage:
    """Return counts as OpenAI's usage object has them."""
    read, written = usage.input_tokens, usage.output_tokens
    message = ChatUsage(prompt_tokens=read, completion_tokens=written, total_tokens=read + written)
    if cached := usage.count(*CACHE_READS):
        message.prompt_tokens_details.cached_tokens = cached
    if cache_written := usage.count(*CACHE_WRITES):
        message.prompt_tokens_details.cache_write_tokens = cache_written
    if reasoning := usage.count(REASONING):
        message.completion_tokens_details.reasoning_tokens = reasoning
    return message


def estimated_request(form: Form[ChatCompletionRequest]) -> int:
    """Return about how many tokens a request has, without its pictures and sound."""
    try:
        messages = form.typed.messages
    except InvalidRequest:
        return estimate_tokens(len(form.json))
    return estimate_tokens(sum(len(part.text) for m in messages for part in m.content))


def _capabilities(body: bytes, chat: _Chat) -> frozenset[str]:
    found = []
    if chat.tools:
        found.append("tools")
    if chat.response_format is not None and chat.response_format.type != "text":
        found.append(chat.response_format.type)
    # Without a list in the list of messages there are no parts.
    if body.find(b"[", body.find(b"[") + 1) >= 0 and any(hint in body for hint in _HINTS):
        # The word is there; whether as a part of a message takes a closer look.
        parts = (p.type for m in _read_parts(body).messages for p in _list(m.content))
        found += {_PARTS[kind] for kind in parts if kind in _PARTS}
    return frozenset(found) if found else NOTHING


def _cached_content(chat: _Chat) -> str:
    """Return the name of the cached content that a chat goes on from, empty if there is none."""
    named: list[object] = [
        known(bytes(value))
        for value in (chat.cachedContent, chat.cached_content)
        if value is not _UNSET
    ]
    if chat.extra_body is not _UNSET:
        with contextlib.suppress(msgspec.ValidationError):
            google = _read_extra(chat.extra_body).google or _Google()
            named += [google.cachedContent, google.cached_content]
    return next((name for name in named if isinstance(name, str)), "")


def _list(content: str | list[_Part] | None) -> list[_Part]:
    return content if isinstance(content, list) else []


OPERATION = ChatOperation()
