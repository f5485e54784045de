"""What the wire cases cannot show of Mistral's dialect: chance, size, and several turns."""

import tracemalloc

import orjson
import pytest
from tests.support.broken_bytes import check_garbled
from tests.support.wire_cases import cases

from conduit.v1.chat_json import chat_completion_to_json
from conduit.v1.provider_pb2 import Provider
from conduit_kernel.errors import InvalidRequest, UnsupportedCapability
from conduit_providers.catalog import load_catalog
from conduit_providers.codecs import codec_named
from conduit_providers.codecs.mistral.request import short_id
from conduit_providers.operations.chat import ChatCall, chat_request
from conduit_providers.rate_limits import read_rate_limits
from conduit_providers.wire import HttpResponse

SPEC = load_catalog().find("Mistral")
ENDPOINT = SPEC.endpoints["chat"]
CODEC = codec_named(ENDPOINT.codec)
TARGET = load_catalog().target(Provider(name="P", provider_type="Mistral"))
STREAMS = cases("Mistral/chat/stream*")
Json = dict[str, object]
# What a stream with broken bytes may fail with.
REASONS = frozenset({"PROVIDER_ERROR", "PROVIDER_REFUSED", "STREAM_INTERRUPTED"})
HELLO: Json = {"role": "user", "content": "Hello!"}


def call_from(raw: bytes) -> ChatCall:
    """Return a call with a body."""
    return ChatCall(chat_request(json=raw), alias="a", model="mistral-small-latest", provider="P")


def call_of(*messages: Json, **more: object) -> ChatCall:
    """Return a call."""
    return call_from(orjson.dumps({"model": "a", "messages": list(messages), **more}))


def sent(call: ChatCall) -> Json:
    """Return the body of the request for a call."""
    return dict(orjson.loads(CODEC.to_upstream(call, ENDPOINT, TARGET).body))


def decoded(pieces: list[bytes]) -> bytes:
    """Return what a stream in pieces says."""
    decoder = CODEC.decoder(call_of(HELLO), ENDPOINT)
    found = [decoder.feed(piece) for piece in pieces]
    found.append(decoder.close())
    return b"".join(events.sse for events in found if events)


@pytest.mark.parametrize("seed", range(20))
def test_broken_streams_raise_and_nothing_else(seed: int) -> None:
    """Whatever happens to the bytes, a decoder gives events or an UpstreamError, never a crash."""
    check_garbled(decoded, (case.received.body for case in STREAMS), seed, REASONS)


def test_large_thought_is_read_whole() -> None:
    """A thought of a megabyte in one event, in pieces, is passed on whole."""
    text = "é\u2028x" * 300_000
    thinking = [{"type": "thinking", "thinking": [{"type": "text", "text": text}]}]
    choice = {"index": 0, "delta": {"content": thinking}, "finish_reason": "stop"}
    body = b"data: %b\n\ndata: [DONE]\n\n" % orjson.dumps({"id": "1", "choices": [choice]})
    said = decoded([body[i : i + 65536] for i in range(0, len(body), 65536)])
    event = orjson.loads(said.removeprefix(b"data: "))
    assert event["choices"][0]["delta"]["reasoning_content"] == text


def test_thoughts_go_back_as_they_came() -> None:
    """The turn that the caller got, sent back, is the turn that Mistral wrote."""
    thought: Json = {
        "type": "thinking",
        "thinking": [{"type": "text", "text": "Hm."}],
        "closed": True,
        "signature": "c2ln",
    }
    wrote: Json = {"role": "assistant", "content": [thought, {"type": "text", "text": "Well."}]}
    choice = {"index": 0, "finish_reason": "stop", "message": wrote}
    body = orjson.dumps({"id": "1", "choices": [choice]})
    answer = CODEC.from_upstream(HttpResponse(200, {}, body), call_of(HELLO), ENDPOINT)
    by_json = orjson.loads(answer.json)["choices"][0]["message"]
    typed = orjson.dumps(chat_completion_to_json(answer.typed))
    by_type = orjson.loads(typed)["choices"][0]["message"]
    for message in (by_json, by_type):
        assert sent(call_of(HELLO, message, HELLO))["messages"] == [HELLO, wrote, HELLO]


@pytest.mark.parametrize(
    "call_id", ["", "call_abc123", "toolu_01A09q90qw90lq917835lq9", "x" * 300, "D681PevK-"]
)
def test_ids_of_other_providers_become_nine_letters(call_id: str) -> None:
    """Mistral takes ids of nine letters and digits only; equal ids stay equal, others differ."""
    short = short_id(call_id)
    assert len(short) == len("D681PevKs")
    assert short.isascii()
    assert short.isalnum()
    assert short == short_id(call_id) != short_id(call_id + "x")


def test_ids_of_mistral_stay() -> None:
    """What Mistral made goes back unchanged."""
    assert short_id("D681PevKs") == "D681PevKs"


def test_ordinary_request_is_not_taken_apart() -> None:
    """A request without differences keeps its bytes, but for the model."""
    raw = b'{ "model":"a",  "messages":[{"role":"user","content":"x"}] , "my_own": 1.50 }'
    body = CODEC.to_upstream(call_from(raw), ENDPOINT, TARGET).body
    assert body == raw.replace(b'"a"', b'"mistral-small-latest"')


def test_ordinary_answer_is_not_taken_apart() -> None:
    """An answer without differences keeps its bytes."""
    body = (
        b'{"id": "1",  "choices": [{"index":0,"message":{"role":"assistant","content":"x"},'
        b'"finish_reason":"stop"}]}'
    )
    answer = CODEC.from_upstream(HttpResponse(200, {}, body), call_of(HELLO), ENDPOINT)
    assert answer.json == body


def test_request_that_is_no_json_is_refused() -> None:
    """Bytes that only look like a request are the caller's mistake."""
    with pytest.raises(InvalidRequest, match="not JSON"):
        CODEC.to_upstream(call_from(b'{"model":"a","tools":'), ENDPOINT, TARGET)


def test_custom_calls_are_refused() -> None:
    """Calls of tools with free-form input cannot be told."""
    custom = {"id": "a", "type": "custom", "custom": {"name": "shell", "input": "ls"}}
    with pytest.raises(UnsupportedCapability, match="free-form"):
        sent(call_of(HELLO, {"role": "assistant", "content": None, "tool_calls": [custom]}))


def test_limits_are_read() -> None:
    """The limits of requests and tokens a minute are read from their headers."""
    headers = {
        "x-ratelimit-limit-req-minute": "60",
        "x-ratelimit-remaining-req-minute": "59",
        "x-ratelimit-limit-tokens-minute": "50000",
        "x-ratelimit-remaining-tokens-minute": "49000",
    }
    limits = read_rate_limits(headers, SPEC.rate_limits, 0)
    assert limits.requests is not None
    assert limits.tokens is not None
    assert (limits.requests.limit, limits.requests.remaining) == (60, 59)
    assert (limits.tokens.limit, limits.tokens.remaining) == (50000, 49000)


@pytest.mark.parametrize(("members", "is_held"), [({}, False), ({"tools": []}, True)])
def test_a_plain_stream_is_not_held(members: Json, *, is_held: bool) -> None:
    """What was said is needed for references to results of tools alone."""
    decoder = CODEC.decoder(call_of(HELLO, **members), ENDPOINT)
    delta = {"index": 0, "delta": {"content": "x" * 10_000}, "finish_reason": None}
    event = b"data: %b\n\n" % orjson.dumps({"id": "1", "choices": [delta]})
    tracemalloc.start()
    try:
        for _ in range(100):
            # Bytes of its own, as those of a socket are.
            decoder.feed(bytes(bytearray(event)))
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (held > 100 * 10_000) == is_held
