"""Responses as a dialect that chats are answered in; recorded ones are in `tests/wire`."""

from typing import Any

import orjson
import pytest
from tests.support.message_replays import answered_chats
from tests.support.replays import Replay
from tests.support.response_replays import ASKED, response_call

from conduit_kernel.errors import ConduitError, UnsupportedParameter
from conduit_providers.codecs import codec_named
from conduit_providers.inbound.response_dialect import asked_in, counts_of, response_codec
from conduit_providers.quantities import CACHED_INPUT, INPUT, OUTPUT, REASONING, counted
from conduit_providers.wire import HttpResponse

Json = dict[str, Any]


def named(name: str) -> Replay:
    """Return a recorded chat."""
    return next(each for each in answered_chats() if each.name == name)


PLAIN = named("OpenAI/chat/plain")
CODEC = response_codec(codec_named("openai_chat"))


def test_counts_have_their_parts() -> None:
    """Cached tokens are of those read, thoughts of those written."""
    usage = counted(((INPUT, 5), (CACHED_INPUT, 3), (OUTPUT, 4), (REASONING, 2)))
    assert counts_of(usage) == {
        "input_tokens": 8,
        "input_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 0},
        "output_tokens": 6,
        "output_tokens_details": {"reasoning_tokens": 2},
        "total_tokens": 14,
    }


def test_a_response_repeats_what_was_asked() -> None:
    """As it was written, and OpenAI's word where nothing was; nothing is kept."""
    tools = [{"type": "function", "name": "f", "parameters": {"b": 1, "a": 2}, "strict": None}]
    call = response_call(
        PLAIN, {**ASKED, "tools": tools, "temperature": 0.5, "store": True, "top_p": None}
    )
    found = asked_in(call.request.json)
    assert (found["tools"], found["temperature"], found["top_p"]) == (tools, 0.5, 1.0)
    assert (found["store"], found["tool_choice"]) == (False, "auto")
    assert "input" not in found


def test_whole_answers_have_the_members_that_openai_demands() -> None:
    """Those of the SDK's model, and null where nothing is to say."""
    answer = CODEC.from_upstream(PLAIN.response, response_call(PLAIN, ASKED), PLAIN.endpoint)
    response = orjson.loads(answer.json)
    assert {"error", "incomplete_details", "instructions", "metadata"} <= response.keys()
    assert (response["object"], response["error"]) == ("response", None)


def test_strict_calls_refuse_what_is_left_out() -> None:
    """Others are told of it."""
    asked: Json = {**ASKED, "truncation": "auto"}
    call = response_call(PLAIN, asked)
    CODEC.to_upstream(call, PLAIN.endpoint, PLAIN.target)
    assert call.dropped == ["truncation"]
    strict = response_call(PLAIN, asked)
    strict.is_strict = True
    with pytest.raises(UnsupportedParameter):
        CODEC.to_upstream(strict, PLAIN.endpoint, PLAIN.target)


def test_an_answer_that_is_none_is_the_providers_failure() -> None:
    """As for chats."""
    for body in (b"", b"[]", b'{"choices":[]}', b"<html>"):
        with pytest.raises(ConduitError):
            CODEC.from_upstream(
                HttpResponse(200, {}, body), response_call(PLAIN, ASKED), PLAIN.endpoint
            )
