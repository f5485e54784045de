"""The body of a request to Perplexity's Agent API, out of an OpenAI-shaped chat.

perplexityai 0.46.1, the Python SDK: generated.api.ResponsesRequestInput. The API refuses members
that it does not know: https://docs.perplexity.ai/docs/agent-api/migrate-from-sonar/how-to.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from conduit.v1.chat_pb2 import ChatCompletionRequest
from conduit.v1.chat_tool_pb2 import (
    TOOL_CHOICE_MODE_AUTO,
    TOOL_CHOICE_MODE_NONE,
    TOOL_CHOICE_MODE_REQUIRED,
    Tool,
)
from conduit_kernel.errors import UnsupportedCapability
from conduit_providers.codecs.perplexity.options import ChatModel
from conduit_providers.codecs.perplexity.turns import Conversation
from conduit_providers.codecs.shared.json_instruction import json_instruction
from conduit_providers.codecs.shared.native import object_in
from conduit_providers.codecs.shared.tool_choice import allowed_names
from conduit_providers.codecs.shared.unsupported import asking, check_text_only, note_unsupported
from conduit_providers.operations.chat import ChatCall
from conduit_providers.spec import Endpoint

Json = dict[str, Any]

# Perplexity's own parameters, passed on as they are.
NATIVE = (
    "effort",
    "instructions",
    "language_preference",
    "max_steps",
    "models",
    "preset",
    "previous_response_id",
    "profile",
    "prompt_cache_key",
    "reasoning",
    "skills",
    "step_budget_reminder",
)
# What chats to Sonar said of their search, which is a tool's now.
_FILTERS = (
    "search_domain_filter",
    "search_recency_filter",
    "search_after_date_filter",
    "search_before_date_filter",
    "last_updated_after_filter",
    "last_updated_before_filter",
)
_PLACE = ("city", "country", "region", "latitude", "longitude")
_SEARCH = "web_search"
# OpenAI's word for more than Perplexity has.
_EFFORTS: Mapping[str, str] = {"max": "xhigh"}
_MODES = {
    TOOL_CHOICE_MODE_AUTO: "auto",
    TOOL_CHOICE_MODE_NONE: "none",
    TOOL_CHOICE_MODE_REQUIRED: "required",
}
_TAKEN = frozenset({"extra_content", "detail"})
_UNTAKEN: Sequence[str] = (
    "seed",
    "stop",
    "logprobs",
    "top_logprobs",
    "presence_penalty",
    "frequency_penalty",
    "user",
    "verbosity",
    "logit_bias",
    "metadata",
)


class ChatBody:
    """Builds one body; notes in the call what is not supported."""

    def __init__(self, call: ChatCall, endpoint: Endpoint, provider: str) -> None:
        self._call = call
        self._request: ChatCompletionRequest = call.typed
        self._model: ChatModel = endpoint.facts_of(call.model)
        self._provider = provider
        self._unknown: Json = orjson.loads(self._request.unknown_json or b"{}")
        self._body: Json = {}

    def build(self) -> Json:
        """Return the members of the body. InvalidRequest if the dialect cannot say the call."""
        items = Conversation(self._call, self._provider).items()
        self._body = {"model": self._call.model, "input": items}
        for name in NATIVE:
            if name in self._unknown:
                self._body[name] = self._unknown.pop(name)
        self._put_tools()
        self._put_format()
        self._put_sampling()
        self._drop_rest()
        if self._call.stream:
            self._body["stream"] = True
        return self._body

    def _drop(self, parameter: str) -> None:
        self._call.drop(parameter, self._provider)

    def _put_tools(self) -> None:
        allowed, choice = self._choice()
        given = [tool for tool in self._request.tools if allowed is None or _name(tool) in allowed]
        tools = [self._tool(tool) for tool in given]
        search = self._search()
        if search is not None and all(tool.get("type") != _SEARCH for tool in tools):
            tools.append(search)
        if not tools:
            return
        self._body["tools"] = tools
        if choice:
            self._body["tool_choice"] = choice
        if self._request.HasField("parallel_tool_calls") and not self._request.parallel_tool_calls:
            self._drop("parallel_tool_calls")

    def _search(self) -> Json | None:
        """Return the search that is asked for, or that the model always has; None for none."""
        filters = {name: self._unknown.pop(name) for name in _FILTERS if name in self._unknown}
        is_asked = "web_search_options" in self._unknown
        wishes = object_in(self._unknown, "web_search_options")
        del self._unknown["web_search_options"]
        if self._unknown.pop("disable_search", False):
            return None
        if not (filters or is_asked or self._model.searches):
            return None
        search: Json = {"type": _SEARCH}
        if size := wishes.pop("search_context_size", None):
            search["search_context_size"] = size
        if place := self._place(wishes.pop("user_location", None)):
            search["user_location"] = place
        if filters:
            search["filters"] = filters
        for name in wishes:
            self._drop(f"web_search_options.{name}")
        return search

    def _place(self, given: object) -> Json:
        """Return where the user is, of OpenAI's form or of Perplexity's own."""
        if not isinstance(given, dict):
            return {}
        inner = given.get("approximate")
        members = inner if isinstance(inner, dict) else given
        for name in members.keys() - {"type", *_PLACE}:
            self._drop(f"web_search_options.user_location.{name}")
        return {name: members[name] for name in _PLACE if members.get(name) is not None}

    def _choice(self) -> tuple[set[str] | None, str | Json]:
        """Return the names that may be called, None for all, and Perplexity's word."""
        choice = self._request.tool_choice
        match choice.WhichOneof("choice"):
            case "mode":
                return None, _MODES.get(choice.mode, "")
            case "function":
                return None, {"type": "function", "name": choice.function.name}
            case "allowed_tools":
                return set(allowed_names(choice)), choice.allowed_tools.mode
            case "custom":
                raise self._no_custom_tools()
            case _:
                return None, ""

    def _no_custom_tools(self) -> UnsupportedCapability:
        return UnsupportedCapability(
            f"{self._provider} knows no tools with free-form input", capability="custom_tools"
        )

    def _tool(self, tool: Tool) -> Json:
        if tool.HasField("custom"):
            raise self._no_custom_tools()
        if not tool.HasField("function"):
            # One of Perplexity's own.
            native: Json = orjson.loads(tool.unknown_json or b"{}")
            return native
        function = tool.function
        found: Json = {"type": "function", "name": function.name}
        if function.description:
            found["description"] = function.description
        if function.parameters_json:
            found["parameters"] = orjson.loads(function.parameters_json)
        if function.HasField("strict"):
            found["strict"] = function.strict
        return found

    def _put_format(self) -> None:
        form = self._request.response_format
        if form.HasField("json_schema"):
            asked = form.json_schema
            schema: Json = {"name": asked.name, "schema": orjson.loads(asked.schema_json or b"{}")}
            if asked.description:
                schema["description"] = asked.description
            if asked.HasField("strict"):
                schema["strict"] = asked.strict
            self._body["response_format"] = {"type": "json_schema", "json_schema": schema}
        elif words := json_instruction(form):
            self._drop("response_format")
            said = {"type": "message", "role": "system", "content": words}
            self._body["input"].insert(0, said)

    def _put_sampling(self) -> None:
        request = self._request
        given = {field.name: value for field, value in request.ListFields()}
        for name in ("max_completion_tokens", "max_tokens"):
            if name in given:
                # The newer name goes first.
                self._body.setdefault("max_output_tokens", given[name])
        for name in ("temperature", "top_p", "store", "service_tier"):
            if name in given:
                self._body[name] = given[name]
        if request.HasField("reasoning_effort") and "reasoning" not in self._body:
            effort = request.reasoning_effort
            self._body["reasoning"] = {"effort": _EFFORTS.get(effort, effort)}

    def _drop_rest(self) -> None:
        note_unsupported(self._call, self._provider, _TAKEN)
        for name in asking(self._request, _UNTAKEN):
            self._drop(name)
        if self._request.n > 1:
            self._drop("n")
        if self._request.audio_json:
            self._drop("audio")
        self._call.drop_members(self._unknown, self._provider)
        check_text_only(self._request, self._provider)


def _name(tool: Tool) -> str:
    if tool.HasField("function"):
        return tool.function.name
    return str(orjson.loads(tool.unknown_json or b"{}").get("type") or "")
