"""Items of Responses as turns of a chat."""

from typing import Any

import pytest

from conduit.v1.response_json import response_creation_from_json
from conduit_kernel.errors import InvalidRequest, UnsupportedCapability
from conduit_providers.inbound.dropped import Dropped
from conduit_providers.inbound.response_parts import ResponseParts
from conduit_providers.inbound.response_turns import ResponseTurns
from conduit_providers.inbound.sealed_thoughts import sealed

Json = dict[str, Any]


def turns(*items: Json) -> tuple[list[Json], tuple[str, ...]]:
    """Return the turns of a chat, and what is left out."""
    dropped = Dropped()
    request = response_creation_from_json({"input": list(items)})
    return ResponseTurns(dropped, ResponseParts(dropped)).of(request.input), dropped.names


def say(role: str, text: str, **members: object) -> Json:
    """Return a message."""
    return {"role": role, "content": text, **members}


def call(call_id: str, name: str = "f", **members: object) -> Json:
    """Return a call of a function."""
    item = {"type": "function_call", "call_id": call_id, "name": name, "arguments": "{}"}
    return {**item, **members}


def output(call_id: str, text: str = "ok") -> Json:
    """Return what came of a call."""
    return {"type": "function_call_output", "call_id": call_id, "output": text}


def called(call_id: str, name: str = "f", arguments: str = "{}") -> Json:
    """Return a call as a chat has it."""
    function = {"name": name, "arguments": arguments}
    return {"id": call_id, "type": "function", "function": function}


def told(call_id: str, text: str = "ok") -> Json:
    """Return what came of a call as a chat has it."""
    return {"role": "tool", "tool_call_id": call_id, "content": text}


def test_each_role_keeps_its_place() -> None:
    """Instructions on the way are taken where they stand."""
    items = [say("user", "a"), say("developer", "b"), say("system", "c"), say("assistant", "d")]
    assert turns(*items) == ([say(item["role"], item["content"]) for item in items], ())


def test_thoughts_words_and_calls_are_one_turn() -> None:
    """Whose results follow it."""
    thought = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]}
    items = [say("user", "q"), thought, say("assistant", "a"), call("1"), call("2")]
    found, _ = turns(*items, output("1"), output("2", "no"), say("user", "r"))
    assert found[1:] == [
        {
            "role": "assistant",
            "content": "a",
            "tool_calls": [called("1"), called("2")],
            "reasoning_content": "hm",
        },
        told("1"),
        told("2", "no"),
        say("user", "r"),
    ]


def test_results_follow_their_calls_wherever_they_stand() -> None:
    """Providers refuse a chat where somebody else speaks between."""
    found, _ = turns(say("user", "q"), call("1"), say("user", "r"), output("1"))
    assert [each["role"] for each in found] == ["user", "assistant", "tool", "user"]


def test_calls_that_were_answered_between_are_turns_of_their_own() -> None:
    """One after the other, as they were made."""
    found, _ = turns(call("1"), output("1", "a"), call("2"), output("2", "b"))
    assert [each["role"] for each in found] == ["assistant", "tool", "assistant", "tool"]


def test_ids_that_come_again_are_answered_in_order() -> None:
    """Some providers number the calls of each answer anew."""
    found, _ = turns(call("1"), output("1", "a"), call("1"), output("1", "b"))
    assert [each for each in found if each["role"] == "tool"] == [told("1", "a"), told("1", "b")]


def test_results_of_no_call_stay() -> None:
    """The provider judges them."""
    found, _ = turns(say("user", "q"), output("9"))
    assert found[-1] == told("9")


def test_custom_calls_are_calls_of_functions() -> None:
    """With one text."""
    item = {"type": "custom_tool_call", "call_id": "1", "name": "p", "input": 'a "b"'}
    done = {"type": "custom_tool_call_output", "call_id": "1", "output": "ok"}
    found, _ = turns(item, done)
    assert found[0]["tool_calls"] == [called("1", "p", '{"input":"a \\"b\\""}')]
    assert found[1] == told("1")


def test_calls_of_a_namespace_have_its_name_before_theirs() -> None:
    """As the tools have."""
    found, _ = turns(call("1", "f", namespace="crm"))
    assert found[0]["tool_calls"] == [called("1", "crm__f")]


def test_sealed_thoughts_are_opened() -> None:
    """What they hold of calls and of the turn goes back where it was."""
    kept = {
        "details": [{"type": "reasoning.text", "text": "t"}],
        "calls": {"1": {"extra_content": {"g": 1}}},
        "said": {"images": [1]},
    }
    thought = {"type": "reasoning", "summary": [], "encrypted_content": sealed(kept)}
    found, dropped = turns(thought, call("1"))
    assert found[0]["tool_calls"] == [{"extra_content": {"g": 1}, **called("1")}]
    assert found[0]["reasoning_details"] == kept["details"]
    assert found[0]["images"] == [1]
    assert dropped == ()


def test_thoughts_that_openai_sealed_are_told() -> None:
    """What it tells of them goes on."""
    summary = [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}]
    found, dropped = turns(
        {"type": "reasoning", "summary": summary, "encrypted_content": "gAAAAA"},
        say("assistant", "c"),
    )
    assert found[0]["reasoning_content"] == "a\n\nb"
    assert dropped == ("input.encrypted_content",)


def test_pieces_of_one_answer_are_put_together_as_they_were() -> None:
    """Messages of their own stand apart."""
    first, second = (
        say("assistant", "one ", id="msg_a_1"),
        say("assistant", "two", id="msg_a_3"),
    )
    assert turns(first, second)[0] == [say("assistant", "one two")]
    assert turns(first, say("assistant", "two"))[0] == [say("assistant", "one \n\ntwo")]


def test_items_of_the_providers_own_tools_are_told() -> None:
    """Nothing else could say them."""
    _, dropped = turns(say("user", "q"), {"type": "web_search_call", "id": "ws_1"})
    assert dropped == ("input.web_search_call",)


def test_items_by_their_ids_are_refused() -> None:
    """Only who keeps them knows them; the way out is named."""
    with pytest.raises(UnsupportedCapability) as refused:
        turns({"type": "item_reference", "id": "msg_1"})
    assert "`store` false" in str(refused.value)


def test_roles_that_are_none_are_refused() -> None:
    """With the member's name."""
    with pytest.raises(InvalidRequest):
        turns(say("robot", "x"))
