"""The body of a request to Cohere's Chat, out of an OpenAI-shaped chat.

https://docs.cohere.com/reference/chat
"""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from conduit.v1.chat_pb2 import ChatCompletionRequest
from conduit.v1.chat_tool_pb2 import TOOL_CHOICE_MODE_NONE, TOOL_CHOICE_MODE_REQUIRED, Tool
from conduit_kernel.errors import UnsupportedCapability
from conduit_providers.codecs.cohere.options import ChatOptions
from conduit_providers.codecs.cohere.turns import Conversation, put_instruction
from conduit_providers.codecs.shared.json_instruction import json_instruction
from conduit_providers.codecs.shared.named_schema import named_schema
from conduit_providers.codecs.shared.tool_choice import allowed_names
from conduit_providers.codecs.shared.unsupported import asking, check_text_only, note_unsupported
from conduit_providers.operations.chat import ChatCall
from conduit_providers.spec import Endpoint

Json = dict[str, Any]

NO_ARGUMENTS: Json = {"type": "object", "properties": {}}
# The share of the token limit to think with, by effort; harder than that, Cohere advises to set
# no budget. The same shares as for Anthropic's older models.
BUDGET_SHARES: Mapping[str, float] = {"minimal": 0.1, "low": 0.2, "medium": 0.5}
# What Cohere takes for `p` and the penalties.
LEAST_P, MOST_P = 0.01, 0.99
MAX_PENALTY = 1.0

# Cohere's own parameters, passed on as they are.
NATIVE = (
    "citation_options",
    "documents",
    "k",
    "priority",
    "safety_mode",
    "strict_tools",
    "thinking",
)


class ChatBody:
    """Builds one body; notes in the call what is not supported."""

    def __init__(self, call: ChatCall, endpoint: Endpoint, provider: str) -> None:
        self._call = call
        self._request: ChatCompletionRequest = call.typed
        self._options: ChatOptions = endpoint.options
        self._provider = provider
        self._unknown: Json = orjson.loads(self._request.unknown_json or b"{}")
        self._body: Json = {}

    def build(self) -> Json:
        """Return the members of the body."""
        turns = Conversation(self._call, self._provider).turns()
        self._body = {"model": self._call.model, "messages": turns}
        for name in NATIVE:
            if name in self._unknown:
                self._body[name] = self._unknown.pop(name)
        self._put_tools()
        self._put_format()
        self._put_limits()
        self._put_sampling()
        self._put_reasoning()
        self._drop_rest()
        self._body["stream"] = self._call.stream
        return self._body

    def _drop(self, parameter: str) -> None:
        self._call.drop(parameter, self._provider)

    def _put_tools(self) -> None:
        request = self._request
        allowed, must_call = self._choice()
        offered = [tool for tool in request.tools if allowed is None or _name(tool) in allowed]
        if not offered:
            return
        self._body["tools"] = [self._tool(tool) for tool in offered]
        if must_call:
            self._body["tool_choice"] = must_call
        strict = [tool.function.strict for tool in offered]
        if all(strict):
            self._body.setdefault("strict_tools", True)
        elif any(strict):
            # It is all or none.
            self._drop("tools.function.strict")
        if request.HasField("parallel_tool_calls") and not request.parallel_tool_calls:
            self._drop("parallel_tool_calls")

    def _choice(self) -> tuple[set[str] | None, str]:
        """Return the names that may be called, None for all, and Cohere's word for the choice."""
        choice = self._request.tool_choice
        match choice.WhichOneof("choice"):
            case "mode":
                words = {TOOL_CHOICE_MODE_NONE: "NONE", TOOL_CHOICE_MODE_REQUIRED: "REQUIRED"}
                return None, words.get(choice.mode, "")
            case "function":
                # There is no word for one tool; where it is the only one, it must be that.
                return {choice.function.name}, "REQUIRED"
            case "allowed_tools":
                names = set(allowed_names(choice))
                return names, "REQUIRED" if choice.allowed_tools.mode == "required" else ""
            case "custom":
                raise self._no_custom_tools()
            case _:
                return None, ""

    def _no_custom_tools(self) -> UnsupportedCapability:
        return UnsupportedCapability(
            f"{self._provider} knows no tools with free-form input", capability="custom_tools"
        )

    def _tool(self, tool: Tool) -> Json:
        if not tool.HasField("function"):
            raise self._no_custom_tools()
        function = tool.function
        schema = orjson.loads(function.parameters_json or b"{}")
        found: Json = {"name": function.name}
        if function.description:
            found["description"] = function.description
        found["parameters"] = schema or NO_ARGUMENTS
        return {"type": "function", "function": found}

    def _put_format(self) -> None:
        form = self._request.response_format
        instruction = json_instruction(form)
        if instruction and not {"tools", "documents"}.isdisjoint(self._body):
            # Documented as not supported together.
            self._drop("response_format")
            put_instruction(self._body["messages"], instruction)
            return
        if form.HasField("json_object"):
            self._body["response_format"] = {"type": "json_object"}
        elif form.HasField("json_schema"):
            schema = named_schema(form.json_schema)
            self._body["response_format"] = {"type": "json_object", "json_schema": schema}

    def _put_limits(self) -> None:
        limit = self._limit()
        if limit is not None:
            self._body["max_tokens"] = limit
        if self._request.stop:
            self._body["stop_sequences"] = list(self._request.stop)

    def _limit(self) -> int | None:
        request = self._request
        if request.HasField("max_completion_tokens"):
            return request.max_completion_tokens
        return request.max_tokens if request.HasField("max_tokens") else None

    def _put_sampling(self) -> None:
        request = self._request
        for name in ("temperature", "seed"):
            if request.HasField(name):
                self._body[name] = getattr(request, name)
        if request.HasField("top_p"):
            self._body["p"] = min(max(request.top_p, LEAST_P), MOST_P)
            if not LEAST_P <= request.top_p <= MOST_P:
                self._drop("top_p")
        if "top_k" in self._unknown:
            self._body.setdefault("k", self._unknown.pop("top_k"))
        for name in ("frequency_penalty", "presence_penalty"):
            self._put_penalty(name, getattr(request, name))
        if request.logprobs:
            self._body["logprobs"] = True

    def _put_penalty(self, name: str, value: float) -> None:
        if not 0 <= value <= MAX_PENALTY:
            self._drop(name)
        if value > 0:
            self._body[name] = min(value, MAX_PENALTY)

    def _put_reasoning(self) -> None:
        if not self._request.HasField("reasoning_effort") or "thinking" in self._body:
            return
        effort = self._request.reasoning_effort
        if effort == "none":
            self._body["thinking"] = {"type": "disabled"}
            return
        thinking: dict[str, object] = {"type": "enabled"}
        if effort in BUDGET_SHARES:
            limit = self._limit() or self._options.output_tokens
            thinking["token_budget"] = max(1, int(limit * BUDGET_SHARES[effort]))
        self._body["thinking"] = thinking

    def _drop_rest(self) -> None:
        note_unsupported(self._call, self._provider, ("detail",))
        for name in _dropped(self._request):
            self._drop(name)
        self._call.drop_members(self._unknown, self._provider)
        check_text_only(self._request, self._provider)


def _name(tool: Tool) -> str:
    return tool.function.name if tool.HasField("function") else tool.custom.name


# What the API has no word for.
_UNTAKEN: Sequence[str] = (
    "top_logprobs",
    "user",
    "store",
    "service_tier",
    "verbosity",
    "logit_bias",
    "metadata",
)


def _dropped(request: ChatCompletionRequest) -> list[str]:
    names = asking(request, _UNTAKEN)
    if request.n > 1:
        names.append("n")
    if request.audio_json:
        names.append("audio")
    return names
