"""The body of a request to Anthropic's Messages, out of an OpenAI-shaped chat."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from conduit.v1.chat_pb2 import ChatCompletionRequest
from conduit_providers.codecs.anthropic.betas import taken_betas
from conduit_providers.codecs.anthropic.options import ChatModel, ChatOptions
from conduit_providers.codecs.anthropic.tools import NATIVE as NATIVE_OF_TOOLS
from conduit_providers.codecs.anthropic.tools import search_tool, tool_choice, tools
from conduit_providers.codecs.anthropic.turns import (
    NATIVE_OF_DOCUMENTS,
    calls_without_thoughts,
    system_blocks,
    turns,
)
from conduit_providers.codecs.shared import json_instruction
from conduit_providers.codecs.shared.claude_thinking import adaptive, is_for
from conduit_providers.codecs.shared.named_schema import named_schema
from conduit_providers.codecs.shared.native import object_in
from conduit_providers.codecs.shared.schemas import answer_schema
from conduit_providers.codecs.shared.turns import is_thinking
from conduit_providers.codecs.shared.unsupported import asking, check_text_only, note_unsupported
from conduit_providers.operations.chat import ChatCall

Json = dict[str, Any]

# The API refuses smaller budgets.
MIN_BUDGET = 1024
# The share of the token limit that models of the older kind may think with, by effort; the same
# shares that OpenRouter documents. https://openrouter.ai/docs/use-cases/reasoning-tokens
BUDGET_SHARES: Mapping[str, float] = {
    "minimal": 0.1,
    "low": 0.2,
    "medium": 0.5,
    "high": 0.8,
    "xhigh": 0.95,
    "max": 0.95,
}
# OpenAI's least effort has no equal.
EFFORTS: Mapping[str, str] = {"minimal": "low"}
# Before Claude Opus 4.7, the step above `high` had another name.
OLDER_EFFORTS: Mapping[str, str] = {"minimal": "low", "xhigh": "max"}
FORCED = frozenset({"any", "tool"})

MAX_TEMPERATURE = 1.0

SERVICE_TIERS: Mapping[str, str] = {
    "auto": "auto",
    "default": "standard_only",
    "standard_only": "standard_only",
}

# Anthropic's own parameters, passed on as they are.
NATIVE = (
    "billing_policy",
    "cache_control",
    "compaction",
    "container",
    "context_management",
    "diagnostics",
    "fallback_credit_token",
    "fallbacks",
    "inference_geo",
    "mcp_servers",
    "output_config",
    "speed",
    "thinking",
    "thread",
    "top_k",
)

# What is taken of messages, parts and tools beyond what every dialect takes.
TAKEN = frozenset({*NATIVE_OF_TOOLS, *NATIVE_OF_DOCUMENTS, "annotations", "is_error"})

# There is no mode for just any JSON, and answers can no longer be begun for the model.
JSON_OBJECT_INSTRUCTION = json_instruction.OBJECT


class MessagesBody:
    """Builds one body; notes in the call what is not supported."""

    def __init__(
        self, call: ChatCall, options: ChatOptions, model: ChatModel, provider: str
    ) -> None:
        self._call = call
        self._request: ChatCompletionRequest = call.typed
        self._options = options
        self._model = model
        self._provider = provider
        self._unknown: Json = orjson.loads(self._request.unknown_json or b"{}")
        self._body: Json = {}
        # The betas that the request names.
        self.betas = taken_betas(self._unknown)

    def build(self) -> Json:
        """Return the members of the body, `model` and `stream` included."""
        self._body = {"model": self._call.model, "max_tokens": self._max_tokens()}
        self._put_native()
        self._leave_room_for_thoughts()
        self._put_conversation()
        self._put_tools()
        self._put_format()
        self._put_reasoning()
        self._put_sampling()
        self._put_others()
        self._drop_rest()
        if self._call.stream:
            self._body["stream"] = True
        return self._body

    def _drop(self, parameter: str) -> None:
        self._call.drop(parameter, self._provider)

    def _max_tokens(self) -> int:
        request = self._request
        if request.HasField("max_completion_tokens"):
            return request.max_completion_tokens
        if request.HasField("max_tokens"):
            return request.max_tokens
        return self._options.default_max_tokens

    def _leave_room_for_thoughts(self) -> None:
        """Raise a limit of our own above the budget that the caller gives thoughts."""
        request, thinking = self._request, self._body.get("thinking")
        has_limit = request.HasField("max_completion_tokens") or request.HasField("max_tokens")
        budget = thinking.get("budget_tokens") if isinstance(thinking, dict) else None
        if isinstance(budget, int) and not has_limit and budget >= self._body["max_tokens"]:
            self._body["max_tokens"] = budget + self._options.default_max_tokens

    def _put_native(self) -> None:
        for name in NATIVE:
            if name in self._unknown:
                self._body[name] = self._unknown.pop(name)

    def _put_conversation(self) -> None:
        system = system_blocks(self._request.messages, self._call, self._provider)
        if self._request.response_format.HasField("json_object"):
            system.append({"type": "text", "text": JSON_OBJECT_INSTRUCTION})
        if len(system) == 1 and len(system[0]) == len(("type", "text")):
            self._body["system"] = system[0]["text"]
        elif system:
            self._body["system"] = system
        self._body["messages"] = turns(self._request.messages, self._call, self._provider)

    def _put_tools(self) -> None:
        offered = tools(self._call, self._provider)
        search = self._unknown.pop("web_search_options", None)
        if isinstance(search, dict):
            if search.get("search_context_size"):
                self._drop("web_search_options.search_context_size")
            offered.append(search_tool(search))
        if offered:
            self._body["tools"] = offered
        choice = tool_choice(self._request)
        if choice and offered:
            self._body["tool_choice"] = choice
            if choice["type"] in FORCED and not self._model.takes_forced_tools:
                self._drop("tool_choice")
                choice["type"] = "auto"
                choice.pop("name", None)

    def _put_format(self) -> None:
        if not self._request.response_format.HasField("json_schema"):
            return
        asked = self._request.response_format.json_schema
        schema = named_schema(asked, answer_schema(self._call, self._provider))
        self._output_config().setdefault("format", {"type": "json_schema", "schema": schema})

    def _put_reasoning(self) -> None:
        if "thinking" in self._body:
            # The caller has said it in Anthropic's own words.
            self._fit_thinking()
            return
        if not self._request.HasField("reasoning_effort"):
            return
        effort = self._request.reasoning_effort
        if effort == "none":
            self._put_no_thinking()
        elif self._body.get("tool_choice", {}).get("type") in FORCED:
            # The API refuses to think when a tool must be called.
            self._drop("reasoning_effort")
        elif self._model.thinking == "budget":
            self._put_budget(effort)
        else:
            # By default some models return their thoughts sealed only.
            self._body["thinking"] = {"type": "adaptive", "display": "summarized"}
            efforts = EFFORTS if self._model.knows_xhigh else OLDER_EFFORTS
            self._put_effort(efforts.get(effort, effort))

    def _fit_thinking(self) -> None:
        """Say what the caller asks for as the model takes it.

        https://platform.claude.com/docs/en/build-with-claude/extended-thinking
        """
        asked, model = self._body["thinking"], self._model
        if is_for(asked, model):
            return
        self._drop("thinking")
        del self._body["thinking"]
        if asked["type"] == "disabled":
            self._put_no_thinking("thinking")
        elif model.thinking == "budget":
            self._put_budget("medium", "thinking")
        else:
            self._body["thinking"] = adaptive(asked)

    def _put_effort(self, effort: str) -> None:
        self._output_config().setdefault("effort", effort)

    def _output_config(self) -> Json:
        return object_in(self._body, "output_config")

    def _put_no_thinking(self, by: str = "reasoning_effort") -> None:
        if self._model.least_thinking == "low":
            # As near as it gets.
            self._drop(by)
            self._put_effort("low")
        else:
            self._body["thinking"] = {"type": self._model.least_thinking}

    def _put_budget(self, effort: str, by: str = "reasoning_effort") -> None:
        limit = self._body["max_tokens"]
        share = BUDGET_SHARES.get(effort, BUDGET_SHARES["medium"])
        if limit <= MIN_BUDGET or calls_without_thoughts(self._body["messages"]):
            self._drop(by)
            return
        budget = min(max(MIN_BUDGET, int(limit * share)), limit - 1)
        self._body["thinking"] = {"type": "enabled", "budget_tokens": budget}

    def _put_sampling(self) -> None:
        request = self._request
        thinks = is_thinking(self._body.get("thinking"))
        takes = self._model.takes_sampling and not thinks
        if not takes and self._body.pop("top_k", None) is not None:
            self._drop("top_k")
        if request.HasField("temperature"):
            if takes:
                self._body["temperature"] = min(request.temperature, MAX_TEMPERATURE)
                if request.temperature > MAX_TEMPERATURE:
                    self._drop("temperature")
            elif request.temperature != MAX_TEMPERATURE:
                self._drop("temperature")
        if request.HasField("top_p"):
            # Newer models refuse both at once.
            if takes and "temperature" not in self._body:
                self._body["top_p"] = request.top_p
            elif request.top_p != 1:
                self._drop("top_p")

    def _put_others(self) -> None:
        request = self._request
        # The API refuses sequences of nothing but white space.
        stops = [stop for stop in request.stop if stop.strip()]
        if stops:
            self._body["stop_sequences"] = stops
        if len(stops) < len(request.stop):
            self._drop("stop")
        user = request.user or self._unknown.pop("safety_identifier", "")
        if user:
            self._body["metadata"] = {"user_id": user}
        if request.HasField("service_tier"):
            tier = SERVICE_TIERS.get(request.service_tier)
            if tier:
                self._body["service_tier"] = tier
            else:
                self._drop("service_tier")

    def _drop_rest(self) -> None:
        note_unsupported(self._call, self._provider, TAKEN)
        for name in _dropped(self._request):
            self._drop(name)
        self._call.drop_members(self._unknown, self._provider)
        check_text_only(self._request, self._provider)


# What the API has no word for.
_UNTAKEN: Sequence[str] = (
    "presence_penalty",
    "frequency_penalty",
    "logprobs",
    "top_logprobs",
    "seed",
    "store",
    "verbosity",
)


def _dropped(request: ChatCompletionRequest) -> list[str]:
    names = asking(request, _UNTAKEN)
    if request.n > 1:
        names.append("n")
    names += [name for name in ("logit_bias", "metadata") if getattr(request, name)]
    if request.audio_json:
        names.append("audio")
    return names
