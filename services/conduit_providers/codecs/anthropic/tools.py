"""Tools as Anthropic's Messages require them.

https://platform.claude.com/docs/en/agents-and-tools/tool-use/overview
"""

from typing import Any

import orjson

from conduit.v1.chat_pb2 import ChatCompletionRequest
from conduit.v1.chat_tool_pb2 import (
    TOOL_CHOICE_MODE_NONE,
    TOOL_CHOICE_MODE_REQUIRED,
    Tool,
    ToolChoice,
)
from conduit_kernel.errors import UnsupportedCapability
from conduit_providers.codecs.shared.object_schemas import object_schema
from conduit_providers.codecs.shared.schemas import strict_schema
from conduit_providers.codecs.shared.tool_choice import allowed_names
from conduit_providers.operations.chat import ChatCall

Json = dict[str, Any]
# The version that every model since Claude 3.5 takes.
WEB_SEARCH = "web_search_20250305"
NO_ARGUMENTS: Json = {"type": "object", "properties": {}}
# Members of a tool that are Anthropic's own.
NATIVE = (
    "allowed_callers",
    "cache_control",
    "defer_loading",
    "input_examples",
    "eager_input_streaming",
)


def tools(call: ChatCall, provider: str) -> list[Json]:
    """Return the tools the model may call; those that the choice leaves out are left out here.

    Tools of Anthropic's own, such as `web_search_20250305`, are passed on as they are.
    UnsupportedCapability for tools with free-form input.
    """
    found = [_tool(tool, call, provider) for tool in call.typed.tools]
    allowed = _allowed(call.typed.tool_choice)
    if allowed is None:
        return found
    return [tool for tool in found if allowed & {_text(tool, "name"), _text(tool, "type")}]


def _text(tool: Json, member: str) -> str | None:
    value = tool.get(member)
    return value if isinstance(value, str) else None


def search_tool(options: Json) -> Json:
    """Return the tool for OpenAI's `web_search_options`.

    https://platform.claude.com/docs/en/agents-and-tools/tool-use/web-search-tool
    """
    tool: Json = {"type": WEB_SEARCH, "name": "web_search"}
    where = options.get("user_location")
    if isinstance(where, dict):
        near = where.get("approximate")
        tool["user_location"] = {"type": "approximate"} | (near if isinstance(near, dict) else {})
    return tool


def tool_choice(request: ChatCompletionRequest) -> Json | None:
    """Return the choice; None where it is the API's own."""
    choice = _choice(request.tool_choice)
    if request.HasField("parallel_tool_calls") and not request.parallel_tool_calls:
        choice = choice or {"type": "auto"}
        if choice["type"] != "none":
            choice["disable_parallel_tool_use"] = True
    return choice


def _tool(tool: Tool, call: ChatCall, provider: str) -> Json:
    if tool.WhichOneof("tool") is None:
        own: Json = orjson.loads(tool.unknown_json or b"{}")
        if isinstance(own.get("type"), str):
            return own
    if not tool.HasField("function"):
        raise UnsupportedCapability(
            "Anthropic's dialect knows no tools with free-form input", capability="custom_tools"
        )
    function = tool.function
    found: Json = {"name": function.name, "input_schema": _arguments(tool, call, provider)}
    if function.description:
        found["description"] = function.description
    if function.strict:
        found["strict"] = True
    for raw in (function.unknown_json, tool.unknown_json):
        unknown = orjson.loads(raw or b"{}")
        found |= {name: unknown[name] for name in NATIVE if name in unknown}
    return found


def _arguments(tool: Tool, call: ChatCall, provider: str) -> Any:  # noqa: ANN401 # any JSON
    schema = orjson.loads(tool.function.parameters_json or b"null") or NO_ARGUMENTS
    if not isinstance(schema, dict):
        return schema
    schema, is_wider = object_schema(schema)
    if is_wider:
        call.drop("tools.function.parameters", provider)
    return strict_schema(schema, call, provider) if tool.function.strict else schema


def _choice(choice: ToolChoice) -> Json | None:
    match choice.WhichOneof("choice"):
        case "mode":
            return _mode(choice.mode)
        case "function":
            return {"type": "tool", "name": choice.function.name}
        case "allowed_tools":
            return {"type": "any" if choice.allowed_tools.mode == "required" else "auto"}
        case "custom":
            raise UnsupportedCapability(
                "Anthropic's dialect knows no tools with free-form input",
                capability="custom_tools",
            )
        case _:
            return None


def _mode(mode: int) -> Json:
    if mode == TOOL_CHOICE_MODE_NONE:
        return {"type": "none"}
    return {"type": "any" if mode == TOOL_CHOICE_MODE_REQUIRED else "auto"}


def _allowed(choice: ToolChoice) -> set[str] | None:
    if choice.WhichOneof("choice") != "allowed_tools":
        return None
    return set(allowed_names(choice))
