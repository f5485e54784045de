"""Chunks of chats as events of messages."""

from typing import Any

import orjson
from tests.support.message_replays import accumulated

from conduit_providers.inbound.message_stream import MessageStreamWriter
from conduit_providers.inbound.sealed_thoughts import opened
from conduit_providers.inbound.tool_names import ToolNames

Json = dict[str, Any]


def told(*deltas: Json, finish: str = "stop") -> tuple[Json, list[Json]]:
    """Return the message that pieces make, and its events; each piece comes alone."""
    writer = MessageStreamWriter(ToolNames([]), {"input_tokens": 3, "output_tokens": 0})
    events: list[Json] = []
    for delta in deltas:
        events += writer.events_of([{"id": "c", "choices": [{"index": 0, "delta": delta}]}])
    events += writer.events_of([{"choices": [{"delta": {}, "finish_reason": finish}]}])
    events += writer.end({"input_tokens": 3, "output_tokens": 5})
    return accumulated(orjson.loads(orjson.dumps(events))), events


def call(index: int, arguments: str, name: str = "") -> Json:
    """Return a piece of a call."""
    first = {"id": f"t{index}", "type": "function"} if name else {}
    function = {"arguments": arguments} | ({"name": name} if name else {})
    return {"tool_calls": [{"index": index, **first, "function": function}]}


def test_an_empty_answer_is_whole() -> None:
    """It begins, says why it stopped, and ends."""
    message, events = told()
    assert [e["type"] for e in events] == ["message_start", "message_delta", "message_stop"]
    assert (message["content"], message["stop_reason"]) == ([], "end_turn")
    assert message["usage"] == {"input_tokens": 3, "output_tokens": 5}


def test_thoughts_words_and_calls_are_blocks_in_order() -> None:
    """A thought that something follows is signed with what its provider wants back."""
    details = [{"type": "reasoning.encrypted", "data": "d", "index": 0}]
    message, _ = told(
        {"role": "assistant", "reasoning_content": "h"},
        {"reasoning_content": "m", "reasoning_details": details},
        {"content": "So"},
        call(0, '{"a"', "f"),
        call(0, ":1}"),
        finish="tool_calls",
    )
    thought, text, use = message["content"]
    assert (thought["thinking"], text["text"]) == ("hm", "So")
    assert opened(thought["signature"]) == {"details": details}
    assert (use["name"], use["id"], use["input"]) == ("f", "t0", {"a": 1})
    assert message["stop_reason"] == "tool_use"


def test_calls_that_come_at_once_are_told_one_after_the_other() -> None:
    """Whose arguments are mixed: none is lost, none is in another's block."""
    message, _ = told(
        call(0, '{"a":', "f"),
        call(1, '{"b":', "g"),
        call(0, "1}"),
        {"content": "meanwhile"},
        call(1, "2}"),
    )
    uses = [block for block in message["content"] if block["type"] == "tool_use"]
    assert [(use["name"], use["input"]) for use in uses] == [("f", {"a": 1}), ("g", {"b": 2})]
    assert [b["text"] for b in message["content"] if b["type"] == "text"] == ["meanwhile"]


def test_a_call_is_told_while_it_comes() -> None:
    """The first one at once; a whole one makes room for the next."""
    writer = MessageStreamWriter(ToolNames([]), {})
    first = writer.events_of([{"choices": [{"delta": call(0, '{"a":', "f")}]}])
    assert first[-1]["delta"] == {"type": "input_json_delta", "partial_json": '{"a":'}
    writer.events_of([{"choices": [{"delta": call(0, "1}")}]}])
    second = writer.events_of([{"choices": [{"delta": call(1, "{", "g")}]}])
    assert [event["type"] for event in second] == [
        "content_block_stop",
        "content_block_start",
        "content_block_delta",
    ]


def test_a_call_begins_once_its_tool_is_known() -> None:
    """Some servers begin with the id alone; clients take the name of the beginning."""
    message, _ = told(
        {"tool_calls": [{"index": 0, "id": "t0", "type": "function", "function": {}}]},
        {"tool_calls": [{"index": 0, "function": {"name": "f"}}]},
        call(0, '{"a":1}'),
        finish="tool_calls",
    )
    (use,) = message["content"]
    assert (use["id"], use["name"], use["input"]) == ("t0", "f", {"a": 1})


def test_a_call_of_no_tool_is_told_at_the_end() -> None:
    """It is the model's slip, and no reason to lose what follows."""
    message, _ = told(call(0, "{}"), {"content": "So"})
    assert [block["type"] for block in message["content"]] == ["tool_use", "text"]


def test_what_belongs_to_a_call_comes_before_it() -> None:
    """As a thought that clients hand back unread."""
    piece = call(0, "{}", "f")
    piece["tool_calls"][0]["extra_content"] = {"google": {"thought_signature": "s"}}
    message, _ = told(piece)
    sealed_block, use = message["content"]
    calls = {"t0": {"extra_content": {"google": {"thought_signature": "s"}}}}
    assert opened(sealed_block["data"]) == {"calls": calls}
    assert use["id"] == "t0"


def test_thoughts_of_anthropics_own_keep_their_signatures() -> None:
    """Each its own block."""
    form: Json = {"type": "reasoning.text", "format": "anthropic-claude-v1"}
    message, _ = told(
        {"reasoning_content": "a", "reasoning_details": [{**form, "text": "a", "index": 0}]},
        {"reasoning_details": [{**form, "signature": "EqQB", "index": 0}]},
        {"reasoning_content": "b", "reasoning_details": [{**form, "text": "b", "index": 1}]},
        {"reasoning_details": [{**form, "signature": "EqQC", "index": 1}]},
        {"content": "So"},
    )
    thoughts = [(b["thinking"], b["signature"]) for b in message["content"][:2]]
    assert thoughts == [("a", "EqQB"), ("b", "EqQC")]


def test_arguments_that_never_become_whole_end_with_the_answer() -> None:
    """A limit cuts them, as it does Anthropic's own; what waited behind them is told."""
    writer = MessageStreamWriter(ToolNames([]), {})
    writer.events_of([{"choices": [{"delta": call(0, '{"a":', "f")}]}])
    waiting = {"delta": call(1, "{}", "g"), "finish_reason": "length"}
    assert writer.events_of([{"choices": [waiting]}]) == []
    events = writer.end({})
    assert [e["type"] for e in events].count("content_block_stop") == 2
    assert events[-2]["delta"]["stop_reason"] == "max_tokens"
