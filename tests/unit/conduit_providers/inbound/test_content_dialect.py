"""Answers of chats, as generated content."""

from typing import Any

import orjson
import pytest
from tests.support.content_replays import ASKED, content_call
from tests.support.message_replays import answered_chats

from conduit_kernel.errors import UnsupportedParameter
from conduit_providers.codecs import codec_named
from conduit_providers.inbound.content_dialect import content_codec, counts_of
from conduit_providers.quantities import CACHED_INPUT, INPUT, OUTPUT, REASONING, Quantities
from conduit_providers.wire import HttpResponse

Json = dict[str, Any]
CODEC = content_codec(codec_named("openai_chat"))
PLAIN = next(each for each in answered_chats() if each.name == "OpenAI/chat/plain")


def read(message: Json, reason: str = "stop") -> Json:
    """Return the candidate that a chat's message is."""
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": reason}
    body = orjson.loads(PLAIN.response.body) | {"choices": [choice]}
    response = HttpResponse(200, {}, orjson.dumps(body))
    found = CODEC.from_upstream(response, content_call(PLAIN, ASKED), PLAIN.endpoint)
    candidate: Json = orjson.loads(found.json)["candidates"][0]
    return candidate


def test_parts_stand_in_their_order() -> None:
    """What was thought, what was said, and whole calls; Google says STOP to these, too."""
    function = {"name": "f", "arguments": '{"a":1}'}
    call = {"id": "c1", "type": "function", "function": function}
    message = {"content": "w", "reasoning_content": "t", "tool_calls": [call]}
    assert read(message, "tool_calls") == {
        "content": {
            "role": "model",
            "parts": [
                {"text": "t", "thought": True},
                {"text": "w"},
                {"functionCall": {"id": "c1", "name": "f", "args": {"a": 1}}},
            ],
        },
        "finishReason": "STOP",
        "index": 0,
    }


def test_why_it_stopped_is_googles_word() -> None:
    """A limit, and what was filtered."""
    assert read({"content": "w"}, "length")["finishReason"] == "MAX_TOKENS"
    assert read({"content": "w"}, "content_filter")["finishReason"] == "SAFETY"


def test_counts_are_googles() -> None:
    """What was thought stands beside what was said."""
    usage = Quantities(((INPUT, 5), (CACHED_INPUT, 3), (OUTPUT, 4), (REASONING, 2)))
    assert counts_of(usage) == {
        "promptTokenCount": 8,
        "candidatesTokenCount": 4,
        "thoughtsTokenCount": 2,
        "cachedContentTokenCount": 3,
        "totalTokenCount": 14,
    }


def test_strict_calls_refuse_what_is_left_out() -> None:
    """Others are told of it."""
    replay = next(each for each in answered_chats() if each.name == "OpenAI/chat/plain")
    codec = content_codec(codec_named("openai_chat"))
    asked = {**ASKED, "generationConfig": {"responseModalities": ["IMAGE"]}}
    call, strict = content_call(replay, asked), content_call(replay, asked)
    codec.to_upstream(call, replay.endpoint, replay.target)
    assert call.dropped == ["generationConfig.responseModalities"]
    strict.is_strict = True
    with pytest.raises(UnsupportedParameter):
        codec.to_upstream(strict, replay.endpoint, replay.target)
