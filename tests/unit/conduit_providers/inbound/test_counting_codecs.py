"""Counts by whoever has them, of chats, texts and messages alike."""

from typing import Any

import orjson
import pytest
from tests.support.replays import CATALOG

from conduit_kernel.errors import UnsupportedCapability, UpstreamError
from conduit_providers.calls import Call
from conduit_providers.codec import Codec
from conduit_providers.inbound.counting_codecs import (
    CountingCodec,
    counting_codec,
    message_counting_codec,
)
from conduit_providers.inbound.message_form import message_request
from conduit_providers.inbound.token_count_form import token_count_request
from conduit_providers.target import Target
from conduit_providers.wire import HttpResponse

CHATS = {s.name: s.endpoints["chat"] for s in CATALOG.specs if "chat" in s.endpoints}
TARGET = Target("P", "X", "https://x", {"project": "p", "location": "l", "apiVersion": "v1"})
COUNTS = {
    "Anthropic": b'{"input_tokens":7}',
    "Bedrock": b'{"inputTokens":7}',
    "Cohere": b'{"tokens":[1,2,3,4,5,6,7],"token_strings":[]}',
    "Gemini": b'{"totalTokens":7,"promptTokensDetails":[]}',
    "VertexAI": b'{"totalTokens":7,"totalBillableCharacters":20}',
}
MODELS = {"Anthropic": "claude-opus-5", "Bedrock": "anthropic.claude-opus-5-v1:0"}


def call_of(kind: str, form: Any) -> Call[Any]:  # noqa: ANN401 # of either operation
    """Return a call."""
    model = MODELS.get(kind, "gemini-3-pro")
    return Call(form, alias="m", model=model, provider="P", dropped=[])


def prompt() -> Any:  # noqa: ANN401 # as above
    """Return a request for a text's tokens."""
    return token_count_request(json=b'{"model":"m","prompt":"hello"}')


def message() -> Any:  # noqa: ANN401 # as above
    """Return a request for a message's tokens."""
    said = [{"role": "user", "content": "hello"}]
    return message_request(json=orjson.dumps({"model": "m", "max_tokens": 9, "messages": said}))


def test_who_counts() -> None:
    """Each dialect that documents it."""
    counting = {kind for kind in CHATS if isinstance(counting_codec(CHATS[kind]), CountingCodec)}
    assert counting == set(COUNTS)


@pytest.mark.parametrize("kind", COUNTS)
def test_counts_are_the_providers(kind: str) -> None:
    """Of a text, and of a message in Anthropic's words."""
    endpoint, response = CHATS[kind], HttpResponse(200, {}, COUNTS[kind])
    codec, call = counting_codec(endpoint), call_of(kind, prompt())
    assert isinstance(codec, Codec)
    request = codec.to_upstream(call, endpoint, TARGET)
    assert b"hello" in request.body
    assert (call.dropped, request.method) == ([], "POST")
    count = orjson.loads(codec.from_upstream(response, call, endpoint).json)
    assert count == {"count": 7, "model": call.model, "is_estimate": False}
    messages, asked = message_counting_codec(endpoint), call_of(kind, message())
    assert b"hello" in messages.to_upstream(asked, endpoint, TARGET).body
    found = messages.from_upstream(response, asked, endpoint)
    assert found.json == b'{"input_tokens":7}'


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"<html>", b'{"input_tokens":"x"}'])
@pytest.mark.parametrize("kind", COUNTS)
def test_answers_without_a_count_are_failures(kind: str, body: bytes) -> None:
    """So that an estimate is made, which says that it is one."""
    codec, call = counting_codec(CHATS[kind]), call_of(kind, prompt())
    with pytest.raises(UpstreamError):
        codec.from_upstream(HttpResponse(200, {}, body), call, CHATS[kind])


def test_who_does_not_count_is_not_asked() -> None:
    """The next candidate has its turn."""
    with pytest.raises(UnsupportedCapability):
        counting_codec(CHATS["Groq"]).to_upstream(call_of("Groq", prompt()), CHATS["Groq"], TARGET)
