"""The body of a request to Gemini's generateContent, out of an OpenAI-shaped chat.

https://ai.google.dev/api/generate-content
"""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from conduit.v1.chat_pb2 import ChatCompletionRequest
from conduit_kernel.errors import UnsupportedCapability
from conduit_providers.codecs.gemini.media import Media
from conduit_providers.codecs.gemini.options import ChatModel
from conduit_providers.codecs.gemini.tools import (
    GOOGLE_SEARCH,
    calling_config,
    camel,
    declarations,
    native_tool,
)
from conduit_providers.codecs.gemini.turns import Turns
from conduit_providers.codecs.shared.json_instruction import json_instruction
from conduit_providers.codecs.shared.named_schema import named_schema
from conduit_providers.codecs.shared.unsupported import asking, note_unsupported
from conduit_providers.operations.chat import ChatCall
from conduit_providers.spec import Endpoint

Json = dict[str, Any]

# How Google's own OpenAI dialect reads an effort. https://ai.google.dev/gemini-api/docs/openai
BUDGETS: Mapping[str, int] = {"minimal": 1024, "low": 1024, "medium": 8192}
MAX_BUDGET = 24_576
LEVELS: Mapping[str, str] = {"low": "LOW", "medium": "MEDIUM"}
SERVICE_TIERS: Mapping[str, str] = {
    "default": "standard",
    "standard": "standard",
    "flex": "flex",
    "priority": "priority",
}

# Google's own parameters, passed on as they are; `extra_body.google` is where Google's OpenAI
# dialect has them.
NATIVE_BODY = frozenset(
    {"cachedContent", "continuationToken", "labels", "modelArmorConfig", "safetySettings"}
)
NATIVE_CONFIG = frozenset(
    {
        "audioTimestamp",
        "audioTranscriptionConfig",
        "enableAffectiveDialog",
        "enableEnhancedCivicAnswers",
        "imageConfig",
        "mediaResolution",
        "modelSelectionConfig",
        "responseFormat",
        "responseModalities",
        "routingConfig",
        "speechConfig",
        "thinkingConfig",
        "topK",
        "translationConfig",
    }
)
MODALITIES: Mapping[str, str] = {"text": "TEXT", "image": "IMAGE"}


class ContentBody:
    """Builds one body; notes in the call what is not supported."""

    def __init__(self, call: ChatCall, endpoint: Endpoint, provider: str) -> None:
        self._call = call
        self._request: ChatCompletionRequest = call.typed
        self._endpoint = endpoint
        self._model: ChatModel = endpoint.facts_of(call.model)
        self._provider = provider
        self._unknown: Json = orjson.loads(self._request.unknown_json or b"{}")
        self._body: Json = {}
        self._config: Json = {}
        self._native_tools: list[Json] = []

    def build(self) -> Json:
        """Return the members of the body. InvalidRequest if the dialect cannot say the call."""
        self._put_conversation()
        self._take_native()
        self._put_tools()
        self._put_sampling()
        self._put_logprobs()
        self._put_format()
        self._put_reasoning()
        self._put_others()
        self._drop_rest()
        if self._config:
            self._body["generationConfig"] = self._config
        return self._body

    def _drop(self, parameter: str) -> None:
        self._call.drop(parameter, self._provider)

    def _put_conversation(self) -> None:
        # Gemini 3 and later.
        is_new = self._model.thinking == "level"
        urls = self._endpoint.native_urls
        media = Media(self._call, self._provider, urls, takes_detail=is_new)
        turns = Turns(self._call, self._provider, media, is_sealing=is_new)
        instructions = turns.instructions(self._request.messages)
        self._body["contents"] = turns.contents(self._request.messages)
        if instructions:
            self._body["systemInstruction"] = {"parts": instructions}

    def _take_native(self) -> None:
        self._take_from(self._unknown)
        extra = self._unknown.get("extra_body")
        google = extra.get("google") if isinstance(extra, dict) else None
        if isinstance(google, dict):
            del self._unknown["extra_body"]
            tools = google.pop("tools", None)
            self._native_tools = tools if isinstance(tools, list) else []
            self._take_from(google)
            for name in google:
                self._drop(f"extra_body.google.{name}")

    def _take_from(self, source: Json) -> None:
        for name in list(source):
            spelled = camel(name)
            value = source[name]
            if spelled in NATIVE_BODY:
                self._body[spelled] = source.pop(name)
            elif spelled in NATIVE_CONFIG:
                self._config[spelled] = source.pop(name)
            elif spelled == "generationConfig" and isinstance(value, dict):
                self._config |= {camel(inner): each for inner, each in source.pop(name).items()}
            elif spelled == "toolConfig" and isinstance(value, dict):
                self._body[spelled] = {
                    camel(inner): each for inner, each in source.pop(name).items()
                }

    def _put_tools(self) -> None:
        calling = self._body.get("toolConfig", {}).get("functionCallingConfig")
        if isinstance(calling, dict):
            # Pieces of arguments would come as updates of places in them, which OpenAI's cannot be.
            for name in ("streamFunctionCallArguments", "stream_function_call_arguments"):
                if calling.pop(name, False):
                    self._drop(name)
        functions = declarations(self._request)
        offered = [native for tool in self._request.tools if (native := native_tool(tool))]
        offered += self._native_tools
        search = self._unknown.pop("web_search_options", None)
        if isinstance(search, dict):
            for name in search:
                self._drop(f"web_search_options.{name}")
            offered.append(GOOGLE_SEARCH)
        if functions:
            offered.append({"functionDeclarations": functions})
        if offered:
            self._body["tools"] = offered
        config = calling_config(self._request)
        if config and functions:
            self._body.setdefault("toolConfig", {}).setdefault("functionCallingConfig", config)

    def _put_sampling(self) -> None:
        request, config = self._request, self._config
        given = {field.name: value for field, value in request.ListFields()}
        # The newer name goes first.
        for name, spelled in _SAME:
            if name in given:
                config.setdefault(spelled, given[name])
        if request.n > 1:
            config.setdefault("candidateCount", request.n)
        if request.stop:
            config.setdefault("stopSequences", list(request.stop))

    def _put_logprobs(self) -> None:
        if self._request.logprobs:
            self._config["responseLogprobs"] = True
            if self._request.top_logprobs:
                self._config["logprobs"] = self._request.top_logprobs

    def _put_format(self) -> None:
        asked = self._request.response_format
        instruction = json_instruction(asked)
        if instruction and "tools" in self._body and not self._model.takes_json_with_tools:
            # Refused: function calling with a response MIME type of JSON is not supported.
            self._drop("response_format")
            system = self._body.setdefault("systemInstruction", {"parts": []})
            system["parts"].append({"text": instruction})
            return
        if asked.HasField("json_object") or asked.HasField("json_schema"):
            self._config.setdefault("responseMimeType", "application/json")
        if asked.HasField("json_schema") and asked.json_schema.schema_json:
            self._config.setdefault("responseJsonSchema", named_schema(asked.json_schema))

    def _put_reasoning(self) -> None:
        if not self._request.HasField("reasoning_effort") or "thinkingConfig" in self._config:
            return
        effort = self._request.reasoning_effort
        if self._model.thinking == "none":
            self._drop("reasoning_effort")
        elif self._model.thinking == "budget":
            self._put_budget(effort)
        else:
            self._put_level(effort)

    def _put_budget(self, effort: str) -> None:
        if effort != "none":
            budget = BUDGETS.get(effort, MAX_BUDGET)
            self._config["thinkingConfig"] = {"includeThoughts": True, "thinkingBudget": budget}
        elif not self._model.can_stop_thinking:
            self._drop("reasoning_effort")
        else:
            self._config["thinkingConfig"] = {"thinkingBudget": 0}

    def _put_level(self, effort: str) -> None:
        least = self._model.least_level
        if effort == "none":
            # Thinking cannot be turned off; this is as near as it gets.
            self._drop("reasoning_effort")
            self._config["thinkingConfig"] = {"thinkingLevel": least}
            return
        level = least if effort == "minimal" else LEVELS.get(effort, "HIGH")
        self._config["thinkingConfig"] = {"includeThoughts": True, "thinkingLevel": level}

    def _put_others(self) -> None:
        request = self._request
        if request.HasField("service_tier") and request.service_tier != "auto":
            tier = SERVICE_TIERS.get(request.service_tier)
            if tier:
                self._body["serviceTier"] = tier
            else:
                self._drop("service_tier")
        if request.HasField("store"):
            if self._endpoint.options.takes_store:
                self._body["store"] = request.store
            elif request.store:
                self._drop("store")
        self._put_modalities()

    def _put_modalities(self) -> None:
        asked = [modality for modality in self._request.modalities if modality != "text"]
        if any(modality not in MODALITIES for modality in asked):
            raise UnsupportedCapability(
                f"{self._provider} answers chats in text and pictures only",
                capability="modalities",
            )
        if asked:
            names = [MODALITIES[modality] for modality in self._request.modalities]
            self._config.setdefault("responseModalities", names)

    def _drop_rest(self) -> None:
        taken = ("detail", "extra_content", "images", "is_error")
        note_unsupported(self._call, self._provider, taken)
        request = self._request
        for name in asking(request, _UNTAKEN):
            self._drop(name)
        if request.audio_json:
            self._drop("audio")
        if request.HasField("parallel_tool_calls") and not request.parallel_tool_calls:
            self._drop("parallel_tool_calls")
        self._call.drop_members(self._unknown, self._provider)


_SAME: Sequence[tuple[str, str]] = (
    ("max_completion_tokens", "maxOutputTokens"),
    ("max_tokens", "maxOutputTokens"),
    ("temperature", "temperature"),
    ("top_p", "topP"),
    ("seed", "seed"),
    ("presence_penalty", "presencePenalty"),
    ("frequency_penalty", "frequencyPenalty"),
)
# What the API has no word for.
_UNTAKEN: Sequence[str] = ("logit_bias", "user", "metadata", "verbosity")
