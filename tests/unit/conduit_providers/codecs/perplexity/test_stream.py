"""The events of Perplexity's streams: what they add, in whatever order they come."""

from typing import Any

import orjson
import pytest

from conduit_kernel.errors import StreamInterrupted, UpstreamError
from conduit_providers.calls import Call
from conduit_providers.chat_events import ChatEvents
from conduit_providers.codecs.perplexity.stream import MAX_CALLS, PerplexityChatDecoder
from conduit_providers.operations.chat import chat_request
from conduit_providers.quantities import plain

Json = dict[str, Any]
CREATED: Json = {"type": "response.created", "response": {"id": "r1", "model": "perplexity/sonar"}}
HELLO: Json = {"type": "message", "content": [{"type": "output_text", "text": "Hello"}]}


def decoder() -> PerplexityChatDecoder:
    """Return a fresh decoder of a call that asks for the counts."""
    raw = chat_request(json=b'{"model":"a","messages":[]}')
    return PerplexityChatDecoder(
        Call(raw, alias="a", model="m", stream=True, include_usage=True, provider="Lumen")
    )


def sse(*events: Json) -> bytes:
    """Return the bytes of events."""
    return b"".join(b"data: %b\n\n" % orjson.dumps(event) for event in events)


def said(text: str) -> Json:
    """Return an event with more words."""
    return {"type": "response.output_text.delta", "delta": text}


def call(number: int) -> Json:
    """Return an item that calls a tool."""
    return {"type": "function_call", "call_id": f"c{number}", "name": "f", "arguments": ""}


def ended(*items: Json) -> Json:
    """Return the event with the whole answer."""
    usage = {"input_tokens": 3, "output_tokens": 2}
    reply = {"id": "r1", "status": "completed", "output": list(items), "usage": usage}
    return {"type": "response.completed", "response": reply}


def words(found: ChatEvents | None) -> str:
    """Return the text of chunks."""
    assert found is not None
    return "".join(c.delta.content for chunk in found.chunks for c in chunk.choices)


@pytest.mark.parametrize(
    "events",
    [(CREATED, said("Hel"), said("lo"), ended(HELLO)), (ended(HELLO),), (said("Hello"), ended())],
)
def test_words_come_once(events: tuple[Json, ...]) -> None:
    """In pieces, or with the end alone; what has come is not told again."""
    reader = decoder()
    found = reader.feed(sse(*events) + b"data: [DONE]\n\n")
    assert words(found) == "Hello"
    assert (reader.done, reader.usage) == (True, plain(3, 2))
    assert found is not None
    assert found.chunks[-1].usage.total_tokens == 5


def test_calls_are_told_once_and_are_the_reason_to_stop() -> None:
    """As soon as they are whole, or with the end."""
    done = {"type": "response.output_item.done", "item": call(1)}
    found = decoder().feed(sse(CREATED, done, ended(call(1), call(2))))
    assert found is not None
    pieces = [c for chunk in found.documents for c in chunk["choices"]]
    made = [each for piece in pieces for each in piece["delta"].get("tool_calls") or ()]
    assert [(each["index"], each["id"]) for each in made] == [(0, "c1"), (1, "c2")]
    assert all(each["function"]["arguments"] == "{}" for each in made)
    assert pieces[-1]["finish_reason"] == "tool_calls"


def test_numbers_of_more_than_64_bits_pass() -> None:
    """In what is found they are the pages' own."""
    page = b'{"type":"search_results","results":[{"url":"https://a","id":%d}]}' % 2**70
    body = sse(ended()).replace(b'"output":[]', b'"output":[%b]' % page)
    found = decoder().feed(body)
    assert found is not None
    assert b"%d" % 2**70 in found.chunks[-2].unknown_json


def test_more_calls_than_make_sense_are_no_answer() -> None:
    """Whatever they are called."""
    reader = decoder()
    reader.feed(sse(ended(*map(call, range(MAX_CALLS + 1)))))
    with pytest.raises(UpstreamError, match="more calls than make sense"):
        reader.close()


@pytest.mark.parametrize(
    "event",
    [
        {"type": "response.failed", "error": {"message": "overloaded"}},
        {"type": "error", "error": {"message": "overloaded"}},
        {"type": "response.completed"},
        {"type": "response.completed", "response": {"status": "queued"}},
        {"type": "response.completed", "response": {"output": 5}},
    ],
)
def test_what_is_no_good_end_is_an_error(event: Json) -> None:
    """Nobody takes it for a whole answer."""
    with pytest.raises(UpstreamError):
        decoder().feed(sse(event))


def test_a_stream_without_an_end_is_cut() -> None:
    """However much of it came."""
    reader = decoder()
    reader.feed(sse(CREATED, said("Hel")))
    with pytest.raises(StreamInterrupted):
        reader.close()
