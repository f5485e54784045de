"""Answers of chats, as completions."""

from typing import Any

import orjson
import pytest
from tests.support.completion_replays import ASKED, added_up, completion_call, pieces_of
from tests.support.message_replays import answered_chats
from tests.support.replays import Replay

from conduit_kernel.errors import ConduitError, UnsupportedParameter
from conduit_providers.codecs import codec_named
from conduit_providers.inbound.completion_dialect import completion_codec, counts_of, logprobs_of
from conduit_providers.quantities import (
    CACHE_WRITE,
    CACHED_INPUT,
    INPUT,
    OUTPUT,
    REASONING,
    Quantities,
)
from conduit_providers.wire import HttpResponse

Json = dict[str, Any]
CODEC = completion_codec(codec_named("openai_chat"))


def named(name: str) -> Replay:
    """Return a recorded chat."""
    return next(each for each in answered_chats() if each.name == name)


PLAIN = named("OpenAI/chat/plain")
STREAM = named("OpenAI/chat/stream")
LIKELY: Json = {
    "content": [
        {"token": "A", "logprob": -0.5, "bytes": [65], "top_logprobs": []},
        {
            "token": "bc",
            "logprob": -1.5,
            "bytes": None,
            "top_logprobs": [{"token": "bc", "logprob": -1.5}, {"token": "d", "logprob": -2.0}],
        },
    ],
    "refusal": None,
}


def read(choices: list[Json], asked: Json | None = None) -> Json:
    """Return the completion that a chat's choices are."""
    body = orjson.loads(PLAIN.response.body) | {"choices": choices}
    response = HttpResponse(200, {}, orjson.dumps(body))
    call = completion_call(PLAIN, asked or ASKED)
    found: Json = orjson.loads(CODEC.from_upstream(response, call, PLAIN.endpoint).json)
    return found


def choice(text: str | None, index: int = 0, **members: object) -> Json:
    """Return a choice of a chat."""
    message = {"role": "assistant", "content": text}
    return {"index": index, "message": message, "finish_reason": "stop", **members}


def test_each_choice_is_a_completion() -> None:
    """In their order, with why they ended."""
    found = read([choice("a"), choice("b", 1, finish_reason="length")], {**ASKED, "n": 2})
    assert [(c["text"], c["index"], c["finish_reason"]) for c in found["choices"]] == [
        ("a", 0, "stop"),
        ("b", 1, "length"),
    ]
    assert found["object"] == "text_completion"


def test_echoes_begin_each_choice() -> None:
    """Whole and streamed."""
    asked = {**ASKED, "echo": True}
    found = read([choice(" you"), choice(" all", 1)], asked)
    assert [c["text"] for c in found["choices"]] == ["Hello you", "Hello all"]
    call = completion_call(STREAM, asked)
    whole = added_up(pieces_of(CODEC.decoder(call, STREAM.endpoint), STREAM.response.body))
    plain = completion_call(STREAM, ASKED)
    bare = added_up(pieces_of(CODEC.decoder(plain, STREAM.endpoint), STREAM.response.body))
    assert whole["choices"][0]["text"] == f"Hello{bare['choices'][0]['text']}"


def test_refusals_are_what_the_model_says() -> None:
    """There is no other place for them."""
    refused = choice(None)
    refused["message"]["refusal"] = "I can't."
    assert read([refused])["choices"][0]["text"] == "I can't."


def test_log_probabilities_are_lists() -> None:
    """With each token's place in the text that it goes on from."""
    found = read([choice("Abc", logprobs=LIKELY)], {**ASKED, "logprobs": 2})
    assert found["choices"][0]["logprobs"] == {
        "tokens": ["A", "bc"],
        "token_logprobs": [-0.5, -1.5],
        "top_logprobs": [{}, {"bc": -1.5, "d": -2.0}],
        "text_offset": [5, 6],
    }
    assert logprobs_of({"content": None}, 3)["tokens"] == []


def test_counts_are_told_to_those_who_asked() -> None:
    """In a piece of their own, behind the last completion."""
    call = completion_call(STREAM, ASKED)
    pieces = pieces_of(CODEC.decoder(call, STREAM.endpoint), STREAM.response.body)
    assert [not piece["choices"] for piece in pieces] == [*([False] * (len(pieces) - 1)), True]
    assert pieces[-1]["usage"]["prompt_tokens"] > 0
    call.include_usage = False
    pieces = pieces_of(CODEC.decoder(call, STREAM.endpoint), STREAM.response.body)
    assert not any("usage" in piece for piece in pieces)


def test_counts_are_as_openai_has_them() -> None:
    """What was cached and thought is a part of the whole."""
    usage = Quantities(
        ((INPUT, 5), (CACHED_INPUT, 3), (CACHE_WRITE, 2), (OUTPUT, 4), (REASONING, 2))
    )
    assert counts_of(usage) == {
        "prompt_tokens": 10,
        "prompt_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 2},
        "completion_tokens": 6,
        "completion_tokens_details": {"reasoning_tokens": 2},
        "total_tokens": 16,
    }
    assert counts_of(Quantities(((INPUT, 5),))).keys() == {
        *("prompt_tokens", "completion_tokens", "total_tokens")
    }


def test_strict_calls_refuse_what_is_left_out() -> None:
    """Others are told of it."""
    asked: Json = {**ASKED, "best_of": 3}
    call = completion_call(PLAIN, asked)
    CODEC.to_upstream(call, PLAIN.endpoint, PLAIN.target)
    assert call.dropped == ["best_of"]
    strict = completion_call(PLAIN, asked)
    strict.is_strict = True
    with pytest.raises(UnsupportedParameter):
        CODEC.to_upstream(strict, PLAIN.endpoint, PLAIN.target)


def test_an_answer_that_is_none_is_the_providers_failure() -> None:
    """As for chats."""
    for body in (b"", b"[]", b'{"choices":[]}', b"<html>"):
        with pytest.raises(ConduitError):
            CODEC.from_upstream(
                HttpResponse(200, {}, body), completion_call(PLAIN, ASKED), PLAIN.endpoint
            )
