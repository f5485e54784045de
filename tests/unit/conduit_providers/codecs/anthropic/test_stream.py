"""The events of Anthropic's streams: what they add, in whatever order they come."""

from collections.abc import Iterable
from typing import Any

import orjson
import pytest

from conduit.v1.chat_chunk_pb2 import ChatDelta
from conduit.v1.chat_pb2 import FINISH_REASON_STOP
from conduit_kernel.errors import StreamInterrupted, UpstreamError
from conduit_providers.calls import Call
from conduit_providers.codecs.anthropic.stream import AnthropicChatDecoder
from conduit_providers.operations.chat import chat_request
from conduit_providers.quantities import INPUT, OUTPUT, counted

Json = dict[str, Any]
START: Json = {
    "type": "message_start",
    "message": {"id": "msg_1", "model": "claude", "usage": {"input_tokens": 3}},
}
FINISH: Json = {
    "type": "message_delta",
    "delta": {"stop_reason": "end_turn"},
    "usage": {"output_tokens": 2},
}
STOP: Json = {"type": "message_stop"}


def decoder() -> AnthropicChatDecoder:
    """Return a fresh decoder of a call that asks for the counts."""
    raw = chat_request(json=b'{"model":"a","messages":[]}')
    return AnthropicChatDecoder(
        Call(raw, alias="a", model="m", stream=True, include_usage=True, provider="Lumen")
    )


def sse(*events: Json) -> bytes:
    """Return the bytes of events."""
    return b"".join(b"data: %b\n\n" % orjson.dumps(event) for event in events)


def begun(index: int, kind: str, **members: object) -> Json:
    """Return the beginning of a block."""
    block = {"type": kind, **members}
    return {"type": "content_block_start", "index": index, "content_block": block}


def added(index: int, kind: str, **members: object) -> Json:
    """Return more of a block."""
    delta = {"type": kind, **members}
    return {"type": "content_block_delta", "index": index, "delta": delta}


def ended(index: int) -> Json:
    """Return the end of a block."""
    return {"type": "content_block_stop", "index": index}


def deltas(*events: Json) -> list[ChatDelta]:
    """Return what events add, behind the head."""
    reader = decoder()
    reader.feed(sse(START))
    found = reader.feed(sse(*events))
    return [c.delta for chunk in found.chunks for c in chunk.choices] if found else []


def test_a_stream_has_a_head_words_a_reason_and_counts() -> None:
    """Counts are cumulative."""
    reader = decoder()
    words = added(0, "text_delta", text="Hi")
    events = reader.feed(sse(START, begun(0, "text", text=""), words, ended(0), FINISH, STOP))
    assert events is not None
    assert {(chunk.id, chunk.model) for chunk in events.chunks} == {("msg_1", "claude")}
    assert [c.delta.content for chunk in events.chunks for c in chunk.choices] == ["", "Hi", ""]
    assert events.chunks[-2].choices[0].finish_reason == FINISH_REASON_STOP
    assert events.chunks[-1].usage.total_tokens == 5
    assert reader.done
    assert reader.usage == counted(((INPUT, 3), (OUTPUT, 2)))


def test_arguments_come_in_pieces_or_with_the_call() -> None:
    """A call without any has an empty object; places run on."""
    found = deltas(
        begun(1, "tool_use", id="c", name="f", input={}),
        added(1, "input_json_delta", partial_json=""),
        added(1, "input_json_delta", partial_json='{"a":'),
        added(1, "input_json_delta", partial_json="1}"),
        ended(1),
        begun(2, "tool_use", id="d", name="g", input={}),
        ended(2),
        begun(5, "tool_use", id="e", name="h", input={"b": 2}),
        ended(5),
    )
    calls = [call for delta in found for call in delta.tool_calls]
    told: dict[int, str] = {}
    for call in calls:
        told[call.index] = told.get(call.index, "") + call.function.arguments
    assert told == {0: '{"a":1}', 1: "{}", 2: '{"b":2}'}
    assert [(call.id, call.function.name) for call in calls if call.id] == [
        ("c", "f"),
        ("d", "g"),
        ("e", "h"),
    ]


def test_thoughts_have_their_places_and_signatures() -> None:
    """Sealed ones, too, and those of which the beginning was lost."""
    found = deltas(
        begun(0, "thinking", thinking="", signature=""),
        added(0, "thinking_delta", thinking="Hm"),
        added(0, "signature_delta", signature="s"),
        ended(0),
        begun(1, "redacted_thinking", data="d"),
        added(7, "thinking_delta", thinking="late"),
    )
    details = [detail for delta in found for detail in delta.reasoning_details]
    assert [(d.type, d.index, d.text, d.signature, d.data) for d in details] == [
        ("reasoning.text", 0, "Hm", "", ""),
        ("reasoning.text", 0, "", "s", ""),
        ("reasoning.encrypted", 1, "", "", "d"),
        ("reasoning.text", 2, "late", "", ""),
    ]
    assert [delta.reasoning_content for delta in found] == ["Hm", "", "", "late"]


@pytest.mark.parametrize(
    "event",
    [
        {"type": "ping"},
        {"type": "of_a_later_version", "index": 7},
        {"type": "content_block_delta", "index": 0},
        {"type": "content_block_start", "index": 0},
        added(9, "input_json_delta", partial_json="{}"),
        added(9, "citations_delta"),
        added(9, "of_a_later_version"),
        ended(9),
        {"type": "message_delta", "delta": {}},
    ],
)
def test_events_that_say_nothing_are_passed_over(event: Json) -> None:
    """As the API asks of its clients."""
    assert deltas(event) == []


@pytest.mark.parametrize(
    "event",
    [b"nonsense", b"7", b"{}", b'{"type":"content_block_delta","index":"x"}',
     b'{"type":"content_block_stop","index":1.5}'],
)  # fmt: skip
def test_what_is_no_event_makes_no_sense(event: bytes) -> None:
    """At the beginning another candidate is asked; later one event is left out."""
    with pytest.raises(UpstreamError) as raised:
        decoder().feed(b"data: %b\n\n" % event)
    assert raised.value.metadata["kind"] == "malformed"
    reader = decoder()
    reader.feed(sse(START))
    assert reader.feed(b"data: %b\n\n" % event) is None
    assert reader.skipped == 1


def test_an_error_ends_the_stream_by_its_class() -> None:
    """What was said before comes first."""
    reader = decoder()
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    assert reader.feed(sse(START, error)) is not None
    with pytest.raises(UpstreamError, match="Overloaded"):
        reader.feed(b"")


@pytest.mark.parametrize(
    ("events", "is_whole"),
    [
        ([START], False),
        ([START, begun(0, "text", text="Hi")], False),
        ([START, begun(0, "text", text="Hi"), STOP], False),
        ([START, FINISH], True),
    ],
)
def test_a_stream_is_whole_once_it_said_why_it_ended(
    events: Iterable[Json], *, is_whole: bool
) -> None:
    """The last event may be lost; alone, it does not say why."""
    reader = decoder()
    reader.feed(sse(*events))
    if is_whole:
        found = reader.close()
        assert found is not None
        assert found.chunks[-1].usage.completion_tokens == 2
    else:
        with pytest.raises(StreamInterrupted):
            reader.close()
