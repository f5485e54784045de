"""OpenAI's chat completions, and the many who speak it.

https://platform.openai.com/docs/api-reference/chat

A dropped `stream_options` is not asked for, and no loss: usage is then expected unasked.
"""

import msgspec

from conduit_providers.chat_events import ChatDecoder
from conduit_providers.codecs.openai.asked import names_a_tool
from conduit_providers.codecs.openai.contents import TEXT, has_odd, in_types, may_be_odd
from conduit_providers.codecs.openai.finish import REASONS
from conduit_providers.codecs.openai.form import Logprobs, with_messages_formed
from conduit_providers.codecs.openai.request import chat_body, headers_of
from conduit_providers.codecs.openai.stream import OpenAIChatDecoder
from conduit_providers.codecs.openai.tool_calls import NO_CALLS, NULL, are_whole
from conduit_providers.codecs.openai.usage import (
    UsageReport,
    counts_at,
    counts_of,
    quantities_of,
    tier_at,
)
from conduit_providers.failures import error_in_stream, malformed
from conduit_providers.json_reading import Index, JsonReader
from conduit_providers.operations.chat import ChatAnswer, ChatCall, chat_answer, is_plain_json
from conduit_providers.quantities import Quantities, service_tier
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest, HttpResponse


class _Message(msgspec.Struct, gc=False):
    role: str | None = None
    tool_calls: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    reasoning: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _Choice(msgspec.Struct, gc=False):
    message: _Message
    index: Index | None = None
    logprobs: Logprobs | None = None
    finish_reason: str | None = None
    error: object = None


class _Whole(msgspec.Struct, gc=False):
    choices: list[_Choice] | None = None
    usage: UsageReport | None = None
    service_tier: object = None
    error: object = None


class _Uncounted(msgspec.Struct):
    choices: list[_Choice] | None = None
    error: object = None


_reader = JsonReader(_Whole, strict=False)
_decode, _decode_plain = _reader.decode, _reader.decode_plain
_decode_uncounted = JsonReader(_Uncounted).decode


class OpenAIChatCodec:
    """Speaks `POST /chat/completions`."""

    def __init__(self, *, keeps_lists: bool = False) -> None:
        """Take whether contents that are lists stay."""
        self._keeps_lists = keeps_lists

    def to_upstream(self, call: ChatCall, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Pass the caller's body on, with the provider's name of the model."""
        head = self.head(call.model, endpoint, target)
        return HttpRequest(head.method, head.path, head.headers, self.body(call, endpoint, target))

    def from_upstream(
        self, response: HttpResponse, call: ChatCall, endpoint: Endpoint
    ) -> ChatAnswer:
        """Pass the provider's body on, after a look at its usage."""
        return self.read(response.body, call, endpoint)

    def head(self, model: str, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Build the request but for its body."""
        path = target.fill(endpoint.path_for(target.settings), model=model)
        return HttpRequest("POST", path, headers_of(endpoint))

    def body(self, call: ChatCall, endpoint: Endpoint, target: Target) -> bytes:
        """Build the body out of the caller's."""
        return chat_body(call, endpoint, target.provider_name)

    def read(self, body: bytes, call: ChatCall, endpoint: Endpoint) -> ChatAnswer:
        """Read the answer's body."""
        try:
            whole = _read(body)
        except msgspec.DecodeError:
            whole, body = self._read_fitted(body, call.provider)
        error, choices = whole.error, whole.choices
        if error is not None:
            raise error_in_stream(error, call.provider)
        if not choices:
            raise malformed(call.provider, "it has no choices")
        for choice in choices:
            if not _is_formed(choice):
                body = _formed(choices, body, call)
                break
        is_odd = body.find(TEXT) < 0 and has_odd(body)
        if is_odd or (len(choices) > 1 and may_be_odd(body, len(choices))):
            _, body = self._read_fitted(body, call.provider)
        return chat_answer(usage=_usage(whole, body, endpoint), json=body)

    def decoder(self, call: ChatCall, endpoint: Endpoint) -> ChatDecoder:
        """Return a fresh decoder for one streamed answer."""
        return OpenAIChatDecoder(call, endpoint)

    def _read_fitted(self, body: bytes, provider: str) -> tuple[_Whole | _Uncounted, bytes]:
        """Return an answer with the types of OpenAI's. UpstreamError if it is none."""
        try:
            fitted = in_types(body, "message", keeps_lists=self._keeps_lists)
            return _read(fitted), fitted
        except msgspec.DecodeError as problem:
            raise malformed(provider, "it is not a chat completion") from problem


def _read(body: bytes) -> _Whole | _Uncounted:
    """Read an answer, without its counts where they make no sense. msgspec.DecodeError."""
    try:
        return _decode_plain(body) if is_plain_json(body) else _decode(body)
    except msgspec.ValidationError:
        return _decode_uncounted(body)


def _usage(whole: _Whole | _Uncounted, body: bytes, endpoint: Endpoint) -> Quantities | None:
    report = whole.usage if isinstance(whole, _Whole) else None
    tier = whole.service_tier if isinstance(whole, _Whole) else None
    if not (endpoint.usage or endpoint.service_tier):
        return quantities_of(report, tier) if report is not None else None
    if endpoint.service_tier:
        tier = tier_at(body, endpoint.service_tier)
    known = counts_of(report) if report is not None else None
    counts = counts_at(body, endpoint.usage, known)
    return counts.quantities(service_tier(tier)) if counts is not None else None


def _is_formed(choice: _Choice) -> bool:
    """Return whether a choice is in OpenAI's form; here, as each chat is asked for it."""
    said = choice.message
    if choice.finish_reason not in REASONS or choice.index is None or choice.error is not None:
        return False
    if said.role is None or said.reasoning is not msgspec.UNSET:
        return False
    calls = said.tool_calls
    if calls is msgspec.UNSET or calls in (NULL, NO_CALLS):
        return True
    return choice.finish_reason != "stop" and are_whole(calls)


def _formed(choices: list[_Choice], body: bytes, call: ChatCall) -> bytes:
    """Return an answer in OpenAI's form; raise the failure that stands in a choice.

    OpenRouter reports so those of others. https://openrouter.ai/docs/api-reference/overview
    """
    error = next((choice.error for choice in choices if choice.error is not None), None)
    if error is not None:
        raise error_in_stream(error, call.provider)
    try:
        return with_messages_formed(body, call.provider, may_stop=names_a_tool(call))
    except msgspec.DecodeError as invalid:
        raise malformed(call.provider, "a choice is none") from invalid


CODEC = OpenAIChatCodec()
