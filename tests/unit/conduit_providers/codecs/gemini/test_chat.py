"""What the wire cases cannot show of Gemini's dialect: chance, size, and several turns."""

import orjson
import pytest
from tests.support.broken_bytes import check_garbled
from tests.support.wire_cases import cases

from conduit.v1.chat_json import chat_completion_to_json
from conduit.v1.provider_pb2 import Provider
from conduit_kernel.errors import StreamInterrupted, UpstreamError
from conduit_providers.catalog import load_catalog
from conduit_providers.codec import MAX_EVENT_BYTES
from conduit_providers.codecs import codec_named
from conduit_providers.operations.chat import ChatCall, chat_request
from conduit_providers.target import Target
from conduit_providers.wire import HttpResponse

SPEC = load_catalog().find("Gemini")
ENDPOINT = SPEC.endpoints["chat"]
CODEC = codec_named(ENDPOINT.codec)
TARGET = load_catalog().target(Provider(name="P", provider_type="Gemini"))
STREAMS = cases("Gemini/chat/stream*")
Json = dict[str, object]
# What a stream with broken bytes may fail with.
REASONS = frozenset(
    {
        "PROVIDER_ERROR",
        "PROVIDER_RATE_LIMITED",
        "PROVIDER_REFUSED",
        "CONTENT_POLICY",
        "STREAM_INTERRUPTED",
    }
)
HELLO: Json = {"role": "user", "content": "Hello!"}


def call_of(messages: list[Json], *, n: int = 1, stream: bool = True) -> ChatCall:
    """Return a call."""
    raw = orjson.dumps({"model": "a", "messages": messages, "n": n})
    form = chat_request(json=raw)
    return ChatCall(form, alias="a", model="gemini-3.5-flash", stream=stream, provider="P")


def decoded(pieces: list[bytes]) -> bytes:
    """Return what a stream in pieces says."""
    decoder = CODEC.decoder(call_of([HELLO]), ENDPOINT)
    found = [decoder.feed(piece) for piece in pieces]
    found.append(decoder.close())
    return b"".join(events.sse for events in found if events)


@pytest.mark.parametrize("seed", range(20))
def test_broken_streams_raise_and_nothing_else(seed: int) -> None:
    """Whatever happens to the bytes, a decoder gives events or an UpstreamError, never a crash."""
    check_garbled(decoded, (case.received.body for case in STREAMS), seed, REASONS)


@pytest.mark.parametrize("text", ["x" * 1_000_000, "é\u2028\u0085" * 10_000])
def test_large_event_is_read_whole(text: str) -> None:
    """A picture or a long answer comes in one event; odd line ends inside do not cut it."""
    event = orjson.dumps(
        {"candidates": [{"content": {"parts": [{"text": text}]}, "finishReason": "STOP"}]}
    )
    body = b"data: " + event + b"\n\n"
    said = decoded([body[i : i + 65536] for i in range(0, len(body), 65536)])
    assert orjson.dumps(text) in said


def test_endless_event_is_garbage() -> None:
    """Memory stays bounded when an event never ends."""
    decoder = CODEC.decoder(call_of([HELLO]), ENDPOINT)
    piece = b"data: " + b"x" * 1_000_000
    for _ in range(MAX_EVENT_BYTES // len(piece)):
        assert decoder.feed(piece) is None
    with pytest.raises(UpstreamError, match="makes no sense"):
        decoder.feed(piece)


def test_endless_choices_are_garbage() -> None:
    """A stream cannot make us keep more choices than anybody asks for."""
    decoder = CODEC.decoder(call_of([HELLO]), ENDPOINT)
    events = [b'data: {"candidates":[{"index":%d}]}\n\n' % i for i in range(1000)]
    decoder.feed(b"".join(events))
    with pytest.raises(UpstreamError, match="more answers"):
        decoder.close()


def test_stream_waits_for_all_answers() -> None:
    """With n = 2, one finished answer is not the end."""
    first = b'data: {"candidates":[{"index":0,"finishReason":"STOP"}]}\n\n'
    second = b'data: {"candidates":[{"index":1,"finishReason":"STOP"}]}\n\n'
    decoder = CODEC.decoder(call_of([HELLO], n=2), ENDPOINT)
    decoder.feed(first)
    with pytest.raises(StreamInterrupted):
        decoder.close()
    decoder.feed(second)
    assert decoder.close() is not None
    assert decoder.done


def test_repeated_finish_reasons_finish_once() -> None:
    """Older models say STOP in every event; callers hear it at the end."""
    event = b'data: {"candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":"STOP"}]}\n\n'
    said = decoded([event, event])
    assert said.count(b'"finish_reason":"stop"') == 1
    assert said.rfind(b'"content":"a"') < said.find(b'"finish_reason":"stop"')


def test_answer_goes_back_as_it_came() -> None:
    """Thoughts, words, calls and their signatures of an answer are the next request's turn."""
    parts = [
        {"text": "Let me see.", "thought": True},
        {"text": "I will look.", "thoughtSignature": "c2VhbDE="},
        {"functionCall": {"name": "f", "args": {"a": 1}, "id": "c1"}, "thoughtSignature": "czI="},
        {"functionCall": {"name": "f", "args": {"a": 2}, "id": "c2"}},
    ]
    answer = {"candidates": [{"content": {"parts": parts}, "finishReason": "STOP"}]}
    response = HttpResponse(200, {}, orjson.dumps(answer))
    read = CODEC.from_upstream(response, call_of([HELLO], stream=False), ENDPOINT)
    said = orjson.loads(orjson.dumps(chat_completion_to_json(read.typed)))
    message = said["choices"][0]["message"]
    assert contents_of([HELLO, message])[1] == {"role": "model", "parts": parts}


def test_calls_without_ids_go_back_without_ids() -> None:
    """The ids that we give to calls stay between us and the caller."""
    parts = [{"functionCall": {"name": "f", "args": {}}}]
    answer = {"candidates": [{"content": {"parts": parts}, "finishReason": "STOP"}]}
    response = HttpResponse(200, {}, orjson.dumps(answer))
    read = CODEC.from_upstream(response, call_of([HELLO], stream=False), ENDPOINT)
    message = orjson.loads(read.json)["choices"][0]["message"]
    result = {"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": "1"}
    called, resulted = contents_of([HELLO, message, result])[1:]
    assert called["parts"][0]["functionCall"] == {"name": "f", "args": {}}
    assert resulted["parts"][0]["functionResponse"] == {"name": "f", "response": {"output": "1"}}


def contents_of(messages: list[Json]) -> list[dict[str, list[Json]]]:
    """Return the turns that the provider gets."""
    sent = CODEC.to_upstream(call_of(messages), ENDPOINT, TARGET)
    return list(orjson.loads(sent.body)["contents"])


def test_key_is_never_in_the_url() -> None:
    """The path has the model and the verb, and no key."""
    assert isinstance(TARGET, Target)
    sent = CODEC.to_upstream(call_of([HELLO]), ENDPOINT, TARGET)
    assert sent.path == "/v1/models/gemini-3.5-flash:streamGenerateContent?alt=sse"
