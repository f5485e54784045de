"""The events of Cohere's streams: what they add, in whatever order they come."""

from typing import Any

import orjson
import pytest

from conduit.v1.chat_chunk_pb2 import ChatDelta
from conduit_kernel.errors import StreamInterrupted, UpstreamError
from conduit_providers.calls import Call
from conduit_providers.codecs.cohere.stream import MAX_PARTS, CohereChatDecoder
from conduit_providers.operations.chat import chat_request
from conduit_providers.quantities import plain

Json = dict[str, Any]
START: Json = {"type": "message-start", "id": "c1", "delta": {"message": {"content": []}}}
END: Json = {
    "type": "message-end",
    "delta": {
        "finish_reason": "COMPLETE",
        "usage": {"billed_units": {"input_tokens": 3.0, "output_tokens": 2.0}},
    },
}


def decoder() -> CohereChatDecoder:
    """Return a fresh decoder of a call that asks for the counts."""
    raw = chat_request(json=b'{"model":"a","messages":[]}')
    return CohereChatDecoder(
        Call(raw, alias="a", model="m", stream=True, include_usage=True, provider="Lumen")
    )


def sse(*events: Json) -> bytes:
    """Return the bytes of events."""
    return b"".join(b"data: %b\n\n" % orjson.dumps(event) for event in events)


def event(kind: str, index: int = 0, **message: object) -> Json:
    """Return an event about the message."""
    return {"type": kind, "index": index, "delta": {"message": message}}


def called(kind: str, index: int, **function: object) -> Json:
    """Return an event about a call."""
    return event(kind, index, tool_calls={"id": f"t{index}", "function": function})


def deltas(*events: Json) -> list[ChatDelta]:
    """Return what events add, behind the head."""
    reader = decoder()
    reader.feed(sse(START))
    found = reader.feed(sse(*events))
    return [c.delta for chunk in found.chunks for c in chunk.choices] if found else []


def test_a_stream_has_a_head_words_a_reason_and_counts() -> None:
    """The word behind the end is none."""
    reader = decoder()
    words = event("content-delta", content={"text": "Hi"})
    found = reader.feed(sse(START, words, END) + b"data: [DONE]\n\n")
    assert found is not None
    assert {chunk.id for chunk in found.chunks} == {"c1"}
    assert [c.delta.content for chunk in found.chunks for c in chunk.choices] == ["", "Hi", ""]
    assert found.chunks[-1].usage.total_tokens == 5
    assert (reader.done, reader.usage) == (True, plain(3, 2))


def test_calls_have_arguments_whichever_way_they_come() -> None:
    """In the beginning, in pieces, or not at all."""
    found = deltas(
        called("tool-call-start", 0, name="f", arguments=""),
        called("tool-call-delta", 0, arguments='{"a":1}'),
        called("tool-call-end", 0),
        called("tool-call-start", 1, name="g", arguments='{"b":2}'),
        called("tool-call-end", 1),
        called("tool-call-start", 7, name="h"),
        called("tool-call-end", 7),
        called("tool-call-delta", 9, arguments="lost"),
    )
    told: dict[int, str] = {}
    for delta in found:
        for call in delta.tool_calls:
            told[call.index] = told.get(call.index, "") + call.function.arguments
    assert told == {0: '{"a":1}', 1: '{"b":2}', 2: "{}"}


def test_plans_and_thoughts_have_their_places() -> None:
    """A plan is told by its id."""
    found = deltas(
        event("tool-plan-delta", tool_plan="I look"),
        event("content-start", 1, content={"type": "thinking", "thinking": "Hm"}),
        event("content-delta", 1, content={"thinking": "mm"}),
        event("tool-plan-delta", tool_plan=" again"),
        event("tool-plan-delta", tool_plan=""),
    )
    details = [(d.text, d.id, d.index) for delta in found for d in delta.reasoning_details]
    assert details == [
        ("I look", "tool_plan", 0),
        ("Hm", "", 1),
        ("mm", "", 1),
        (" again", "tool_plan", 0),
    ]


def test_citations_and_probabilities_go_with_the_words() -> None:
    """A citation without a source says nothing; others are numbered, as accumulators demand."""
    cited = {"start": 0, "end": 2, "sources": [{"type": "document", "id": "d"}] * 2}
    found = deltas(
        event("citation-start", citations=cited),
        event("citation-start", citations={"start": 0}),
        event("citation-start", citations=cited),
    )
    told = [each for delta in found for each in orjson.loads(delta.annotations_json)]
    assert [each["index"] for each in told] == [0, 1, 2, 3]
    assert {each["source"]["id"] for each in told} == {"d"}
    reader = decoder()
    words = event("content-delta", content={"text": "Hi"})
    events = reader.feed(sse(words | {"logprobs": {"text": "Hi", "logprobs": [-0.5]}}))
    assert events is not None
    told = orjson.loads(events.chunks[0].choices[0].logprobs_json)
    assert told["content"][0]["logprob"] == -0.5


@pytest.mark.parametrize(
    "odd",
    [
        {"type": "of-a-later-version"},
        {"type": "content-delta"},
        {"type": "content-end", "index": 0},
        event("content-start", content=[]),
        event("content-delta", content={"type": "text", "text": ""}),
        event("tool-call-delta", tool_calls=[]),
        {"type": ""},
    ],
)
def test_events_that_say_nothing_are_passed_over(odd: Json) -> None:
    """They may say something in a later version."""
    assert deltas(odd) == []


@pytest.mark.parametrize(
    "odd", [b"nonsense", b"7", b'{"type":7}', b'{"type":"tool-call-start"}',
            b'{"type":"message-end","delta":{}}']
)  # fmt: skip
def test_events_that_make_no_sense_are_the_providers_error(odd: bytes) -> None:
    """Also a call of nothing, and an end without a reason."""
    with pytest.raises(UpstreamError) as raised:
        decoder().feed(b"data: %b\n\n" % odd)
    assert raised.value.metadata["kind"] == "malformed"


def test_a_failure_in_the_stream_ends_it() -> None:
    """It has no type, but a message; or it is the reason."""
    for failure in (
        {"message": "It broke."},
        {"type": "message-end", "delta": {"finish_reason": "ERROR", "error": "It broke."}},
    ):
        reader = decoder()
        reader.feed(sse(START))
        with pytest.raises(UpstreamError, match="It broke"):
            reader.feed(sse(failure))


def test_a_stream_without_its_end_is_cut_off() -> None:
    """Whatever it said."""
    reader = decoder()
    reader.feed(sse(START, event("content-delta", content={"text": "Hi"})))
    with pytest.raises(StreamInterrupted):
        reader.close()


def test_parts_are_bounded() -> None:
    """No stream makes us keep more than anybody sends."""
    reader = decoder()
    for index in range(MAX_PARTS + 1):
        reader.feed(sse(called("tool-call-start", index, name="f")))
    with pytest.raises(UpstreamError, match="more parts"):
        reader.close()
