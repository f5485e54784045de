"""The body of a request to Ollama's chat, out of an OpenAI-shaped one.

https://docs.ollama.com/api/chat
"""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from conduit.v1.chat_pb2 import ChatCompletionRequest
from conduit.v1.chat_tool_pb2 import TOOL_CHOICE_MODE_NONE, TOOL_CHOICE_MODE_REQUIRED, Tool
from conduit_kernel.errors import UnsupportedCapability
from conduit_providers.codecs.ollama.options import ChatModel
from conduit_providers.codecs.ollama.turns import Turns
from conduit_providers.codecs.shared.json_instruction import json_instruction
from conduit_providers.codecs.shared.named_schema import named_schema
from conduit_providers.codecs.shared.tool_choice import allowed_names
from conduit_providers.codecs.shared.unsupported import asking, check_text_only, note_unsupported
from conduit_providers.operations.chat import ChatCall
from conduit_providers.spec import Endpoint

Json = dict[str, Any]

# As Ollama's own OpenAI dialect reads an effort; false turns thinking off.
EFFORTS: Mapping[str, str | bool] = {
    "none": False,
    "minimal": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "max",
    "max": "max",
}
# Ollama's own parameters, passed on as they are.
NATIVE = ("keep_alive", "think", "truncate", "shift", "format")
# Those that stand among the options. https://docs.ollama.com/modelfile#parameter
NATIVE_OPTIONS = frozenset(
    {
        "main_gpu",
        "min_p",
        "mirostat",
        "mirostat_eta",
        "mirostat_tau",
        "num_batch",
        "num_ctx",
        "num_gpu",
        "num_keep",
        "num_predict",
        "num_thread",
        "penalize_newline",
        "repeat_last_n",
        "repeat_penalty",
        "tfs_z",
        "top_k",
        "typical_p",
        "use_mmap",
    }
)


class ChatBody:
    """Builds one body; notes in the call what is not supported."""

    def __init__(self, call: ChatCall, endpoint: Endpoint, provider: str) -> None:
        self._call = call
        self._request: ChatCompletionRequest = call.typed
        self._model: ChatModel = endpoint.facts_of(call.model)
        self._provider = provider
        self._unknown: Json = orjson.loads(self._request.unknown_json or b"{}")

    def build(self) -> Json:
        """Return the members of the body. InvalidRequest if the dialect cannot say the call."""
        messages = Turns(self._call, self._provider).messages(self._request.messages)
        body: Json = {
            "model": self._call.model,
            "messages": messages,
            "stream": self._call.stream,
        }
        if tools := self._tools():
            body["tools"] = tools
        if options := self._options():
            body["options"] = options
        if "tools" not in body or not self._instruct(body):
            self._put_format(body)
        self._put_think(body)
        if self._request.logprobs:
            body["logprobs"] = True
            if self._request.top_logprobs:
                body["top_logprobs"] = self._request.top_logprobs
        body |= {name: self._unknown.pop(name) for name in NATIVE if name in self._unknown}
        self._drop_rest()
        return body

    def _drop(self, parameter: str) -> None:
        self._call.drop(parameter, self._provider)

    def _options(self) -> Json:
        options: Json = {}
        given = {field.name: value for field, value in self._request.ListFields()}
        for name, spelled in _SAME:
            if name in given:
                # The newer name goes first.
                options.setdefault(spelled, given[name])
        if self._request.stop:
            options["stop"] = list(self._request.stop)
        for name in NATIVE_OPTIONS & self._unknown.keys():
            options[name] = self._unknown.pop(name)
        native = self._unknown.get("options")
        if isinstance(native, dict):
            options |= self._unknown.pop("options")
        return dict(sorted(options.items()))

    def _instruct(self, body: Json) -> bool:
        """Say a JSON format in words beside tools: a grammar would keep the model from calling."""
        words = json_instruction(self._request.response_format)
        if words:
            self._drop("response_format")
            body["messages"].insert(0, {"role": "system", "content": words})
        return bool(words)

    def _put_format(self, body: Json) -> None:
        asked = self._request.response_format
        if asked.HasField("json_schema") and asked.json_schema.schema_json:
            body["format"] = named_schema(asked.json_schema)
        elif asked.HasField("json_object") or asked.HasField("json_schema"):
            body["format"] = "json"

    def _put_think(self, body: Json) -> None:
        if not self._request.HasField("reasoning_effort"):
            return
        think = EFFORTS.get(self._request.reasoning_effort)
        if self._model.always_thinks:
            if think is False:
                # Its thinking cannot be turned off; this is as near as it gets.
                self._drop("reasoning_effort")
                think = "low"
            elif think == "max":
                think = "high"
        if think is None:
            self._drop("reasoning_effort")
        else:
            body["think"] = think

    def _tools(self) -> list[Json]:
        choice = self._request.tool_choice
        tools = [self._tool(tool) for tool in self._request.tools]
        match choice.WhichOneof("choice"):
            case "mode" if choice.mode == TOOL_CHOICE_MODE_NONE:
                return []
            case "mode" if choice.mode == TOOL_CHOICE_MODE_REQUIRED:
                self._drop("tool_choice")
            case "function":
                # Calls cannot be forced, but other functions can be kept away.
                self._drop("tool_choice")
                return _named(tools, {choice.function.name})
            case "allowed_tools":
                if choice.allowed_tools.mode == "required":
                    self._drop("tool_choice")
                return _named(tools, set(allowed_names(choice)))
            case _:
                pass
        return tools

    def _tool(self, tool: Tool) -> Json:
        if not tool.HasField("function"):
            raise UnsupportedCapability(
                f"{self._provider} knows no tools with free-form input", capability="custom_tools"
            )
        function = tool.function
        if function.strict:
            self._drop("tools.function.strict")
        found: Json = {"name": function.name}
        if function.description:
            found["description"] = function.description
        schema = orjson.loads(function.parameters_json) if function.parameters_json else None
        found["parameters"] = schema or {"type": "object", "properties": {}}
        return {"type": "function", "function": found}

    def _drop_rest(self) -> None:
        note_unsupported(self._call, self._provider)
        request = self._request
        for name in asking(request, _UNTAKEN):
            self._drop(name)
        if request.n > 1:
            self._drop("n")
        check_text_only(request, self._provider)
        if request.audio_json:
            self._drop("audio")
        if request.HasField("parallel_tool_calls") and not request.parallel_tool_calls:
            self._drop("parallel_tool_calls")
        self._call.drop_members(self._unknown, self._provider)


_SAME: Sequence[tuple[str, str]] = (
    ("max_completion_tokens", "num_predict"),
    ("max_tokens", "num_predict"),
    ("temperature", "temperature"),
    ("top_p", "top_p"),
    ("seed", "seed"),
    ("presence_penalty", "presence_penalty"),
    ("frequency_penalty", "frequency_penalty"),
)
# What the API has no word for.
_UNTAKEN = ("logit_bias", "user", "metadata", "store", "service_tier", "verbosity")


def _named(tools: list[Json], names: set[str]) -> list[Json]:
    return [tool for tool in tools if tool["function"]["name"] in names]
