"""Turns as Perplexity's items."""

from typing import Any

import orjson
import pytest

from conduit_kernel.errors import InvalidRequest, UnsupportedCapability
from conduit_providers.calls import Call
from conduit_providers.codecs.perplexity.turns import Conversation
from conduit_providers.operations.chat import chat_request

Json = dict[str, Any]
PNG = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
PDF = "data:application/pdf;base64,JVBERi0="


def items(*messages: Json) -> tuple[list[Json], list[str]]:
    """Return the items of turns, and what is dropped."""
    raw = orjson.dumps({"model": "a", "messages": list(messages)})
    call = Call(chat_request(json=raw), alias="a", model="m", dropped=[])
    return Conversation(call, "Lumen").items(), call.dropped


def user(*parts: Json) -> Json:
    """Return a turn of the user."""
    return {"role": "user", "content": list(parts)}


def test_a_call_stands_behind_what_was_said() -> None:
    """Each in an item of its own, with the signature that its model wants back."""
    call = {
        "id": "c1",
        "type": "function",
        "function": {"name": "f", "arguments": " "},
        "extra_content": {"google": {"thought_signature": "S"}},
    }
    found, dropped = items(
        user({"type": "text", "text": "go"}),
        {"role": "assistant", "content": "I look.", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "x"}, PNG]},
    )
    assert found[1:3] == [
        {"type": "message", "role": "assistant", "content": "I look."},
        {
            "type": "function_call",
            "call_id": "c1",
            "name": "f",
            "arguments": "{}",
            "thought_signature": "S",
        },
    ]
    assert found[3]["call_id"] == "c1"
    assert [part["type"] for part in found[3]["output"]] == ["input_text", "input_image"]
    assert dropped == []


def test_what_others_had_is_left_out_and_told() -> None:
    """Thoughts, names and marks; a turn of nothing else is none."""
    thought = {"role": "assistant", "content": "", "reasoning_content": "hm", "name": "bot"}
    marked = {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}
    found, dropped = items(user(marked), thought)
    assert found == [{"type": "message", "role": "user", "content": "a"}]
    assert set(dropped) == {
        "messages.cache_control",
        "messages.name",
        "messages.reasoning_content",
    }


def test_files_are_data_or_addresses() -> None:
    """And not results of tools, which are words and pictures."""
    files = [{"type": "file", "file": {"file_data": each}} for each in (PDF, "https://a/b.pdf")]
    found, _ = items(user(*files))
    assert found[0]["content"] == [
        {"type": "input_file", "file_data": PDF},
        {"type": "input_file", "file_url": "https://a/b.pdf"},
    ]
    with pytest.raises(UnsupportedCapability):
        items(user(), {"role": "tool", "tool_call_id": "c", "content": files})


@pytest.mark.parametrize(
    "turn",
    [
        user({"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}),
        user({"type": "file", "file": {"file_id": "f"}}),
        {"role": "function", "name": "f", "content": "x"},
        {
            "role": "assistant",
            "tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "f", "input": "x"}}],
        },
    ],
)
def test_what_it_cannot_be_told_has_another_asked(turn: Json) -> None:
    """Rather than that half of the request goes there."""
    with pytest.raises(UnsupportedCapability):
        items(user(PNG), turn)


def test_instructions_alone_are_no_chat() -> None:
    """The caller is told why."""
    with pytest.raises(InvalidRequest, match="at least one turn of the user"):
        items({"role": "system", "content": "Be brief."})
