"""Earlier turns: thoughts in pieces, and arguments that may be no JSON."""

from collections.abc import Iterable
from typing import Any

import msgspec
import pytest
from tests.support.nonsense import deep

from conduit.v1.chat_message_pb2 import (
    CHAT_ROLE_ASSISTANT,
    CHAT_ROLE_TOOL,
    CHAT_ROLE_USER,
    ChatMessage,
    ReasoningDetail,
)
from conduit.v1.chat_tool_pb2 import ToolCall
from conduit_providers.codecs.shared.turns import (
    INVALID_JSON,
    argument_text,
    arguments_of,
    is_thinking,
    joined_details,
    said_once,
    with_results_in_order,
)


def detail(text: str, index: int | None = None, **more: Any) -> ReasoningDetail:  # noqa: ANN401 # of several types
    """Return a thought."""
    return ReasoningDetail(**{"type": "reasoning.text", "text": text, "index": index, **more})


def texts(details: Iterable[ReasoningDetail]) -> list[str]:
    """Return the texts of whole thoughts."""
    return [each.text for each in joined_details(details)]


def test_pieces_of_one_place_become_one_thought() -> None:
    """The signature comes with the last of them."""
    pieces = [detail("Hm", 0), detail("mm", 0), detail("", 0, signature="s"), detail("Ah", 1)]
    whole = joined_details(pieces)
    assert [each.text for each in whole] == ["Hmmm", "Ah"]
    assert whole[0].signature == "s"
    assert [piece.text for piece in pieces] == ["Hm", "mm", "", "Ah"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ""),
        ("anthropic-claude-v1", "anthropic-claude-v1"),
        ("anthropic-claude-v1" * 50, "anthropic-claude-v1"),
        ("tool_plantool_plan", "tool_plan"),
        ("abab" + "a", "ababa"),
    ],
)
def test_what_stands_several_times_in_a_row_is_said_once(text: str, found: str) -> None:
    """OpenAI's SDK adds up whatever is a text in the pieces of a list."""
    assert said_once(text) == found
    (whole,) = joined_details([detail("a", 0, format=text)])
    assert whole.format == found


def test_thoughts_without_a_place_are_whole() -> None:
    """One before the first place is not a part of it, though an unset number reads as zero."""
    assert texts([detail("a"), detail("b")]) == ["a", "b"]
    assert texts([detail("a"), detail("b", 0)]) == ["a", "b"]
    assert texts([detail("a", 0), detail("b")]) == ["a", "b"]
    assert texts([]) == []


def test_other_kinds_and_other_names_are_other_thoughts() -> None:
    """Of the same place."""
    assert texts([detail("a", 0), detail("b", 0, type="reasoning.summary")]) == ["a", "b"]
    assert texts([detail("a", 0, id="x"), detail("b", 0, id="y")]) == ["a", "b"]
    assert texts([detail("a", 0, id="x"), detail("b", 0)]) == ["ab"]


@pytest.mark.parametrize("member", ["summary", "data"])
def test_pieces_of_summaries_and_sealed_thoughts_are_joined(member: str) -> None:
    """None of them is lost."""
    kind = {"summary": "reasoning.summary", "data": "reasoning.encrypted"}[member]
    pieces = [detail("", 3, type=kind) for _ in range(2)]
    for piece, text in zip(pieces, ("a", "b"), strict=True):
        piece.ClearField("text")
        setattr(piece, member, text)
    (whole,) = joined_details(pieces)
    assert getattr(whole, member) == "ab"
    assert not whole.HasField("text")


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("", {}),
        ("{}", {}),
        (" \n", {}),
        ('{"a":{"b":[1]}}', {"a": {"b": [1]}}),
        ('{"a"', {INVALID_JSON: '{"a"'}),
        ("[1]", {INVALID_JSON: "[1]"}),
        ("null", {}),
        (deep(300).decode(), {INVALID_JSON: deep(300).decode()}),
    ],
)
def test_arguments_are_an_object_whatever_a_model_wrote(text: str, arguments: object) -> None:
    """Anthropic's name for what is none tells the model what it did."""
    assert arguments_of(text) == arguments


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"{}", "{}"),
        (b'{ "a" : [ 1 , "b c" ] }', '{"a":[1,"b c"]}'),
        (b"null", "{}"),
        (b" null ", "{}"),
        (b'"null"', '"null"'),
        (b'{"a":1e999}', '{"a":1e999}'),
    ],
)
def test_arguments_of_a_provider_are_text_without_white_space(raw: bytes, text: str) -> None:
    """None at all are an empty object: callers read JSON."""
    assert argument_text(msgspec.Raw(raw)) == text


@pytest.mark.parametrize(
    ("native", "thinks"),
    [
        ({"type": "enabled", "budget_tokens": 1024}, True),
        ({"type": "adaptive"}, True),
        ({"type": "disabled"}, False),
        ({}, False),
        ({"type": ["enabled"]}, False),
        ("enabled", False),
        (None, False),
    ],
)
def test_thinking_is_what_anthropic_calls_so(native: object, *, thinks: bool) -> None:
    """A wrong value is left for the provider to refuse."""
    assert is_thinking(native) is thinks


def calling(*ids: str) -> ChatMessage:
    """Return a turn that calls."""
    return ChatMessage(role=CHAT_ROLE_ASSISTANT, tool_calls=[ToolCall(id=each) for each in ids])


def result(call_id: str, name: str = "") -> ChatMessage:
    """Return what a call gave."""
    return ChatMessage(role=CHAT_ROLE_TOOL, tool_call_id=call_id, name=name)


def test_results_have_the_order_of_their_calls() -> None:
    """Each turn's by themselves; those of no call come behind, as they came."""
    user = ChatMessage(role=CHAT_ROLE_USER)
    mixed = [result("b"), result("?"), result("a"), user]
    messages = [user, calling("a", "b"), *mixed, calling("b", "a"), result("a"), result("b")]
    ordered = [each.tool_call_id for each in with_results_in_order(messages)]
    assert ordered == ["", "", "a", "b", "?", "", "", "b", "a"]


def test_results_with_one_id_keep_their_order() -> None:
    """Nothing tells which of them belongs to which call."""
    first, second = result("a", "x"), result("a", "y")
    assert with_results_in_order([calling("a", "a"), first, second])[1:] == [first, second]


def test_two_hundred_thousand_pieces_of_a_thought_take_no_long_time() -> None:
    """Each is read once; the suite's timeout would tell otherwise."""
    (whole,) = joined_details([ReasoningDetail(text="x" * 200, index=0)] * 200_000)
    assert len(whole.text) == 40_000_000
