"""The tools that a caller allows, of those that it names."""

from typing import Any

import orjson

from conduit.v1.chat_tool_pb2 import ToolChoice
from conduit_kernel.errors import InvalidRequest


def allowed_names(choice: ToolChoice) -> list[str]:
    """Return the names of the allowed functions, or the types of other tools.

    InvalidRequest if what is allowed is no list of tools.
    """
    listed: object = orjson.loads(choice.allowed_tools.tools_json or b"[]")
    if not isinstance(listed, list) or not all(isinstance(tool, dict) for tool in listed):
        place = "tool_choice.allowed_tools.tools"
        raise InvalidRequest(f"{place} must be a list of tools", field=place)
    return [_name(tool) for tool in listed]


def _name(tool: dict[str, Any]) -> str:
    function = tool.get("function")
    named = function if isinstance(function, dict) else tool
    return str(named.get("name") or tool.get("type") or "")
