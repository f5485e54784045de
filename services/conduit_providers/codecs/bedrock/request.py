"""The body of a request to Bedrock's Converse, out of an OpenAI-shaped chat.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
"""

import re
from collections.abc import Mapping
from typing import Any

import orjson

from conduit.v1.chat_pb2 import ChatCompletionRequest
from conduit_providers.codecs.anthropic.betas import betas_of, taken_betas
from conduit_providers.codecs.anthropic.request import (
    BUDGET_SHARES,
    EFFORTS,
    JSON_OBJECT_INSTRUCTION,
    MAX_TEMPERATURE,
    MIN_BUDGET,
    OLDER_EFFORTS,
)
from conduit_providers.codecs.bedrock.options import ChatModel
from conduit_providers.codecs.bedrock.tools import ToolConfig, answer_tool
from conduit_providers.codecs.bedrock.turns import (
    NATIVE_OF_DOCUMENTS,
    Conversation,
    calls_without_thoughts,
)
from conduit_providers.codecs.shared.claude_thinking import adaptive, is_for
from conduit_providers.codecs.shared.native import object_in
from conduit_providers.codecs.shared.schemas import answer_schema
from conduit_providers.codecs.shared.turns import is_thinking
from conduit_providers.codecs.shared.unsupported import (
    check_text_only,
    is_default,
    note_unsupported,
)
from conduit_providers.operations.chat import ChatCall
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target

Json = dict[str, Any]

# Converse's own members, passed on as they are.
NATIVE = (
    "additionalModelResponseFieldPaths",
    "guardrailConfig",
    "performanceConfig",
    "projectIdentifier",
    "promptVariables",
    "requestMetadata",
    "serviceTier",
)
# Parameters of models, for `additionalModelRequestFields`; others can be given in that itself.
OF_MODELS = ("reasoningConfig", "reasoning_config", "thinking")
# Of which a budget is a share where the request sets no limit, as for Anthropic's own API.
DEFAULT_MAX_TOKENS = 16_384
# What is taken of messages, parts and tools beyond what every dialect takes.
TAKEN = frozenset({*NATIVE_OF_DOCUMENTS, "annotations", "cache_control", "is_error"})
# For models with three levels of effort.
LEVELS: Mapping[str, str] = {"minimal": "low", "xhigh": "high", "max": "high"}
SERVICE_TIERS = frozenset({"default", "flex", "priority", "reserved"})
# What notes for the invocation log may consist of.
_NOTE = re.compile(r"[a-zA-Z0-9\s:_@$#=/+,.-]{1,256}")


class ConverseBody:
    """Builds one body; notes in the call what is not supported."""

    def __init__(self, call: ChatCall, endpoint: Endpoint, target: Target) -> None:
        self._call = call
        self._request: ChatCompletionRequest = call.typed
        self._model: ChatModel = endpoint.facts_of(call.model)
        self._provider = target.provider_name
        self._settings = target.settings
        self._unknown: Json = orjson.loads(self._request.unknown_json or b"{}")
        # What stands in `additionalModelRequestFields` is for the very model.
        self._names_thoughts = "thinking" in self._unknown
        self._fields = object_in(self._unknown, "additionalModelRequestFields")
        self._output = object_in(self._unknown, "outputConfig")
        for name in ("additionalModelRequestFields", "outputConfig"):
            del self._unknown[name]
        self._inference: Json = {}
        self._body: Json = {}

    def build(self) -> Json:
        """Return the members of the body."""
        self._put_native()
        self._put_conversation()
        self._put_format()
        self._put_limits()
        self._put_reasoning()
        self._put_sampling()
        self._put_others()
        self._put_betas()
        self._drop_rest()
        for name, value in (
            ("inferenceConfig", self._inference),
            ("outputConfig", self._output),
            ("additionalModelRequestFields", self._fields),
        ):
            if value:
                self._body[name] = value
        return self._body

    def _drop(self, parameter: str) -> None:
        self._call.drop(parameter, self._provider)

    @property
    def _is_claude(self) -> bool:
        return "claude" in self._call.model

    def _put_native(self) -> None:
        for name in NATIVE:
            if name in self._unknown:
                self._body[name] = self._unknown.pop(name)
        for name in OF_MODELS:
            if name in self._unknown:
                self._fields[name] = self._unknown.pop(name)

    def _put_conversation(self) -> None:
        conversation = Conversation(self._call, self._model, self._provider)
        system = conversation.system()
        self._body["messages"] = conversation.turns()
        config = ToolConfig(self._call, self._model, self._provider)
        tools = config.build()
        if tools:
            self._body["toolConfig"] = self._unforced(tools)
        if config.instruction:
            system.append({"text": config.instruction})
        if self._request.response_format.HasField("json_object"):
            system.append({"text": JSON_OBJECT_INSTRUCTION})
        if system:
            self._body["system"] = system

    def _unforced(self, tools: Json) -> Json:
        """Leave it to the models that refuse forced tools whether they call one."""
        forced = not {"any", "tool"}.isdisjoint(tools.get("toolChoice", ()))
        if forced and not self._model.takes_forced_tools:
            self._drop("tool_choice")
            tools["toolChoice"] = {"auto": {}}
        return tools

    def _put_format(self) -> None:
        form = self._request.response_format
        if not form.HasField("json_schema") or answer_tool(self._call, self._model):
            return
        asked = form.json_schema
        schema = answer_schema(self._call, self._provider)
        # The schema travels as text.
        described: Json = {"schema": orjson.dumps(schema).decode()}
        if asked.name:
            described["name"] = asked.name
        if asked.description:
            described["description"] = asked.description
        text_format = {"type": "json_schema", "structure": {"jsonSchema": described}}
        self._output.setdefault("textFormat", text_format)

    def _put_limits(self) -> None:
        request = self._request
        if request.HasField("max_completion_tokens"):
            self._inference["maxTokens"] = request.max_completion_tokens
        elif request.HasField("max_tokens"):
            self._inference["maxTokens"] = request.max_tokens
        # Blank sequences are refused.
        stops = [stop for stop in request.stop if stop.strip()]
        if stops:
            self._inference["stopSequences"] = stops
        if len(stops) < len(request.stop):
            self._drop("stop")

    def _put_reasoning(self) -> None:
        request = self._request
        said = {"thinking", "reasoningConfig", "reasoning_config"} & self._fields.keys()
        if self._names_thoughts and self._model.thinking in {"effort", "budget"}:
            self._fit_thinking()
        if not request.HasField("reasoning_effort") or said:
            # The caller may have said it in the model's own words.
            return
        effort = request.reasoning_effort
        match self._model.thinking:
            case "reasoning_effort":
                self._put_level(effort)
            case "reasoningConfig":
                self._put_nova(effort)
            case "effort" | "budget":
                self._put_claude(effort)
            case "none" if effort != "none":
                self._drop("reasoning_effort")

    def _put_level(self, effort: str) -> None:
        if effort == "none":
            self._drop("reasoning_effort")
        else:
            self._fields["reasoning_effort"] = LEVELS.get(effort, effort)

    def _put_nova(self, effort: str) -> None:
        """https://docs.aws.amazon.com/nova/latest/nova2-userguide/extended-thinking.html"""  # noqa: D400, D415 # an address
        if effort == "none":
            self._fields["reasoningConfig"] = {"type": "disabled"}
            return
        level = LEVELS.get(effort, effort)
        if level == "high" and "maxTokens" in self._inference:
            # At this level Nova refuses a limit, which the caller has set for a reason.
            level = "medium"
        self._fields["reasoningConfig"] = {"type": "enabled", "maxReasoningEffort": level}

    def _put_claude(self, effort: str) -> None:
        choice = self._body.get("toolConfig", {}).get("toolChoice", {})
        if effort == "none":
            self._put_no_thinking()
        elif not choice.keys().isdisjoint({"any", "tool"}):
            # Claude refuses to think when a tool must be called.
            self._drop("reasoning_effort")
        elif self._model.thinking == "budget":
            self._put_budget(effort)
        else:
            # By default some models return their thoughts sealed only.
            self._fields["thinking"] = {"type": "adaptive", "display": "summarized"}
            efforts = EFFORTS if self._model.knows_xhigh else OLDER_EFFORTS
            self._output.setdefault("effort", efforts.get(effort, effort))

    def _fit_thinking(self) -> None:
        """Say what the caller asks Claude for as the model takes it."""
        asked = self._fields["thinking"]
        if is_for(asked, self._model):
            return
        self._drop("thinking")
        del self._fields["thinking"]
        if asked["type"] == "disabled":
            self._put_no_thinking("thinking")
        elif self._model.thinking == "budget":
            self._put_budget("medium", "thinking")
        else:
            self._fields["thinking"] = adaptive(asked)

    def _put_no_thinking(self, by: str = "reasoning_effort") -> None:
        if self._model.least_thinking == "low":
            # As near as it gets.
            self._drop(by)
            self._output.setdefault("effort", "low")
        else:
            self._fields["thinking"] = {"type": self._model.least_thinking}

    def _put_budget(self, effort: str, by: str = "reasoning_effort") -> None:
        limit = self._inference.get("maxTokens", DEFAULT_MAX_TOKENS)
        if limit <= MIN_BUDGET or calls_without_thoughts(self._body["messages"]):
            self._drop(by)
            return
        share = BUDGET_SHARES.get(effort, BUDGET_SHARES["medium"])
        budget = min(max(MIN_BUDGET, int(limit * share)), limit - 1)
        self._fields["thinking"] = {"type": "enabled", "budget_tokens": budget}

    def _put_sampling(self) -> None:
        request, takes = self._request, self._takes_sampling()
        top_k = self._unknown.pop("top_k", None)
        if top_k is not None and takes:
            self._put_top_k(top_k)
        elif top_k is not None:
            self._drop("top_k")
        if request.HasField("temperature"):
            if takes:
                self._inference["temperature"] = min(request.temperature, MAX_TEMPERATURE)
                if request.temperature > MAX_TEMPERATURE:
                    self._drop("temperature")
            elif request.temperature != MAX_TEMPERATURE:
                self._drop("temperature")
        if request.HasField("top_p"):
            # Newer models of Claude refuse both at once.
            if takes and not (self._is_claude and "temperature" in self._inference):
                self._inference["topP"] = request.top_p
            elif request.top_p != 1:
                self._drop("top_p")

    def _takes_sampling(self) -> bool:
        if self._is_claude:
            thinks = is_thinking(self._fields.get("thinking"))
            return self._model.takes_sampling and not thinks
        thought = self._fields.get("reasoningConfig")
        return not isinstance(thought, dict) or thought.get("maxReasoningEffort") != "high"

    def _put_top_k(self, top_k: object) -> None:
        path = self._model.top_k
        inside = self._fields
        for name in path[:-1]:
            inside = object_in(inside, name)
        inside[path[-1]] = top_k

    def _put_others(self) -> None:
        request = self._request
        tier = request.service_tier
        if tier in SERVICE_TIERS:
            self._body.setdefault("serviceTier", {"type": tier})
        elif tier not in {"", "auto"}:
            self._drop("service_tier")
        notes = dict(request.metadata)
        if all(_NOTE.fullmatch(text) for note in notes.items() for text in note):
            if notes:
                self._body.setdefault("requestMetadata", notes)
        else:
            self._drop("metadata")

    def _put_betas(self) -> None:
        named = taken_betas(self._unknown) + taken_betas(self._fields)
        if self._is_claude:
            named = betas_of(self._call, self._settings, named, self._fields)
        if named:
            self._fields["anthropic_beta"] = named

    def _drop_rest(self) -> None:
        note_unsupported(self._call, self._provider, TAKEN)
        request = self._request
        # Zero and false ask for what happens anyway.
        for name in _UNTAKEN:
            value = getattr(request, name)
            if value and not is_default(name, value):
                self._drop(name)
        if request.n > 1:
            self._drop("n")
        if request.audio_json:
            self._drop("audio")
        if request.HasField("parallel_tool_calls") and not request.parallel_tool_calls:
            self._put_one_call()
        self._call.drop_members(self._unknown, self._provider)
        check_text_only(request, self._provider)

    def _put_one_call(self) -> None:
        """Ask for one call at a time, for which Claude alone has a word, of its own."""
        choice = self._body.get("toolConfig", {}).get("toolChoice", {"auto": {}})
        if not self._is_claude or "toolConfig" not in self._body or "auto" not in choice:
            self._drop("parallel_tool_calls")
            return
        self._fields.setdefault("tool_choice", {"type": "auto", "disable_parallel_tool_use": True})


# What the API has no word for.
_UNTAKEN = (
    "presence_penalty",
    "frequency_penalty",
    "logit_bias",
    "logprobs",
    "top_logprobs",
    "seed",
    "store",
    "user",
    "verbosity",
)
