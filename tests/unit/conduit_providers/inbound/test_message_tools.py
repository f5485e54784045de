"""Tools as chats have them."""

from typing import Any

import orjson

from conduit.v1.message_json import message_creation_from_json
from conduit_providers.inbound.dropped import Dropped
from conduit_providers.inbound.message_tools import choice_of, tools_of

Json = dict[str, Any]


def tools(*listed: Json, is_openai: bool = False) -> tuple[list[Json], tuple[str, ...]]:
    """Return tools as a chat has them, and what is left out."""
    dropped = Dropped()
    request = message_creation_from_json({"tools": list(listed)})
    found = tools_of(request.tools, dropped, is_openai=is_openai)
    return orjson.loads(orjson.dumps(found)), dropped.names


def test_schemas_pass_as_they_are() -> None:
    """With names and descriptions."""
    schema = {"type": "object", "properties": {"a": {"anyOf": [{"type": "null"}]}}}
    found, dropped = tools(
        {"name": "f", "description": "d", "input_schema": schema, "strict": True},
        {"type": "custom", "name": "g"},
    )
    assert found[0]["function"] == {
        "name": "f",
        "description": "d",
        "parameters": schema,
        "strict": True,
    }
    assert found[1]["function"]["parameters"] == {"type": "object", "properties": {}}
    assert dropped == ()


def test_schemas_are_as_strict_as_openai_takes_them() -> None:
    """Members that may be missing are Anthropic's alone; what is then not strict is told."""
    closed = {"type": "object", "properties": {"a": {}}, "additionalProperties": False}
    given = [
        {"name": "f", "input_schema": {**closed, "required": ["a"]}, "strict": True},
        {"name": "g", "input_schema": closed, "strict": True},
    ]
    found, dropped = tools(*given, is_openai=True)
    assert [each["function"].get("strict") for each in found] == [True, None]
    assert dropped == ("tools.strict",)
    assert tools(*given)[1] == ()


def test_tools_of_anthropics_own_are_told() -> None:
    """And so are cache marks, which stand at tools too."""
    found, dropped = tools(
        {"type": "web_search_20250305", "name": "web_search"},
        {"name": "f", "cache_control": {"type": "ephemeral"}, "defer_loading": True},
    )
    assert [each["function"]["name"] for each in found] == ["f"]
    assert set(dropped) == {
        "tools.web_search_20250305",
        "tools.cache_control",
        "tools.defer_loading",
    }


def test_choices() -> None:
    """Each of Anthropic's has one of OpenAI's."""
    cases: list[tuple[Json, Json]] = [
        ({"type": "auto"}, {"tool_choice": "auto"}),
        ({"type": "none"}, {"tool_choice": "none"}),
        (
            {"type": "any", "disable_parallel_tool_use": True},
            {"tool_choice": "required", "parallel_tool_calls": False},
        ),
        (
            {"type": "tool", "name": "f"},
            {"tool_choice": {"type": "function", "function": {"name": "f"}}},
        ),
    ]
    for given, expected in cases:
        request = message_creation_from_json({"tool_choice": given})
        assert choice_of(request, Dropped()) == expected
    assert choice_of(message_creation_from_json({}), Dropped()) == {}


def test_a_choice_of_what_is_left_out_is_told() -> None:
    """Providers refuse the choice of a tool that they were not given."""
    tool = {"type": "web_search_20250305", "name": "web_search"}
    choice = {"type": "tool", "name": "web_search"}
    request = message_creation_from_json({"tools": [tool, {"name": "f"}], "tool_choice": choice})
    dropped = Dropped()
    assert choice_of(request, dropped) == {}
    assert dropped.names == ("tool_choice",)
