"""Tools as Bedrock's Converse requires them.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ToolConfiguration.html

What the API has no member for is expressed with those it has:

* `none` leaves the tools out. Where the conversation has calls in it, the API requires tools; then
  they stay, and an instruction says not to call them.
* A function by name, where the model takes no names, leaves the other tools out and demands any.
* An answer by a schema, where the model knows none, is the input of one more tool that it must
  call.
"""

from typing import Any

import orjson

from conduit.v1.chat_pb2 import ChatCompletionRequest
from conduit.v1.chat_tool_pb2 import TOOL_CHOICE_MODE_NONE, TOOL_CHOICE_MODE_REQUIRED, Tool
from conduit_kernel.errors import UnsupportedCapability
from conduit_providers.codecs.bedrock.options import ChatModel
from conduit_providers.codecs.bedrock.turns import cache_point
from conduit_providers.codecs.shared.call_ids import MAX_CHARS, tool_name
from conduit_providers.codecs.shared.object_schemas import object_schema
from conduit_providers.codecs.shared.schemas import strict_schema
from conduit_providers.codecs.shared.tool_choice import allowed_names
from conduit_providers.operations.chat import ChatCall

Json = dict[str, Any]
NO_ARGUMENTS: Json = {"type": "object", "properties": {}}
NO_CALLS_INSTRUCTION = "Do not call any tool now. Answer in text."
ANSWER_TOOL = "answer"
ANSWER_DESCRIPTION = "Gives the answer to the user. Call it once, when the answer is complete."


def answer_tool(call: ChatCall, model: ChatModel) -> str:
    """Return the name of the tool that stands for a schema; empty where there is none."""
    form = call.typed.response_format
    if not form.HasField("json_schema") or model.takes_schemas:
        return ""
    return form.json_schema.name or ANSWER_TOOL


class ToolConfig:
    """Builds the `toolConfig` of one call."""

    def __init__(self, call: ChatCall, model: ChatModel, provider: str) -> None:
        self._call = call
        self._request: ChatCompletionRequest = call.typed
        self._model = model
        self._provider = provider
        # What else the model must be told.
        self.instruction = ""

    def build(self) -> Json | None:
        """Return the configuration; None if there are no tools."""
        if any(not tool.HasField("function") for tool in self._request.tools):
            raise _no_custom()
        tools, choice = self._offered()
        answer = answer_tool(self._call, self._model)
        if answer:
            tools.append(self._answer(answer))
            choice = self._named(answer) if len(tools) == 1 else {"any": {}}
        if not tools:
            return None
        return {"tools": tools} | ({"toolChoice": choice} if choice else {})

    def _offered(self) -> tuple[list[Json], Json | None]:
        choice, tools = self._request.tool_choice, list(self._request.tools)
        match choice.WhichOneof("choice"):
            case "mode" if choice.mode == TOOL_CHOICE_MODE_NONE or not tools:
                return self._kept(), None
            case "mode":
                is_required = choice.mode == TOOL_CHOICE_MODE_REQUIRED
                return self._specs(tools), {"any": {}} if is_required else {"auto": {}}
            case "function":
                return self._only(tools, choice.function.name)
            case "allowed_tools":
                names = set(allowed_names(choice))
                is_required = choice.allowed_tools.mode == "required"
                kept = [each for each in tools if each.function.name in names]
                return self._specs(kept), {"any": {}} if is_required else None
            case "custom":
                raise _no_custom()
            case _:
                return (self._specs(tools) if tools else self._kept()), None

    def _only(self, tools: list[Tool], name: str) -> tuple[list[Json], Json]:
        if not self._model.takes_named_tools:
            tools = [each for each in tools if each.function.name == name]
        return self._specs(tools), self._named(name)

    def _named(self, name: str) -> Json:
        return {"tool": {"name": name}} if self._model.takes_named_tools else {"any": {}}

    def _kept(self) -> list[Json]:
        """Return the tools of a conversation with calls in it that must call no more."""
        called = dict.fromkeys(
            tool_name(each.function.name, MAX_CHARS)
            for m in self._request.messages
            for each in m.tool_calls
        )
        if not called:
            return []
        self.instruction = NO_CALLS_INSTRUCTION
        if self._request.tools:
            return self._specs(list(self._request.tools))
        return [_spec(name, NO_ARGUMENTS) for name in called]

    def _specs(self, tools: list[Tool]) -> list[Json]:
        return [block for tool in tools for block in self._tool(tool)]

    def _tool(self, tool: Tool) -> list[Json]:
        function = tool.function
        schema = orjson.loads(function.parameters_json or b"null") or NO_ARGUMENTS
        schema = self._object(schema, "tools.function.parameters")
        is_strict = function.strict and self._model.takes_schemas
        if is_strict:
            schema = strict_schema(schema, self._call, self._provider)
        elif function.strict:
            self._call.drop("tools.function.strict", self._provider)
        block = _spec(function.name, schema, function.description)
        if is_strict:
            block["toolSpec"]["strict"] = True
        unknown = (orjson.loads(raw or b"{}") for raw in (tool.unknown_json, function.unknown_json))
        marks = (each["cache_control"] for each in unknown if each.get("cache_control"))
        mark = next((mark for mark in marks if isinstance(mark, dict)), None)
        if mark is not None and not self._model.caches_prompts:
            self._call.drop("tools.cache_control", self._provider)
            mark = None
        return [block] if mark is None else [block, cache_point(mark.get("ttl"))]

    def _answer(self, name: str) -> Json:
        asked = self._request.response_format.json_schema
        schema = orjson.loads(asked.schema_json or b"null") or {"type": "object"}
        schema = self._object(schema, "response_format.json_schema.schema")
        return _spec(name, schema, asked.description or ANSWER_DESCRIPTION)

    def _object(self, schema: Any, place: str) -> Any:  # noqa: ANN401 # any JSON
        """Return a schema as the API takes it: of an object, with its members at its top."""
        if not isinstance(schema, dict):
            return schema
        found, is_wider = object_schema(schema)
        if is_wider:
            self._call.drop(place, self._provider)
        return found


def _spec(name: str, schema: Json, description: str = "") -> Json:
    spec: Json = {"name": name, "inputSchema": {"json": schema}}
    if description:
        spec["description"] = description
    return {"toolSpec": spec}


def _no_custom() -> UnsupportedCapability:
    return UnsupportedCapability(
        "Bedrock's dialect knows no tools with free-form input", capability="custom_tools"
    )
