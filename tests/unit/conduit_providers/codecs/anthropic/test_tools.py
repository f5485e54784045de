"""Tools and their choice, as Anthropic's Messages want them."""

from typing import Any

import orjson
import pytest

from conduit.v1.chat_pb2 import ChatCompletionRequest
from conduit_kernel.errors import UnsupportedCapability
from conduit_providers.calls import Call
from conduit_providers.codecs.anthropic.tools import (
    NO_ARGUMENTS,
    WEB_SEARCH,
    search_tool,
    tool_choice,
    tools,
)
from conduit_providers.operations.chat import chat_request

Json = dict[str, Any]
CUSTOM: Json = {"type": "custom", "custom": {"name": "shell"}}


def function(name: str, **members: object) -> Json:
    """Return a tool."""
    return {"type": "function", "function": {"name": name, **members}}


def request(**members: object) -> ChatCompletionRequest:
    """Return a request."""
    return chat_request(json=orjson.dumps({"model": "m", "messages": [], **members})).typed


def offered(**members: object) -> tuple[list[Json], list[str]]:
    """Return the tools of a request, and what was dropped."""
    raw = orjson.dumps({"model": "m", "messages": [], **members})
    call = Call(chat_request(json=raw), alias="m", model="claude")
    return tools(call, "P"), call.dropped


@pytest.mark.parametrize("parameters", [None, {}])
def test_a_tool_without_arguments_takes_an_empty_object(parameters: Json | None) -> None:
    """The API demands a schema."""
    members = {} if parameters is None else {"parameters": parameters}
    found, _ = offered(tools=[function("f", **members)])
    assert found == [{"name": "f", "input_schema": NO_ARGUMENTS}]


def test_a_tool_says_what_it_is_for() -> None:
    """And has the members that are Anthropic's own, wherever a caller put them."""
    schema = {"type": "object", "properties": {"a": {}}, "additionalProperties": False}
    tool = function("f", description="d", parameters=schema, strict=True, defer_loading=True, x=1)
    tool["cache_control"] = {"type": "ephemeral"}
    expected = {
        "name": "f",
        "input_schema": schema,
        "description": "d",
        "strict": True,
        "defer_loading": True,
        "cache_control": {"type": "ephemeral"},
    }
    assert offered(tools=[tool]) == ([expected], [])


def test_arguments_are_an_objects_with_nothing_combined_at_the_top() -> None:
    """What the API refuses is said more widely, and told; what is no schema it judges."""
    union: Json = {"anyOf": [{"properties": {"a": {}}}, {"properties": {"b": {}}}]}
    found, told = offered(tools=[function("f", parameters=union)])
    assert found[0]["input_schema"] == {"type": "object", "properties": {"a": {}, "b": {}}}
    assert told == ["tools.function.parameters"]
    assert offered(tools=[function("f", parameters=[1])])[0][0]["input_schema"] == [1]


def test_strict_arguments_are_what_structured_outputs_know() -> None:
    """Objects are closed, and limits go into descriptions; of others nothing changes."""
    schema = {"type": "object", "properties": {"a": {"type": "integer", "minimum": 1}}}
    found, told = offered(tools=[function("f", parameters=schema, strict=True)])
    assert found[0]["input_schema"] == {
        "type": "object",
        "properties": {"a": {"type": "integer", "description": "minimum: 1"}},
        "additionalProperties": False,
    }
    assert told == ["tools.function.parameters.minimum"]
    assert offered(tools=[function("f", parameters=schema)])[0][0]["input_schema"] == schema


def test_own_tools_are_passed_on_and_free_form_ones_refused() -> None:
    """By their types."""
    own = {"type": "web_search_20250305", "name": "web_search", "max_uses": 1}
    assert offered(tools=[own])[0] == [own]
    for tool in (CUSTOM, {"function_like": 1}):
        with pytest.raises(UnsupportedCapability, match="free-form"):
            offered(tools=[tool])


def test_tools_that_are_not_allowed_are_left_out() -> None:
    """Own ones go by their type, or by their name."""
    own = {"type": "web_search_20250305", "name": "web_search"}
    known = [function("f"), function("g"), own]
    for listed, names in (
        ([{"function": {"name": "g"}}], ["g"]),
        ([{"type": "web_search_20250305"}], ["web_search"]),
        ([{"name": "web_search"}, {"function": {"name": "f"}}], ["f", "web_search"]),
        ([], []),
    ):
        allowed = {"mode": "auto", "tools": listed}
        choice = {"type": "allowed_tools", "allowed_tools": allowed}
        found, _ = offered(tools=known, tool_choice=choice)
        assert [tool["name"] for tool in found] == names


@pytest.mark.parametrize(
    ("choice", "found"),
    [
        (None, None),
        ("auto", {"type": "auto"}),
        ("none", {"type": "none"}),
        ("required", {"type": "any"}),
        (function("f"), {"type": "tool", "name": "f"}),
        ({"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": []}},
         {"type": "any"}),
        ({"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": []}},
         {"type": "auto"}),
    ],
)  # fmt: skip
def test_the_choice_is_said_in_anthropics_words(choice: object, found: Json | None) -> None:
    """So is that calls come one by one."""
    members = {} if choice is None else {"tool_choice": choice}
    assert tool_choice(request(**members)) == found
    one_by_one = tool_choice(request(**members, parallel_tool_calls=False))
    expected = dict(found or {"type": "auto"})
    if expected["type"] != "none":
        expected["disable_parallel_tool_use"] = True
    assert one_by_one == expected
    assert tool_choice(request(**members, parallel_tool_calls=True)) == found


def test_a_free_form_tool_cannot_be_chosen() -> None:
    """There are none."""
    with pytest.raises(UnsupportedCapability):
        tool_choice(request(tool_choice=CUSTOM))


@pytest.mark.parametrize(
    ("options", "more"),
    [
        ({}, {}),
        ({"user_location": 7}, {}),
        ({"user_location": {"type": "approximate", "approximate": {"city": "Bonn"}}},
         {"user_location": {"type": "approximate", "city": "Bonn"}}),
        ({"user_location": {"approximate": 7}}, {"user_location": {"type": "approximate"}}),
    ],
)  # fmt: skip
def test_openais_search_is_anthropics_tool(options: Json, more: Json) -> None:
    """With the place of the user, if that is one."""
    assert search_tool(options) == {"type": WEB_SEARCH, "name": "web_search", **more}
