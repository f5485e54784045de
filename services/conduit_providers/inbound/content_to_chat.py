"""From a request to Google's generateContent to the chat that asks for the same.

https://ai.google.dev/api/generate-content
"""

from typing import Any, NamedTuple

import orjson

from conduit.v1.chat_pb2 import ChatCompletionRequest
from conduit.v1.content_pb2 import ContentGeneration
from conduit_kernel.errors import InvalidRequest, UnsupportedCapability
from conduit_providers.calls import Form
from conduit_providers.inbound.chat_terms import ChatTerms
from conduit_providers.inbound.content_tools import choice_of, json_schema, tools_of
from conduit_providers.inbound.content_turns import ContentTurns
from conduit_providers.inbound.dropped import Dropped
from conduit_providers.inbound.strict_schema import is_strict
from conduit_providers.inbound.tool_names import ToolNames
from conduit_providers.operations.chat import chat_request

Json = dict[str, Any]

# Of `generationConfig`: numbers that chats have by another name.
_NUMBERS = {
    "temperature": "temperature",
    "topP": "top_p",
    "maxOutputTokens": "max_tokens",
    "candidateCount": "n",
    "presencePenalty": "presence_penalty",
    "frequencyPenalty": "frequency_penalty",
    "seed": "seed",
}
_SNAKE = {
    "top_p": "topP",
    "top_k": "topK",
    "max_output_tokens": "maxOutputTokens",
    "candidate_count": "candidateCount",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
    "stop_sequences": "stopSequences",
    "response_mime_type": "responseMimeType",
    "response_schema": "responseSchema",
    "response_json_schema": "responseJsonSchema",
    "response_logprobs": "responseLogprobs",
    "response_modalities": "responseModalities",
    "thinking_config": "thinkingConfig",
}
# Tokens up to which a budget of thoughts is an effort.
_BUDGETS = ((1024, "low"), (8192, "medium"))
_MOST_EFFORT = "high"
_JSON, _TEXT = "application/json", "text/plain"
# What callers say to Conduit, which Google refuses.
OWN_MEMBERS = ("fallbacks", "session_id", "prompt_cache_key", "user", "metadata")
# And hints for a provider's machinery.
_QUIET = frozenset({*OWN_MEMBERS, "labels", "store"})
_USUAL: tuple[object, ...] = (None, "", [], {}, False, 0)


class TranslatedContent(NamedTuple):
    """A chat that asks for what a request asked for."""

    chat: Form[ChatCompletionRequest]
    names: ToolNames
    # What could not be said, by Google's names.
    dropped: tuple[str, ...]


def chat_of(request: ContentGeneration, terms: ChatTerms) -> TranslatedContent:
    """Return the chat. UnsupportedCapability for what no chat can say."""
    dropped = Dropped()
    turns = ContentTurns(dropped)
    members: Json = {"model": request.model}
    members["messages"] = [
        *turns.system(_json(request.system_instruction_json)),
        *turns.of(_json(request.contents_json) or []),
    ]
    functions, names = tools_of(_json(request.tools_json), dropped)
    if functions:
        members["tools"] = functions
        members |= choice_of(_json(request.tool_config_json), dropped)
    config = _json(request.generation_config_json) or {}
    if not isinstance(config, dict):
        raise InvalidRequest("generationConfig must be an object", field="generationConfig")
    members |= _config(_spelled(config), terms, dropped)
    for name, value in orjson.loads(request.unknown_json or b"{}").items():
        if name in {"cachedContent", "cached_content"} and value:
            message = "Cached content is known to Google alone: send the turns themselves"
            raise UnsupportedCapability(message, capability="cached_content")
        if name not in _QUIET and value not in _USUAL:
            dropped.add(name)
    return TranslatedContent(chat_request(json=orjson.dumps(members)), names, dropped.names)


def _json(raw: bytes) -> Any:  # noqa: ANN401 # any JSON value
    return orjson.loads(raw or b"null")


def _spelled(config: Json) -> Json:
    return {_SNAKE.get(name, name): value for name, value in config.items()}


def _config(config: Json, terms: ChatTerms, dropped: Dropped) -> Json:
    numbers = {name: value for name in _NUMBERS if (value := config.pop(name, None)) is not None}
    found: Json = {_NUMBERS[name]: value for name, value in numbers.items()}
    found |= _stops(config.pop("stopSequences", None) or [], terms, dropped)
    found |= _likely(config)
    found |= _effort(config.pop("thinkingConfig", None), terms, dropped)
    found |= _format(config, terms, dropped)
    if not terms.is_openai and (top_k := config.pop("topK", None)) is not None:
        found["top_k"] = top_k
    if config.get("responseModalities") == ["TEXT"]:
        del config["responseModalities"]
    for name, value in config.items():
        if value not in _USUAL:
            dropped.add(f"generationConfig.{name}")
    return found


def _stops(stops: Any, terms: ChatTerms, dropped: Dropped) -> Json:  # noqa: ANN401 # any JSON value
    if not isinstance(stops, list):
        message = "stopSequences must be a list"
        raise InvalidRequest(message, field="generationConfig.stopSequences")
    kept = stops[: terms.most_stops or len(stops)]
    if len(stops) > len(kept):
        dropped.add("generationConfig.stopSequences")
    return {"stop": kept} if kept else {}


def _likely(config: Json) -> Json:
    asked, most = config.pop("responseLogprobs", None), config.pop("logprobs", None)
    if not asked:
        return {}
    return {"logprobs": True} | ({"top_logprobs": most} if most else {})


def _effort(thinking: object, terms: ChatTerms, dropped: Dropped) -> Json:
    """Return how hard the model shall think, where the request says it and the model knows it."""
    if not isinstance(thinking, dict):
        return {}
    level = thinking.get("thinkingLevel") or thinking.get("thinking_level")
    budget = thinking.get("thinkingBudget", thinking.get("thinking_budget"))
    effort = level.lower() if isinstance(level, str) else None
    # Fewer than none leave it to the model.
    if effort is None and isinstance(budget, int) and budget >= 0:
        effort = next((e for most, e in _BUDGETS if budget <= most), _MOST_EFFORT)
        effort = "none" if budget == 0 else effort
    if effort is None or effort == "thinking_level_unspecified":
        return {}
    if not terms.takes_effort:
        dropped.add("generationConfig.thinkingConfig")
        return {}
    return {"reasoning_effort": effort}


def _format(config: Json, terms: ChatTerms, dropped: Dropped) -> Json:
    """Return the form of the answer: https://ai.google.dev/gemini-api/docs/structured-output."""
    kind = config.pop("responseMimeType", None) or _TEXT
    schema, given = config.pop("responseJsonSchema", None), config.pop("responseSchema", None)
    if schema is None and given:
        schema = json_schema(given)
    if kind == _TEXT:
        return {}
    if kind != _JSON:
        dropped.add("generationConfig.responseMimeType")
        return {}
    if schema is None:
        return {"response_format": {"type": "json_object"}}
    named: Json = {"name": "answer", "schema": schema}
    if not terms.is_openai or is_strict(schema):
        named["strict"] = True
    else:
        # The model is shown it, and nobody holds it to it.
        dropped.add("generationConfig.responseSchema")
    return {"response_format": {"type": "json_schema", "json_schema": named}}
