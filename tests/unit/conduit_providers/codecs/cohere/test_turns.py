"""A conversation as Cohere's Chat wants it."""

from typing import Any

import orjson
import pytest

from conduit_kernel.errors import InvalidRequest, UnsupportedCapability
from conduit_providers.calls import Call
from conduit_providers.codecs.cohere.turns import Conversation
from conduit_providers.operations.chat import ChatCall, chat_request

Json = dict[str, Any]
USER: Json = {"role": "user", "content": "x"}


def call(*messages: Json) -> ChatCall:
    """Return a call."""
    raw = orjson.dumps({"model": "a", "messages": messages})
    return Call(chat_request(json=raw), alias="a", model="m")


def said(*messages: Json) -> list[Json]:
    """Return the turns of a conversation."""
    return Conversation(call(*messages), "P").turns()


def test_instructions_come_first_and_once() -> None:
    """Cohere refuses them anywhere else."""
    found = said(USER, {"role": "system", "content": "a"}, {"role": "developer", "content": "b"})
    texts = [{"type": "text", "text": text} for text in ("a", "b")]
    assert found == [{"role": "system", "content": texts}, USER]
    assert said({"role": "system", "content": "a"}, USER)[0]["content"] == "a"
    with pytest.raises(InvalidRequest, match="at least one turn"):
        said({"role": "system", "content": "a"})


def test_a_turn_with_nothing_in_it_is_an_empty_one() -> None:
    """It has its place in the conversation."""
    assert said(USER, {"role": "assistant", "content": None}, USER)[1] == {
        "role": "assistant",
        "content": "",
    }


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("plain", "plain"),
        ("7", "7"),
        ("[]", "[]"),
        ("[1]", "[1]"),
        ('{"a":1}', [{"type": "document", "document": {"data": {"a": 1}}}]),
        ('[{"a":1},{}]', [{"type": "document", "document": {"data": data}} for data in
                          ({"a": 1}, {})]),
        ('{"a":1e999}', '{"a":1e999}'),
        ("", ""),
    ],
)  # fmt: skip
def test_objects_that_a_tool_gave_are_documents(text: str, content: object) -> None:
    """Only those can be cited; what is no object stays text."""
    turn = {"role": "tool", "tool_call_id": "t", "content": text}
    assert said(USER, turn)[1] == {"role": "tool", "tool_call_id": "t", "content": content}


def test_several_texts_of_a_tool_stay_texts() -> None:
    """Nobody knows which of them is the document."""
    parts = [{"type": "text", "text": '{"a":1}'}, {"type": "text", "text": "b"}]
    turn = {"role": "tool", "tool_call_id": "t", "content": parts}
    assert said(USER, turn)[1]["content"] == parts


def test_pictures_go_on_by_their_addresses() -> None:
    """With the detail that is asked for; instructions and results are text."""
    picture = {"type": "image_url", "image_url": {"url": "u", "detail": "low"}}
    plain = {"type": "image_url", "image_url": {"url": "u"}}
    assert said({"role": "user", "content": [picture, plain]})[0]["content"] == [picture, plain]
    for turn in (
        {"role": "system", "content": [picture]},
        {"role": "tool", "tool_call_id": "t", "content": [picture]},
    ):
        with pytest.raises(UnsupportedCapability, match="only text as"):
            said(USER, turn)


def test_thoughts_of_others_are_told_as_dropped() -> None:
    """Those without a format may be the caller's own words for them."""
    details = [
        {"type": "reasoning.text", "text": "a", "format": "anthropic-claude-v1"},
        {"type": "reasoning.encrypted", "data": "b"},
        {"type": "reasoning.text", "text": "c"},
    ]
    made = call(USER, {"role": "assistant", "content": "d", "reasoning_details": details})
    turn = Conversation(made, "P").turns()[1]
    assert turn["content"] == [
        {"type": "thinking", "thinking": "c"},
        {"type": "text", "text": "d"},
    ]
    assert made.dropped == ["messages.reasoning_details"]
    made = call(USER, {"role": "assistant", "content": "d", "reasoning_content": "e"})
    turn = Conversation(made, "P").turns()[1]
    assert turn["content"][0] == {"type": "thinking", "thinking": "e"}


def test_calls_without_arguments_have_an_empty_object() -> None:
    """Words beside them are the plan, which the API has a place for: vercel/ai#5794."""
    called = {"id": "t", "type": "function", "function": {"name": "f", "arguments": ""}}
    turn = {"role": "assistant", "content": None, "refusal": "No.", "tool_calls": [called]}
    assert said(USER, turn)[1] == {
        "role": "assistant",
        "tool_plan": "No.",
        "tool_calls": [
            {"id": "t", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        ],
    }


def test_marks_and_names_are_told_as_dropped() -> None:
    """Cohere caches by itself."""
    mark = {"type": "ephemeral"}
    part = {"type": "text", "text": "x", "cache_control": mark}
    made = call({"role": "user", "content": [part], "name": "ada"}, {**USER, "cache_control": mark})
    Conversation(made, "P").turns()
    assert made.dropped == ["messages.name", "messages.cache_control"]


@pytest.mark.parametrize(
    "turn",
    [
        {"role": "function", "name": "f", "content": "x"},
        {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "A"}}]},
        {"role": "assistant", "content": None,
         "tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "f", "input": "x"}}]},
    ],
)  # fmt: skip
def test_what_cohere_does_not_know_is_refused(turn: Json) -> None:
    """Another candidate may know it."""
    with pytest.raises(UnsupportedCapability):
        said(USER, turn)
