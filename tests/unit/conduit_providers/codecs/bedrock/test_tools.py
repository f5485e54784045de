"""Tools and their choice, as Converse wants them."""

from typing import Any

import orjson
import pytest

from conduit_kernel.errors import UnsupportedCapability
from conduit_providers.calls import Call
from conduit_providers.codecs.bedrock.options import ChatModel
from conduit_providers.codecs.bedrock.tools import (
    ANSWER_TOOL,
    NO_ARGUMENTS,
    NO_CALLS_INSTRUCTION,
    ToolConfig,
    answer_tool,
)
from conduit_providers.operations.chat import ChatCall, chat_request

Json = dict[str, Any]
NAMED, SCHEMAS = ChatModel(takes_named_tools=True), ChatModel(takes_schemas=True)
CALLED: Json = {
    "role": "assistant",
    "content": None,
    "tool_calls": [{"id": "c", "type": "function", "function": {"name": "g", "arguments": "{}"}}],
}
CUSTOM: Json = {"type": "custom", "custom": {"name": "shell"}}


def function(name: str, **members: object) -> Json:
    """Return a tool."""
    return {"type": "function", "function": {"name": name, **members}}


def call(*messages: Json, **members: object) -> ChatCall:
    """Return a call."""
    raw = orjson.dumps({"model": "a", "messages": list(messages), **members})
    return Call(chat_request(json=raw), alias="a", model="m")


def config(made: ChatCall, model: ChatModel | None = None) -> Json:
    """Return the tools and the choice of a call."""
    return ToolConfig(made, model or ChatModel(), "P").build() or {}


def names(found: Json) -> list[str]:
    """Return the names of tools."""
    return [tool["toolSpec"]["name"] for tool in found.get("tools", ()) if "toolSpec" in tool]


TOOLS = [function("f"), function("g")]


@pytest.mark.parametrize(
    ("choice", "model", "offered", "choice_sent"),
    [
        (None, None, ["f", "g"], None),
        ("auto", None, ["f", "g"], {"auto": {}}),
        ("required", None, ["f", "g"], {"any": {}}),
        ("none", None, [], None),
        (function("g"), NAMED, ["f", "g"], {"tool": {"name": "g"}}),
        (function("g"), None, ["g"], {"any": {}}),
        ({"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [function("g")]}},
         None, ["g"], None),
        ({"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [function("g")]}},
         None, ["g"], {"any": {}}),
    ],
)  # fmt: skip
def test_the_choice_is_said_with_what_the_api_has(
    choice: object, model: ChatModel | None, offered: list[str], choice_sent: Json | None
) -> None:
    """What it has no word for is done by leaving tools out."""
    members = {} if choice is None else {"tool_choice": choice}
    found = config(call(tools=TOOLS, **members), model)
    assert names(found) == offered
    assert found.get("toolChoice") == choice_sent


def test_a_conversation_with_calls_keeps_its_tools() -> None:
    """The API demands it; an instruction says not to call them."""
    for members, kept in (
        ({"tools": TOOLS, "tool_choice": "none"}, ["f", "g"]),
        ({}, ["g"]),
        ({"tool_choice": "auto"}, ["g"]),
    ):
        made = ToolConfig(call(CALLED, **members), ChatModel(), "P")
        found = made.build()
        assert found is not None
        assert names(found) == kept
        assert "toolChoice" not in found
        assert made.instruction == NO_CALLS_INSTRUCTION


def test_tools_say_what_they_take() -> None:
    """A mark of the cache is a block behind the tool; strictness is for models that know it."""
    tool = function("f", description="d", parameters={"type": "object"}, strict=True)
    tool["cache_control"] = {"type": "ephemeral", "ttl": "1h"}
    made = call(tools=[tool])
    spec, mark = config(made, ChatModel(caches_prompts=True))["tools"]
    assert spec["toolSpec"] == {
        "name": "f",
        "description": "d",
        "inputSchema": {"json": {"type": "object"}},
    }
    assert mark == {"cachePoint": {"type": "default", "ttl": "1h"}}
    assert made.dropped == ["tools.function.strict"]
    made = call(tools=[tool])
    assert config(made, SCHEMAS)["tools"][0]["toolSpec"]["strict"] is True
    assert made.dropped == ["tools.cache_control"]
    plain = config(call(tools=[function("f", cache_control=7)]))["tools"]
    assert plain == [{"toolSpec": {"name": "f", "inputSchema": {"json": NO_ARGUMENTS}}}]


def test_an_answer_by_a_schema_is_one_more_tool() -> None:
    """Which must be called, unless others may be; models that know schemas need none."""
    schema = {"type": "object", "properties": {"a": {}}}
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    made = call(response_format=form)
    assert (answer_tool(made, ChatModel()), answer_tool(made, SCHEMAS)) == ("n", "")
    found = config(made)
    assert found["toolChoice"] == {"any": {}}
    assert found["tools"][0]["toolSpec"]["inputSchema"] == {"json": schema}
    assert config(made, NAMED)["toolChoice"] == {"tool": {"name": "n"}}
    found = config(call(response_format=form, tools=TOOLS), NAMED)
    assert (names(found), found["toolChoice"]) == (["f", "g", "n"], {"any": {}})
    unnamed = call(response_format={"type": "json_schema", "json_schema": {"name": ""}})
    assert answer_tool(unnamed, ChatModel()) == ANSWER_TOOL
    assert answer_tool(call(), ChatModel()) == ""


def test_free_form_tools_are_refused() -> None:
    """Offered or chosen."""
    for made in (call(tools=[CUSTOM]), call(tools=TOOLS, tool_choice=CUSTOM)):
        with pytest.raises(UnsupportedCapability, match="free-form"):
            config(made)
