"""Gaps in texts that Mistral fills."""

from typing import Any

import orjson
import pytest
from tests.support.replays import CATALOG

from conduit_kernel.errors import UnsupportedParameter
from conduit_providers.calls import Call
from conduit_providers.codecs import codec_named
from conduit_providers.inbound.completion_choice import chosen_codec
from conduit_providers.inbound.completion_form import completion_request
from conduit_providers.target import Target
from conduit_providers.wire import HttpResponse

MISTRAL = CATALOG.find("Mistral").endpoints["chat"]
TARGET = Target("mistral", "Mistral", "https://x")
CODEC = chosen_codec(MISTRAL, codec_named("mistral_chat"))
GAP = {"model": "alias", "prompt": "def f(", "suffix": "return a + b"}
# As the SDK's example has it: mistralai 3.7.0, client.models.fimcompletionresponse.
ANSWER = {
    "id": "cmpl-e5cc70bb28c444948073e77776eb30ef",
    "object": "chat.completion",
    "created": 1702256327,
    "model": "codestral-latest",
    "choices": [
        {
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": "a, b):\n    ", "prefix": False},
        }
    ],
    "usage": {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14},
}


def call_of(*, stream: bool = False, **members: object) -> Call[Any]:
    """Return a call."""
    form = completion_request(json=orjson.dumps(GAP | members))
    return Call(form, "alias", "codestral-latest", stream=stream, provider="mistral")


def test_a_gap_is_asked_for_where_it_is_filled() -> None:
    """With what the route takes, by its names; what else was asked is told."""
    call = call_of(max_tokens=9, temperature=0.2, stop=["\n\n"], seed=7, frequency_penalty=1.5)
    request = CODEC.to_upstream(call, MISTRAL, TARGET)
    assert request.path == "/fim/completions"
    assert orjson.loads(request.body) == {
        "model": "codestral-latest",
        "prompt": "def f(",
        "suffix": "return a + b",
        "max_tokens": 9,
        "temperature": 0.2,
        "stop": ["\n\n"],
        "random_seed": 7,
    }
    assert call.dropped == ["frequency_penalty"]
    strict = call_of(frequency_penalty=1.5)
    strict.is_strict = True
    with pytest.raises(UnsupportedParameter):
        CODEC.to_upstream(strict, MISTRAL, TARGET)


def test_what_fills_it_is_a_completion() -> None:
    """Whole, with its counts, and streamed."""
    call = call_of()
    answer = CODEC.from_upstream(HttpResponse(200, {}, orjson.dumps(ANSWER)), call, MISTRAL)
    found = orjson.loads(answer.json)
    assert (found["object"], found["choices"][0]["text"]) == ("text_completion", "a, b):\n    ")
    assert found["usage"]["completion_tokens"] == 5
    decoder = CODEC.decoder(call_of(stream=True), MISTRAL)
    delta = {"index": 0, "delta": {"role": "assistant", "content": "a, b"}, "finish_reason": "stop"}
    chunk = {**ANSWER, "object": "chat.completion.chunk", "choices": [delta]}
    events = decoder.feed(b"data: %b\n\ndata: [DONE]\n\n" % orjson.dumps(chunk))
    assert b'"text":"a, b"' in events.sse
    assert decoder.done


def test_a_text_without_a_gap_is_asked_for_in_a_chat() -> None:
    """As at all others that know chats alone."""
    for gap in ("", None):
        request = CODEC.to_upstream(call_of(suffix=gap), MISTRAL, TARGET)
        assert request.path == "/chat/completions"
        assert orjson.loads(request.body)["messages"] == [{"role": "user", "content": "def f("}]
