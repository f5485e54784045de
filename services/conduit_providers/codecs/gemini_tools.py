"""Tools as Gemini wants them.

https://ai.google.dev/gemini-api/docs/function-calling
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

Json = dict[str, Any]


def declarations(request: ChatCompletionRequest) -> list[Json]:
    """Return the functions the model may call. UnsupportedCapability for other tools."""
    return [_declaration(tool) for tool in request.tools]


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
    listed = orjson.loads(choice.allowed_tools.tools_json or b"[]")
    names = [tool.get("function", {}).get("name", "") for tool in listed if isinstance(tool, dict)]
    mode = "ANY" if choice.allowed_tools.mode == "required" else "VALIDATED"
    return {"mode": mode, "allowedFunctionNames": names}


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
