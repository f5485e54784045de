"""Chats' answers as messages."""

from typing import Any

import pytest

from conduit_providers.inbound.message_from_chat import counts_of, message_id, message_of
from conduit_providers.inbound.sealed_thoughts import opened
from conduit_providers.inbound.tool_names import ToolNames, cut
from conduit_providers.quantities import CACHE_WRITE, CACHED_INPUT, INPUT, OUTPUT, counted

Json = dict[str, Any]


def answered(said: Json, **choice: object) -> Json:
    """Return the message of what was said."""
    whole = {"id": "c1", "model": "gpt", "choices": [{"message": said, **choice}]}
    return message_of(whole, ToolNames([]), {"input_tokens": 1, "output_tokens": 1})


def test_words_and_calls_are_blocks() -> None:
    """Calls have their arguments read; those that are no JSON stay under a name for that."""
    calls = [
        {"id": "t1", "function": {"name": "f", "arguments": '{"a": 1}'}},
        {"id": "t2", "function": {"name": "g", "arguments": "{nope"}},
    ]
    found = answered({"content": "So", "tool_calls": calls}, finish_reason="stop")
    assert found["content"] == [
        {"type": "text", "text": "So"},
        {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}},
        {"type": "tool_use", "id": "t2", "name": "g", "input": {"INVALID_JSON": "{nope"}},
    ]
    assert found["stop_reason"] == "tool_use"


@pytest.mark.parametrize(
    ("choice", "reason"),
    [
        ({"finish_reason": "stop"}, "end_turn"),
        ({"finish_reason": "length"}, "max_tokens"),
        ({"finish_reason": "tool_calls"}, "tool_use"),
        ({"finish_reason": "content_filter"}, "refusal"),
        ({"finish_reason": "stop", "native_finish_reason": "pause_turn"}, "pause_turn"),
        ({"finish_reason": "stop", "native_finish_reason": "SAFETY"}, "end_turn"),
        ({"finish_reason": None}, "end_turn"),
    ],
)
def test_reasons_to_stop(choice: Json, reason: str) -> None:
    """Anthropic's own words come back as they were."""
    assert answered({"content": "x"}, **choice)["stop_reason"] == reason


def test_refusals_are_words() -> None:
    """There is no other place for them."""
    found = answered({"content": None, "refusal": "No."}, finish_reason="stop")
    assert found["content"] == [{"type": "text", "text": "No."}]


def test_thoughts_have_what_their_provider_wants_back() -> None:
    """Sealed into the signature; those of Anthropic's own have their own."""
    details = [{"type": "reasoning.encrypted", "data": "d"}]
    (thought, _) = answered(
        {"content": "x", "reasoning_content": "hm", "reasoning_details": details}
    )["content"]
    assert thought["thinking"] == "hm"
    assert opened(thought["signature"]) == {"details": details}
    form = "anthropic-claude-v1"
    own = [
        {"type": "reasoning.text", "text": "hm", "signature": "EqQB", "format": form},
        {"type": "reasoning.encrypted", "data": "EmwK", "format": form},
    ]
    found = answered({"content": "x", "reasoning_content": "hm", "reasoning_details": own})
    assert found["content"][:2] == [
        {"type": "thinking", "thinking": "hm", "signature": "EqQB"},
        {"type": "redacted_thinking", "data": "EmwK"},
    ]


def test_cut_names_are_whole_again() -> None:
    """As the caller gave them."""
    name = "n" * 100
    calls = [{"id": "t", "function": {"name": cut(name), "arguments": ""}}]
    whole = {"choices": [{"message": {"tool_calls": calls}}]}
    (block,) = message_of(whole, ToolNames([name]), {})["content"]
    assert (block["name"], block["input"]) == (name, {})


def test_counts_of_the_cache_stand_beside_the_others() -> None:
    """Anthropic's input tokens are those that no cache had."""
    usage = counted(((INPUT, 5), (CACHED_INPUT, 7), (CACHE_WRITE, 11), (OUTPUT, 13)))
    assert counts_of(usage) == {
        "input_tokens": 5,
        "cache_creation_input_tokens": 11,
        "cache_read_input_tokens": 7,
        "output_tokens": 13,
    }


def test_ids_begin_as_anthropics_do() -> None:
    """Once."""
    assert message_id("c1") == "msg_c1"
    assert message_id("msg_1") == "msg_1"
    assert message_id(None) == "msg_"
