"""Tools of Responses as chats have them."""

from typing import Any

import orjson
import pytest

from conduit.v1.response_json import response_creation_from_json
from conduit_kernel.errors import InvalidRequest
from conduit_providers.inbound.dropped import Dropped
from conduit_providers.inbound.response_tools import GivenTool, ResponseTools

Json = dict[str, Any]
F: Json = {"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": True}
PATCH: Json = {
    "type": "custom",
    "name": "apply_patch",
    "description": "Edits files.",
    "format": {"type": "grammar", "syntax": "lark", "definition": "start: hunk+"},
}
CRM: Json = {"type": "namespace", "name": "crm", "description": "d", "tools": [F, PATCH]}


def found(*tools: Json, **members: object) -> tuple[ResponseTools, Json, tuple[str, ...]]:
    """Return the tools of a request, its choice, and what is left out."""
    dropped = Dropped()
    request = response_creation_from_json({"tools": list(tools), **members})
    made = ResponseTools(request, dropped)
    choice = made.choice(request)
    return made, choice, dropped.names


def names(tools: ResponseTools) -> list[str]:
    """Return the names that a chat has."""
    return [each["function"]["name"] for each in tools.functions]


def test_functions_pass_as_they_are() -> None:
    """With schema and strictness; what is null asks for nothing."""
    tools, _, dropped = found(F, {"type": "function", "name": "g", "parameters": None})
    first, second = (each["function"] for each in tools.functions)
    assert first == {"name": "f", "parameters": {"type": "object"}, "strict": True}
    assert second == {"name": "g", "parameters": {"type": "object", "properties": {}}}
    assert dropped == ()


def test_free_form_input_is_a_functions_one_text() -> None:
    """Whose grammar stands in the description; the call comes back as the tool's."""
    tools, _, dropped = found(PATCH)
    function = tools.functions[0]["function"]
    assert function["parameters"]["required"] == ["input"]
    assert function["description"].startswith("Edits files.")
    assert function["description"].endswith("(lark):\nstart: hunk+")
    assert tools.given("apply_patch") == GivenTool("apply_patch", is_custom=True)
    assert dropped == ()


def test_tools_of_a_namespace_have_its_name_before_theirs() -> None:
    """Two of one name in two namespaces stay two."""
    tools, _, _ = found(F, CRM)
    assert names(tools) == ["f", "crm__f", "crm__apply_patch"]
    assert tools.given("crm__f") == GivenTool("f", "crm")
    assert tools.given("crm__apply_patch") == GivenTool("apply_patch", "crm", is_custom=True)
    assert tools.given("unheard_of") == GivenTool("unheard_of")


def test_tools_of_the_providers_own_are_told() -> None:
    """And so are members that ask for something no chat can say."""
    deferred = {**F, "defer_loading": True, "allowed_callers": ["direct"]}
    tools, choice, dropped = found(
        {"type": "web_search"}, {"type": "mcp", "server_label": "s"}, deferred
    )
    assert names(tools) == ["f"]
    assert (choice, dropped) == ({}, ("tools.web_search", "tools.mcp", "tools.defer_loading"))


def test_without_tools_nothing_is_chosen() -> None:
    """Providers refuse a choice without tools."""
    _, choice, _ = found({"type": "web_search"}, tool_choice="required", parallel_tool_calls=False)
    assert choice == {}


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("auto", {"tool_choice": "auto"}),
        ("none", {"tool_choice": "none"}),
        ("required", {"tool_choice": "required"}),
        (
            {"type": "function", "name": "f"},
            {"tool_choice": {"type": "function", "function": {"name": "f"}}},
        ),
        (
            {"type": "custom", "name": "apply_patch"},
            {"tool_choice": {"type": "function", "function": {"name": "apply_patch"}}},
        ),
        ({"type": "web_search_preview"}, {}),
    ],
)
def test_choices(asked: object, expected: Json) -> None:
    """A tool by name is a function, whatever its input; the provider's own are told."""
    _, choice, dropped = found(F, PATCH, tool_choice=asked)
    assert choice == expected
    assert bool(dropped) == (not expected)


def test_allowed_tools_are_all_that_a_chat_has() -> None:
    """So that every provider keeps to them."""
    allowed = {
        "type": "allowed_tools",
        "mode": "required",
        "tools": [{"type": "function", "name": "f"}],
    }
    tools, choice, _ = found(F, PATCH, tool_choice=allowed, parallel_tool_calls=False)
    assert names(tools) == ["f"]
    assert choice == {"tool_choice": "required", "parallel_tool_calls": False}


@pytest.mark.parametrize("tools", [{"a": 1}, ["x"], [{"type": 1}]])
def test_a_namespace_whose_tools_are_none_is_refused(tools: object) -> None:
    """By the caller's name of the member."""
    with pytest.raises(InvalidRequest) as refused:
        found({"type": "namespace", "name": "n", "tools": tools})
    assert "tools" in str(refused.value.metadata["field"])


def test_members_of_a_request_stay_as_they_are_read() -> None:
    """Orders of members and schemas do not change."""
    schema = {"type": "object", "properties": {"b": {}, "a": {}}}
    tools, _, _ = found({**F, "parameters": schema})
    parameters = tools.functions[0]["function"]["parameters"]
    assert orjson.dumps(parameters) == orjson.dumps(schema)
