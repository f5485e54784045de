"""Tools as Gemini requires them.

https://ai.google.dev/gemini-api/docs/function-calling
"""

import re
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
from conduit_providers.codecs.shared.tool_choice import allowed_names

Json = dict[str, Any]

_SNAKE = re.compile(r"_([a-z0-9])")
# Tools that the provider has itself. https://ai.google.dev/gemini-api/docs/tools
NATIVE = frozenset(
    {
        "codeExecution",
        "computerUse",
        "enterpriseWebSearch",
        "exaAiSearch",
        "fileSearch",
        "googleMaps",
        "googleSearch",
        "googleSearchRetrieval",
        "mcpServers",
        "parallelAiSearch",
        "retrieval",
        "urlContext",
    }
)
GOOGLE_SEARCH: Json = {"googleSearch": {}}


def declarations(request: ChatCompletionRequest) -> list[Json]:
    """Return the functions the model may call. UnsupportedCapability for tools of others."""
    return [_declaration(tool) for tool in request.tools if native_tool(tool) is None]


def native_tool(tool: Tool) -> Json | None:
    """Return a tool that is the provider's own; None if it is none.

    Callers write `{"googleSearch": {}}`, as the API does, or `{"type": "google_search"}`.
    """
    if tool.WhichOneof("tool") is not None:
        return None
    members: Json = orjson.loads(tool.unknown_json or b"{}")
    kind = camel(str(members.pop("type", "")))
    if kind in NATIVE:
        return {kind: members}
    found = {camel(name): value for name, value in members.items()}
    return found if found and NATIVE.issuperset(found) else None


def camel(name: str) -> str:
    """Return a name as Google's JSON has it."""
    return _SNAKE.sub(lambda match: match.group(1).upper(), name)


def calling_config(request: ChatCompletionRequest) -> Json | None:
    """Return whether and which functions must be called; None where it is the API's own way.

    VALIDATED leaves the choice to the model, and holds it to the schemas.
    """
    choice = request.tool_choice
    match choice.WhichOneof("choice"):
        case "mode" if choice.mode == TOOL_CHOICE_MODE_NONE:
            return {"mode": "NONE"}
        case "mode" if choice.mode == TOOL_CHOICE_MODE_REQUIRED:
            return {"mode": "ANY"}
        case "function":
            return {"mode": "ANY", "allowedFunctionNames": [choice.function.name]}
        case "allowed_tools":
            return _allowed(choice)
        case "custom":
            raise _no_custom()
        case _:
            is_strict = any(tool.function.strict for tool in request.tools)
            return {"mode": "VALIDATED"} if is_strict else None


def _allowed(choice: ToolChoice) -> Json:
    mode = "ANY" if choice.allowed_tools.mode == "required" else "VALIDATED"
    return {"mode": mode, "allowedFunctionNames": allowed_names(choice)}


def _declaration(tool: Tool) -> Json:
    if not tool.HasField("function"):
        raise _no_custom()
    function = tool.function
    found: Json = {"name": function.name}
    if function.description:
        found["description"] = function.description
    schema = orjson.loads(function.parameters_json) if function.parameters_json else None
    if schema:
        found["parametersJsonSchema"] = schema
    return found


def _no_custom() -> UnsupportedCapability:
    return UnsupportedCapability(
        "Google's dialect knows no tools with free-form input", capability="custom_tools"
    )
