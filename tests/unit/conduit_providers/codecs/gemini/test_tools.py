"""Tools and their choice, as Gemini wants them."""

from typing import Any

import orjson
import pytest

from conduit.v1.chat_pb2 import ChatCompletionRequest
from conduit_kernel.errors import UnsupportedCapability
from conduit_providers.codecs.gemini.tools import (
    calling_config,
    camel,
    declarations,
    native_tool,
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


@pytest.mark.parametrize(
    ("name", "found"),
    [("google_search", "googleSearch"), ("top_k", "topK"), ("a_1b", "a1b"), ("x", "x"),
     ("alreadyCamel", "alreadyCamel"), ("_", "_"), ("", "")],
)  # fmt: skip
def test_names_are_as_googles_json_has_them(name: str, found: str) -> None:
    """Whichever way a caller writes them."""
    assert camel(name) == found


@pytest.mark.parametrize(
    ("tool", "found"),
    [
        ({"googleSearch": {}}, {"googleSearch": {}}),
        ({"google_search": {"a": 1}, "url_context": {}},
         {"googleSearch": {"a": 1}, "urlContext": {}}),
        ({"type": "google_search"}, {"googleSearch": {}}),
        ({"type": "fileSearch", "stores": ["s"]}, {"fileSearch": {"stores": ["s"]}}),
        ({"type": "web_search_20250305", "name": "web_search"}, None),
        ({"googleSearch": {}, "other": {}}, None),
        ({}, None),
        (function("f"), None),
        (CUSTOM, None),
    ],
)  # fmt: skip
def test_own_tools_are_known_by_their_names(tool: Json, found: Json | None) -> None:
    """In the API's form, or by a type; those of others are none."""
    assert native_tool(request(tools=[tool]).tools[0]) == found


def test_functions_are_declared() -> None:
    """With what they say; own tools stand elsewhere, and free-form ones are refused."""
    schema = {"type": "object"}
    described = function("g", description="d", parameters=schema)
    offered = [function("f"), {"googleSearch": {}}, described, function("h", parameters={})]
    assert declarations(request(tools=offered)) == [
        {"name": "f"},
        {"name": "g", "description": "d", "parametersJsonSchema": schema},
        {"name": "h"},
    ]
    for tool in (CUSTOM, {"type": "web_search_20250305"}):
        with pytest.raises(UnsupportedCapability, match="free-form"):
            declarations(request(tools=[tool]))


@pytest.mark.parametrize(
    ("members", "found"),
    [
        ({}, None),
        ({"tool_choice": "auto"}, None),
        ({"tool_choice": "none"}, {"mode": "NONE"}),
        ({"tool_choice": "required"}, {"mode": "ANY"}),
        ({"tool_choice": function("f")}, {"mode": "ANY", "allowedFunctionNames": ["f"]}),
        ({"tools": [function("f", strict=True)]}, {"mode": "VALIDATED"}),
        ({"tools": [function("f", strict=True)], "tool_choice": "none"}, {"mode": "NONE"}),
        ({"tool_choice": {"type": "allowed_tools",
                          "allowed_tools": {"mode": "required", "tools": [function("f")]}}},
         {"mode": "ANY", "allowedFunctionNames": ["f"]}),
        ({"tool_choice": {"type": "allowed_tools",
                          "allowed_tools": {"mode": "auto", "tools": [function("f")]}}},
         {"mode": "VALIDATED", "allowedFunctionNames": ["f"]}),
    ],
)  # fmt: skip
def test_the_choice_is_a_mode(members: Json, found: Json | None) -> None:
    """None where it is the API's own way."""
    assert calling_config(request(**members)) == found


def test_a_free_form_tool_cannot_be_chosen() -> None:
    """There are none."""
    with pytest.raises(UnsupportedCapability):
        calling_config(request(tool_choice=CUSTOM))
