"""What the wire cases cannot show of Cohere's dialect: chance, size, and several turns."""

import orjson
import pytest
from tests.support.broken_bytes import check_garbled
from tests.support.wire_cases import cases

from conduit.v1.provider_pb2 import Provider
from conduit_kernel.errors import InvalidRequest, UpstreamError
from conduit_providers.catalog import load_catalog
from conduit_providers.codec import MAX_EVENT_BYTES
from conduit_providers.codecs import codec_named
from conduit_providers.operations.chat import ChatCall, chat_request
from conduit_providers.rate_limits import read_rate_limits
from conduit_providers.wire import HttpResponse

SPEC = load_catalog().find("Cohere")
ENDPOINT = SPEC.endpoints["chat"]
CODEC = codec_named(ENDPOINT.codec)
TARGET = load_catalog().target(Provider(name="P", provider_type="Cohere"))
STREAMS = cases("Cohere/chat/stream*")
Json = dict[str, object]
# What a stream with broken bytes may fail with.
REASONS = frozenset({"PROVIDER_ERROR", "PROVIDER_TIMEOUT", "STREAM_INTERRUPTED"})
HELLO: Json = {"role": "user", "content": "Hello!"}
END = b'data: {"type":"message-end","delta":{"finish_reason":"COMPLETE"}}\n\n'


def call_of(*messages: Json, **more: object) -> ChatCall:
    """Return a call."""
    form = chat_request(json=orjson.dumps({"model": "a", "messages": list(messages), **more}))
    return ChatCall(form, alias="a", model="command-a-03-2025", provider="P")


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


def delta(text: str) -> bytes:
    """Return an event with more text."""
    content = {"message": {"content": {"text": text}}}
    return b"data: %b\n\n" % orjson.dumps({"type": "content-delta", "index": 0, "delta": content})


@pytest.mark.parametrize("text", ["x" * 1_000_000, "é\u2028\u0085" * 10_000])
def test_large_event_is_read_whole(text: str) -> None:
    """A long answer may come in one event; odd line ends inside do not cut it."""
    body = delta(text) + END
    said = decoded([body[i : i + 65536] for i in range(0, len(body), 65536)])
    first = orjson.loads(said.partition(b"\n\n")[0].removeprefix(b"data: "))
    assert first["choices"][0]["delta"]["content"] == text


def test_endless_event_is_refused() -> None:
    """An event that never ends is given up at the limit, so memory stays bounded."""
    decoder = CODEC.decoder(call_of(HELLO), ENDPOINT)
    piece = b"data: " + b"x" * 1_000_000
    for _ in range(MAX_EVENT_BYTES // len(piece)):
        assert decoder.feed(piece) is None
    with pytest.raises(UpstreamError, match="more than"):
        decoder.feed(piece)


def test_endless_calls_are_garbage() -> None:
    """A stream cannot make us keep more calls than anybody makes."""
    decoder = CODEC.decoder(call_of(HELLO), ENDPOINT)
    called = {"message": {"tool_calls": {"id": "a", "function": {"name": "f"}}}}
    events = [{"type": "tool-call-start", "index": i, "delta": called} for i in range(2000)]
    decoder.feed(b"".join(b"data: %b\n\n" % orjson.dumps(event) for event in events))
    with pytest.raises(UpstreamError, match="more parts"):
        decoder.close()


def test_thoughts_and_plans_go_back_as_they_came() -> None:
    """The turn that the caller got, sent back, is the turn that Cohere wrote."""
    wrote: Json = {
        "role": "assistant",
        "content": [{"type": "thinking", "thinking": "Hm."}],
        "tool_plan": "I look.",
        "tool_calls": [
            {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}}
        ],
    }
    body = orjson.dumps({"id": "1", "finish_reason": "TOOL_CALL", "message": wrote})
    answer = CODEC.from_upstream(HttpResponse(200, {}, body), call_of(HELLO), ENDPOINT)
    message = orjson.loads(answer.json)["choices"][0]["message"]
    result: Json = {"role": "tool", "tool_call_id": "a", "content": "2"}
    assert sent(call_of(HELLO, message, result))["messages"] == [
        HELLO,
        wrote,
        {"role": "tool", "tool_call_id": "a", "content": "2"},
    ]


def test_streamed_plan_is_put_together_by_the_caller() -> None:
    """Pieces of a plan, strung together by the caller, go back as one plan."""
    piece: Json = {"type": "reasoning.text", "id": "tool_plan", "format": "cohere-v1", "index": 0}
    turn: Json = {
        "role": "assistant",
        "content": "Ok.",
        "reasoning_details": [piece | {"text": "I "}, piece | {"text": "look."}],
    }
    found = sent(call_of(HELLO, turn))["messages"]
    assert found == [HELLO, {"role": "assistant", "content": "Ok.", "tool_plan": "I look."}]


def test_conversation_without_turns_is_refused() -> None:
    """Instructions alone are no conversation."""
    with pytest.raises(InvalidRequest, match="at least one turn"):
        sent(call_of({"role": "system", "content": "Be brief."}))


@pytest.mark.parametrize(
    ("effort", "budget"), [("minimal", 100), ("low", 200), ("medium", 500), ("xhigh", None)]
)
def test_effort_is_a_share_of_the_limit(effort: str, budget: int | None) -> None:
    """Efforts below `high` are budgets by the request's own limit; harder ones have none."""
    thinking = sent(call_of(HELLO, reasoning_effort=effort, max_tokens=1000))["thinking"]
    assert thinking == {"type": "enabled"} | ({"token_budget": budget} if budget else {})


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b'{"id":"1"}', b'{"message":{"content":[]}}', b'{"message":3,"finish_reason":""}'],
)
def test_answers_that_make_no_sense_are_refused(body: bytes) -> None:
    """An answer without a message or a reason is garbage, not an empty answer."""
    with pytest.raises(UpstreamError, match="makes no sense"):
        CODEC.from_upstream(HttpResponse(200, {}, body), call_of(HELLO), ENDPOINT)


def test_stream_that_ends_without_a_reason_is_refused() -> None:
    """The last event must say why the model stopped."""
    with pytest.raises(UpstreamError, match="without a reason"):
        decoded([b'data: {"type":"message-end","delta":{}}\n\n'])


def test_unknown_reason_is_told_beside_openais() -> None:
    """A reason of a later version is not lost, and no SDK refuses it."""
    said = decoded([END.replace(b"COMPLETE", b"NEW_REASON")])
    choice = orjson.loads(said.removeprefix(b"data: "))["choices"][0]
    assert choice["finish_reason"] == "stop"
    assert choice["native_finish_reason"] == "NEW_REASON"


def test_trial_keys_tell_their_limit() -> None:
    """The limit of a trial key is read from its headers."""
    headers = {"x-trial-endpoint-call-limit": "20", "x-trial-endpoint-call-remaining": "19"}
    limits = read_rate_limits(headers, SPEC.rate_limits, 0)
    assert limits.requests is not None
    assert (limits.requests.limit, limits.requests.remaining) == (20, 19)
