"""A conversation as Ollama wants it."""

from typing import Any

import orjson
import pytest

from conduit_kernel.errors import InvalidRequest, UnsupportedCapability
from conduit_providers.calls import Call
from conduit_providers.codecs.ollama.answer import FORMAT
from conduit_providers.codecs.ollama.turns import Turns
from conduit_providers.operations.chat import ChatCall, chat_request

Json = dict[str, Any]
USER: Json = {"role": "user", "content": "x"}


def call(*messages: Json) -> ChatCall:
    """Return a call."""
    raw = orjson.dumps({"model": "a", "messages": messages})
    fetched = {"https://a.example/x": ("image/gif", b"GIF")}
    return Call(chat_request(json=raw), alias="a", model="m", fetched=fetched)


def said(*messages: Json) -> list[Json]:
    """Return the turns of a conversation."""
    made = call(*messages)
    return Turns(made, "P").messages(made.typed.messages)


def picture(url: str) -> Json:
    """Return a part."""
    return {"type": "image_url", "image_url": {"url": url}}


def called(call_id: str, name: str) -> Json:
    """Return a call."""
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": '{"a":1}'}}


def test_turns_stay_in_their_order() -> None:
    """A developer is the system, an empty turn a turn."""
    found = said({"role": "developer", "content": "a"}, USER, {"role": "assistant"})
    assert found == [
        {"role": "system", "content": "a"},
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": ""},
    ]
    assert said() == []


def test_pictures_stand_beside_the_words() -> None:
    """Those that were fetched, too; one that was not is refused."""
    parts = [{"type": "text", "text": "a"}, picture("data:image/png;base64,AAAA"),
             {"type": "text", "text": "b"}, picture("https://a.example/x")]  # fmt: skip
    assert said({"role": "user", "content": parts})[0] == {
        "role": "user",
        "content": "a\nb",
        "images": ["AAAA", "R0lG"],
    }
    with pytest.raises(InvalidRequest, match="only inside the request") as refused:
        said({"role": "user", "content": [picture("https://b.example/x")]})
    assert refused.value.metadata["field"] == "image_url.url"


def test_results_go_by_the_functions_name_and_the_id() -> None:
    """Not every template has a place for ids; without its call a result needs a name."""
    found = said(
        USER,
        {"role": "assistant", "content": None, "tool_calls": [called("a", "f"), called("b", "g")]},
        {"role": "tool", "tool_call_id": "b", "content": "1"},
        {"role": "tool", "tool_call_id": "z", "name": "h", "content": "2"},
    )
    assert found[1] == {
        "role": "assistant",
        "tool_calls": [
            {"id": i, "function": {"name": n, "arguments": {"a": 1}}} for i, n in ("af", "bg")
        ],
    }
    results = [(turn["tool_name"], turn["tool_call_id"]) for turn in found[2:]]
    assert results == [("g", "b"), ("h", "z")]
    with pytest.raises(InvalidRequest, match="No turn before calls") as refused:
        said(USER, {"role": "tool", "tool_call_id": "z" * 5000, "content": "1"})
    assert len(refused.value.message) < 200


def test_thoughts_go_back_as_thinking() -> None:
    """Those of others are told as dropped; bare ones are taken for its own."""
    details = [
        {"type": "reasoning.text", "text": "H", "format": FORMAT, "index": 0},
        {"type": "reasoning.text", "text": "m", "format": FORMAT, "index": 0},
        {"type": "reasoning.text", "text": "x", "format": "anthropic-claude-v1"},
        {"type": "reasoning.encrypted", "data": "y"},
    ]
    made = call(USER, {"role": "assistant", "content": "a", "reasoning_details": details})
    assert Turns(made, "P").messages(made.typed.messages)[1]["thinking"] == "Hm"
    assert made.dropped == ["messages.reasoning_details"]
    found = said(USER, {"role": "assistant", "content": "a", "reasoning_content": "Hm"})
    assert found[1]["thinking"] == "Hm"


def test_a_refusal_is_words_and_marks_are_told() -> None:
    """Names, too."""
    mark = {"type": "ephemeral"}
    part = {"type": "text", "text": "x", "cache_control": mark}
    made = call(
        {"role": "user", "content": [part], "name": "ada"},
        {"role": "assistant", "content": None, "refusal": "No.", "cache_control": mark},
    )
    assert Turns(made, "P").messages(made.typed.messages)[1]["content"] == "No."
    assert made.dropped == ["messages.name", "messages.cache_control"]


def test_what_ollama_does_not_know_is_refused() -> None:
    """Another candidate may know it."""
    custom = {"id": "c", "type": "custom", "custom": {"name": "f", "input": "x"}}
    for turn in (
        {"role": "function", "name": "f", "content": "x"},
        {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "A"}}]},
        {"role": "assistant", "content": None, "tool_calls": [custom]},
    ):
        with pytest.raises(UnsupportedCapability):
            said(USER, turn)
