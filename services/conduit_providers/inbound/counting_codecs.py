"""Codecs of counts, made of what a provider's dialect has to count the tokens of a chat."""

from collections.abc import Callable
from typing import Any, Protocol

import orjson

from conduit_providers.calls import Answer
from conduit_providers.codecs import codec_named, has_codec
from conduit_providers.inbound.no_message_count import NoMessageCountCodec
from conduit_providers.inbound.token_count_form import token_count_answer
from conduit_providers.inbound.translating_codecs import CallerCall, chat_call
from conduit_providers.operations.chat import ChatCall
from conduit_providers.operations.content_count import content_count_answer
from conduit_providers.operations.message_count import count_answer
from conduit_providers.operations.response_count import counted
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest, HttpResponse

_KIND = "token_count"
# Makes an answer of a count, in the words of an operation.
AnswerOf = Callable[[int, CallerCall], Answer[Any]]


class TokenCounter(Protocol):
    """Has a provider count the tokens of a chat; `CODEC` of `codecs/<dialect>/token_count.py`."""

    def to_upstream(self, call: ChatCall, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Build the request. UnsupportedCapability for what the provider does not count."""
        ...

    def count(self, response: HttpResponse, provider: str) -> int:
        """Return the tokens. UpstreamError if the answer has none."""
        ...


class CountingCodec:
    """Asks a provider how many tokens a model would read."""

    def __init__(self, counter: TokenCounter, answer_of: AnswerOf) -> None:
        self._counter = counter
        self._answer_of = answer_of

    def to_upstream(self, call: CallerCall, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Build the request. UnsupportedCapability for what the provider does not count."""
        return self._counter.to_upstream(chat_call(call, endpoint), endpoint, target)

    def from_upstream(
        self, response: HttpResponse, call: CallerCall, endpoint: Endpoint
    ) -> Answer[Any]:
        """Return the provider's count."""
        return self._answer_of(self._counter.count(response, call.provider), call)


def counting_codec(endpoint: Endpoint) -> CountingCodec | NoMessageCountCodec:
    """Return the codec of counts of an endpoint of chats."""
    return _counting(endpoint, lambda count, call: token_count_answer(count, call.model))


def message_counting_codec(endpoint: Endpoint) -> CountingCodec | NoMessageCountCodec:
    """Return the codec of counts of messages of an endpoint that speaks no Messages."""
    return _counting(endpoint, lambda count, _: count_answer(orjson.dumps({"input_tokens": count})))


def response_counting_codec(endpoint: Endpoint) -> CountingCodec | NoMessageCountCodec:
    """Return the codec of counts of responses of an endpoint of chats."""
    return _counting(endpoint, lambda count, _: counted(count))


def content_counting_codec(endpoint: Endpoint) -> CountingCodec | NoMessageCountCodec:
    """Return the codec of counts of generated content of an endpoint of chats."""
    return _counting(endpoint, lambda count, _: content_count_answer(count))


def _counting(endpoint: Endpoint, answer_of: AnswerOf) -> CountingCodec | NoMessageCountCodec:
    name = f"{endpoint.codec.partition('_')[0]}_{_KIND}"
    if "." in endpoint.codec or not has_codec(name):
        return NoMessageCountCodec()
    return CountingCodec(codec_named(name), answer_of)
