"""Tools of OpenAI's Responses as a chat has them, and its calls as Responses have them.

https://platform.openai.com/docs/guides/function-calling

Tools with free-form input become functions with one text, which every model that calls tools knows;
the tools of a namespace become functions whose names begin with its own.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import orjson

from conduit.v1.json_runtime import JsonError
from conduit.v1.response_json import response_tool_from_json
from conduit.v1.response_pb2 import ResponseCreation, ResponseTool
from conduit_kernel.errors import InvalidRequest
from conduit_providers.inbound.dropped import Dropped
from conduit_providers.inbound.tool_names import cut

Json = dict[str, Any]

# The one member of the arguments of a function that stands for a tool with free-form input.
INPUT = "input"
_NO_ARGUMENTS: Json = {"type": "object", "properties": {}}
_IN_NAMESPACE = "__"
# What asks for no more than what happens without it, or is meant for a provider's own machinery.
_USUAL: tuple[object, ...] = (None, "", [], {}, False)
_QUIET = frozenset({"allowed_callers", "output_schema"})


class GivenTool(NamedTuple):
    """A tool as the caller named it."""

    name: str
    namespace: str = ""
    is_custom: bool = False


class ResponseTools:
    """The caller's own tools of one request."""

    def __init__(self, request: ResponseCreation, dropped: Dropped) -> None:
        """Translate them; those that only their provider has are told."""
        self._dropped = dropped
        self._given: dict[str, GivenTool] = {}
        tools = dict(self._functions(request.tools, ""))
        allowed = self._allowed(request)
        self.functions = [
            function for name, function in tools.items() if allowed is None or name in allowed
        ]

    def given(self, name: str) -> GivenTool:
        """Return the tool that a chat calls by a name."""
        return self._given.get(name) or GivenTool(name)

    def choice(self, request: ResponseCreation) -> Json:
        """Return whether and which tools must be called, as members of a chat."""
        if not self.functions:
            return {}
        choice, found = request.tool_choice, dict[str, object]()
        match choice.type:
            case "" | "allowed_tools":
                if choice.mode:
                    found["tool_choice"] = choice.mode
            case "function" | "custom":
                function = {"name": chat_name(choice.name, "")}
                found["tool_choice"] = {"type": "function", "function": function}
            case kind:
                self._dropped.add(f"tool_choice.{kind}")
        if request.HasField("parallel_tool_calls") and not request.parallel_tool_calls:
            found["parallel_tool_calls"] = False
        return found

    def _functions(
        self, tools: Iterable[ResponseTool], namespace: str
    ) -> Iterator[tuple[str, Json]]:
        for given in tools:
            tool = _unnested(given)
            match tool.type:
                case "function" | "custom":
                    name = chat_name(tool.name, namespace)
                    is_custom = tool.type == "custom"
                    self._given[name] = GivenTool(tool.name, namespace, is_custom)
                    yield name, self._function(tool, name)
                case "namespace" if not namespace:
                    yield from self._functions(tools_in(tool.tools_json), tool.name)
                case kind:
                    self._dropped.add(f"tools.{kind}")

    def _function(self, tool: ResponseTool, name: str) -> Json:
        is_custom = tool.type == "custom"
        function: Json = {"name": name}
        if description := (_described(tool) if is_custom else tool.description):
            function["description"] = description
        function["parameters"] = (
            _ONE_TEXT if is_custom else orjson.loads(tool.parameters_json or b"null")
        ) or _NO_ARGUMENTS
        if tool.strict:
            function["strict"] = True
        for member, value in orjson.loads(tool.unknown_json or b"{}").items():
            if value not in _USUAL and member not in _QUIET:
                self._dropped.add(f"tools.{member}")
        return {"type": "function", "function": function}

    def _allowed(self, request: ResponseCreation) -> frozenset[str] | None:
        """Return the names of the tools that may be called; None for all."""
        choice = request.tool_choice
        if choice.type != "allowed_tools":
            return None
        return frozenset(chat_name(tool.name, "") for tool in tools_in(choice.tools_json))


_ONE_TEXT: Json = {
    "type": "object",
    "properties": {INPUT: {"type": "string", "description": "The whole input, as it is."}},
    "required": [INPUT],
    "additionalProperties": False,
}


def chat_name(name: str, namespace: str) -> str:
    """Return the name of a tool in a chat: the same one in each turn."""
    return cut(f"{namespace}{_IN_NAMESPACE}{name}" if namespace else name)


def tools_in(tools_json: bytes) -> list[ResponseTool]:
    """Return the tools of a list. InvalidRequest if they do not fit the contract."""
    listed = orjson.loads(tools_json or b"[]")
    if not isinstance(listed, list):
        raise InvalidRequest("tools must be a list", field="tools")
    try:
        return [response_tool_from_json(each, "tools") for each in listed]
    except JsonError as error:
        raise InvalidRequest(str(error), field=error.path) from error


def _unnested(tool: ResponseTool) -> ResponseTool:
    """Return a tool whose members a client put where chats have them."""
    if tool.name or not tool.unknown_json:
        return tool
    held = orjson.loads(tool.unknown_json).get(tool.type)
    return (
        tools_in(orjson.dumps([{"type": tool.type, **held}]))[0] if isinstance(held, dict) else tool
    )


def _described(tool: ResponseTool) -> str:
    """Return a tool's description, with the grammar of its input in words."""
    words = [tool.description] if tool.description else []
    wanted = orjson.loads(tool.format_json or b"null")
    if isinstance(wanted, Mapping) and wanted.get("type") == "grammar":
        syntax, definition = wanted.get("syntax"), wanted.get("definition")
        words.append(f"The input must match this grammar ({syntax}):\n{definition}")
    return "\n\n".join(words)
