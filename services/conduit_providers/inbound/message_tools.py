"""Tools of Anthropic's Messages as a chat has them.

https://platform.claude.com/docs/en/agents-and-tools/tool-use/overview
"""

from collections.abc import Iterable
from typing import Any

import orjson

from conduit.v1.message_pb2 import MessageCreation, MessageTool
from conduit_providers.inbound.dropped import Dropped
from conduit_providers.inbound.strict_schema import is_strict
from conduit_providers.inbound.tool_names import cut

Json = dict[str, Any]

_OWN = frozenset({"", "custom"})
_NO_ARGUMENTS: Json = {"type": "object", "properties": {}}


def tools_of(
    tools: Iterable[MessageTool], dropped: Dropped, *, is_openai: bool = False
) -> list[Json]:
    """Return the caller's own tools; those that only Anthropic has are told.

    `is_openai`: whether only schemas are strict that OpenAI takes so.
    """
    found: list[Json] = []
    for tool in tools:
        if tool.type in _OWN:
            found.append(_function(tool, dropped, is_openai=is_openai))
        else:
            dropped.add(f"tools.{tool.type}")
    return found


def _function(tool: MessageTool, dropped: Dropped, *, is_openai: bool) -> Json:
    schema = orjson.loads(tool.input_schema_json or b"null") or _NO_ARGUMENTS
    function: Json = {"name": cut(tool.name), "parameters": schema}
    if tool.description:
        function["description"] = tool.description
    unknown = orjson.loads(tool.unknown_json or b"{}")
    if unknown.pop("strict", None) is True:
        if not is_openai or is_strict(schema):
            function["strict"] = True
        else:
            dropped.add("tools.strict")
    for name, value in unknown.items():
        # What is only meant for a provider's own machinery asks for nothing where there is none.
        if value not in (None, [], {}, False):
            dropped.add(f"tools.{name}")
    if tool.HasField("cache_control"):
        dropped.add("tools.cache_control")
    return {"type": "function", "function": function}


def choice_of(request: MessageCreation, dropped: Dropped) -> Json:
    """Return whether and which tools must be called; one that is not there is told."""
    choice, found = request.tool_choice, dict[str, object]()
    match choice.type:
        case "auto" | "none":
            found["tool_choice"] = choice.type
        case "any":
            found["tool_choice"] = "required"
        case "tool" if any(
            tool.name == choice.name and tool.type not in _OWN for tool in request.tools
        ):
            dropped.add("tool_choice")
        case "tool":
            function = {"name": cut(choice.name)}
            found["tool_choice"] = {"type": "function", "function": function}
    if choice.disable_parallel_tool_use:
        found["parallel_tool_calls"] = False
    return found
