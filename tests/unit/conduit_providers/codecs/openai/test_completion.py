"""Completions that pass to servers that complete texts, and from there, as they are."""

from typing import Any

import orjson
import pytest
from tests.support.completion_replays import added_up
from tests.support.replays import CATALOG, data_in

from conduit_kernel.errors import (
    ConduitError,
    ContextTooLong,
    StreamInterrupted,
    UpstreamError,
    UpstreamRateLimited,
)
from conduit_providers.calls import Call
from conduit_providers.codecs.openai.completion import CODEC, PassedCompletionDecoder
from conduit_providers.inbound.completion_form import CompletionEvents, completion_request
from conduit_providers.quantities import CACHED_INPUT, INPUT, OUTPUT
from conduit_providers.target import Target
from conduit_providers.wire import HttpResponse

Json = dict[str, Any]
VLLM = CATALOG.find("vLLM").endpoints["chat"]
FIREWORKS = CATALOG.find("Fireworks").endpoints["chat"]
TARGET = Target("Provider", "vLLM", "https://x")
USAGE: Json = {
    "prompt_tokens": 10,
    "completion_tokens": 4,
    "total_tokens": 14,
    "prompt_tokens_details": {"cached_tokens": 3},
}
HEAD: Json = {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": "x"}


def call_of(asked: Json | bytes, *, stream: bool = False, tells: bool = False) -> Call[Any]:
    """Return a call."""
    raw = asked if isinstance(asked, bytes) else orjson.dumps({"model": "my-alias", **asked})
    return Call(
        completion_request(json=raw),
        alias="my-alias",
        model="model-1",
        stream=stream,
        include_usage=tells,
        provider="Provider",
    )


def test_bytes_pass_but_for_the_models_name() -> None:
    """White space, order, escapes, tokens, and members that nobody knows."""
    raw = b'{ "model" : "my-alias",  "prompt":[[1,2],[3]], "suffix":"\\u00e9", "new": 1e2}'
    request = CODEC.to_upstream(call_of(raw), VLLM, TARGET)
    assert request.body == raw.replace(b'"model" : "my-alias"', b'"model":"model-1"')
    assert (request.method, request.path) == ("POST", "/completions")


@pytest.mark.parametrize(
    ("members", "options"),
    [
        ({}, {"include_usage": True}),
        ({"stream_options": {"include_usage": False, "x": 1}}, {"include_usage": True, "x": 1}),
        ({"stream_options": None}, {"include_usage": True}),
    ],
)
def test_streams_are_always_asked_for_their_counts(members: Json, options: Json) -> None:
    """Whether or not the caller wants them."""
    call = call_of({"prompt": "a", "stream": True, **members}, stream=True)
    body = orjson.loads(CODEC.body(call, VLLM, TARGET))
    assert body == {"model": "model-1", "prompt": "a", "stream": True, "stream_options": options}


def test_options_that_are_not_taken_are_not_sent() -> None:
    """There counts come unasked."""
    call = call_of({"prompt": "a", "stream": True}, stream=True)
    assert b"stream_options" not in CODEC.body(call, FIREWORKS, TARGET)


def whole(*choices: Json, **members: object) -> bytes:
    """Return an answer."""
    return orjson.dumps({**HEAD, "choices": list(choices), **members})


def choice(text: str = "a", index: int = 0, reason: str | None = None) -> Json:
    """Return a completion, or a piece of it."""
    return {"text": text, "index": index, "logprobs": None, "finish_reason": reason}


def test_answers_pass_with_their_counts() -> None:
    """Byte for byte."""
    body = whole(choice(reason="stop"), usage=USAGE, kv_transfer_params=None)
    answer = CODEC.from_upstream(HttpResponse(200, {}, body), call_of({"prompt": "a"}), VLLM)
    assert answer.json == body
    assert answer.usage is not None
    assert dict(answer.usage.leaves) == {INPUT: 7, CACHED_INPUT: 3, OUTPUT: 4}
    assert CODEC.read(whole(choice()), call_of({"prompt": "a"}), VLLM).usage is None


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"[]", b"{}", b"<html>", b'{"choices":[]}', b'{"choices":[{"index":0}]}'),
        b'{"choices":[{"text":1}]}',
    ],
)
def test_answers_that_are_none_are_failures(body: bytes) -> None:
    """Of the provider's."""
    with pytest.raises(UpstreamError):
        CODEC.read(body, call_of({"prompt": "a"}), VLLM)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"code": "rate_limit_exceeded", "message": "slow"}, UpstreamRateLimited),
        ({"code": "context_length_exceeded", "message": "long"}, ContextTooLong),
    ],
)
def test_errors_in_good_answers_are_failures(error: Json, kind: type[ConduitError]) -> None:
    """Whole and streamed."""
    with pytest.raises(kind):
        CODEC.read(orjson.dumps({"error": error}), call_of({"prompt": "a"}), VLLM)
    with pytest.raises(kind):
        decoder().feed(sse({"error": error}))


def sse(*events: Json, done: bool = False) -> bytes:
    """Return events as OpenAI sends them."""
    sent = b"".join(b"data: %b\n\n" % orjson.dumps(each) for each in events)
    return sent + (b"data: [DONE]\n\n" if done else b"")


def piece(*choices: Json, **members: object) -> Json:
    """Return a piece."""
    return {**HEAD, "choices": list(choices), **members}


def decoder(choices: int = 1, *, tells: bool = False) -> PassedCompletionDecoder:
    """Return a fresh decoder."""
    return PassedCompletionDecoder("Provider", choices, tells_usage=tells)


def pieces(events: CompletionEvents | None) -> list[Json]:
    """Return what events say."""
    return data_in(events.sse) if events is not None else []


COUNTS = piece(usage=USAGE)
ANSWER = (piece(choice("a")), piece(choice("b", reason="stop")), COUNTS)


def test_streams_pass_and_counts_go_to_those_who_asked() -> None:
    """Known to us either way."""
    told, untold = decoder(tells=True), decoder()
    assert pieces(told.feed(sse(*ANSWER, done=True))) == list(ANSWER)
    assert pieces(untold.feed(sse(*ANSWER, done=True))) == list(ANSWER[:2])
    assert told.done
    assert untold.done
    assert told.usage == untold.usage
    assert untold.usage is not None
    assert untold.usage.output_tokens == 4


@pytest.mark.parametrize("size", [1, 7, 64])
def test_stream_is_the_same_however_it_is_cut(size: int) -> None:
    """No byte of it is lost."""
    body, found = sse(*ANSWER, done=True), decoder(tells=True)
    events = [found.feed(body[at : at + size]) for at in range(0, len(body), size)]
    said = [each for some in events for each in pieces(some)]
    assert added_up(said)["choices"][0]["text"] == "ab"
    assert found.done


def test_several_choices_have_to_end_each() -> None:
    """Some servers do one behind the other, and some leave out what ends a stream."""
    two = decoder(2)
    two.feed(sse(piece(choice("a", reason="stop"))))
    assert not two.has_finished
    with pytest.raises(StreamInterrupted):
        two.close()
    both = decoder(2)
    both.feed(sse(piece(choice("a", reason="stop")), piece(choice("b", 1, "length"))))
    assert both.close() is None
    assert both.done


def test_who_ends_a_stream_may_have_given_fewer() -> None:
    """But none that is half."""
    fewer = decoder(2)
    fewer.feed(sse(piece(choice("a", reason="stop")), done=True))
    assert fewer.done
    half = decoder(2)
    half.feed(sse(piece(choice("a", reason="stop"), choice("b", 1)), done=True))
    assert not half.done
    with pytest.raises(StreamInterrupted):
        half.close()


@pytest.mark.parametrize("cut", range(0, 200, 40))
def test_a_stream_that_breaks_off_never_looks_whole(cut: int) -> None:
    """However little of it came."""
    found = decoder()
    found.feed(sse(*ANSWER)[:cut])
    with pytest.raises(StreamInterrupted):
        found.close()


def test_an_end_that_says_nothing_is_none() -> None:
    """A stream of `[DONE]` alone is no answer; the word within a text ends nothing."""
    found = decoder()
    assert found.feed(b"data: [DONE]\n\n") is None
    assert not found.done
    word = decoder()
    word.feed(sse(piece(choice("\ndata: [DONE]"))))
    assert not word.has_finished


def test_a_decoder_knows_how_many_choices_were_asked_for() -> None:
    """By the request."""
    call = call_of({"prompt": ["a", "b"], "n": 2, "stream": True}, stream=True)
    found = CODEC.decoder(call, VLLM)
    found.feed(sse(*(piece(choice("x", place, "stop")) for place in range(3))))
    assert not found.has_finished
    found.feed(sse(piece(choice("x", 3, "stop"))))
    assert found.has_finished
