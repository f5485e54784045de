"""From a request to Anthropic's Messages to the chat that asks for the same.

https://platform.claude.com/docs/en/api/messages/create
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import orjson

from conduit.v1.chat_pb2 import ChatCompletionRequest
from conduit.v1.message_pb2 import MessageCreation
from conduit_providers.calls import Form
from conduit_providers.inbound.chat_terms import ChatTerms
from conduit_providers.inbound.dropped import Dropped
from conduit_providers.inbound.message_parts import Parts
from conduit_providers.inbound.message_tools import choice_of, tools_of
from conduit_providers.inbound.message_turns import Turns
from conduit_providers.inbound.strict_schema import is_strict
from conduit_providers.inbound.tool_names import ToolNames
from conduit_providers.operations.chat import chat_request

Json = dict[str, Any]

# By the share of the token limit that thoughts may take; the inverse of what Conduit gives an
# effort for models that have budgets.
_SHARES = ((0.2, "low"), (0.5, "medium"), (0.8, "high"))
_MOST_EFFORT = "xhigh"
# Anthropic's efforts, where OpenAI has another word.
_EFFORTS: Mapping[str, str] = {"max": "xhigh"}
# Longer names of users are refused: https://platform.openai.com/docs/api-reference/chat/create
_MAX_USER = 64
# As Anthropic answers to five, itself and at Google Cloud (400): "A maximum of 4 blocks with
# cache_control may be provided" (envoyproxy/ai-gateway#1712).
_MOST_MARKS = 4
_TIERS: Mapping[str, str] = {"standard_only": "default"}
# What asks for no more than what happens without it.
_USUAL: tuple[object, ...] = (None, "", [], {}, False)


class TranslatedRequest(NamedTuple):
    """A chat that asks for what a request asked for."""

    chat: Form[ChatCompletionRequest]
    names: ToolNames
    # What could not be said, by Anthropic's names.
    dropped: tuple[str, ...]


def chat_of(request: MessageCreation, terms: ChatTerms) -> TranslatedRequest:
    """Return the chat. UnsupportedCapability for what no chat can say."""
    dropped, names = Dropped(), ToolNames(tool.name for tool in request.tools)
    members: Json = {"model": request.model}
    parts = Parts(dropped, takes_marks=terms.takes_marks)
    turns = Turns(dropped, parts, knows_failures=not terms.is_openai)
    members["messages"] = [*turns.system(request.system), *turns.of(request.messages)]
    if terms.takes_marks:
        _keep_last_marks(members["messages"], dropped)
    if request.HasField("max_tokens"):
        # The older of two names, which each dialect knows, or knows to rename.
        members["max_tokens"] = request.max_tokens
    members |= _sampling(request, terms, dropped)
    if tools := tools_of(request.tools, dropped, is_openai=terms.is_openai):
        members["tools"] = tools
        members |= choice_of(request, dropped)
    members |= _effort(request, terms, dropped)
    members |= _others(request, terms, dropped)
    if request.stream:
        members["stream"] = True
    return TranslatedRequest(chat_request(json=orjson.dumps(members)), names, dropped.names)


def _keep_last_marks(messages: list[Json], dropped: Dropped) -> None:
    """Take off all marks but the last, which are of the longest prefixes to cache."""
    for each in [*_marked(messages)][:-_MOST_MARKS]:
        del each["cache_control"]
        dropped.add("cache_control")


def _marked(messages: list[Json]) -> Iterator[Json]:
    for message in messages:
        content = message.get("content")
        parts: list[Json] = content if isinstance(content, list) else []
        yield from (each for each in (*parts, message) if "cache_control" in each)


def _sampling(request: MessageCreation, terms: ChatTerms, dropped: Dropped) -> Json:
    found: Json = {}
    if request.HasField("temperature"):
        found["temperature"] = request.temperature
    if request.HasField("top_p"):
        found["top_p"] = request.top_p
    if request.HasField("top_k"):
        if terms.is_openai:
            dropped.add("top_k")
        else:
            found["top_k"] = request.top_k
    if stops := request.stop_sequences:
        found["stop"] = list(stops[: terms.most_stops or len(stops)])
        if len(stops) > len(found["stop"]):
            dropped.add("stop_sequences")
    return found


def _effort(request: MessageCreation, terms: ChatTerms, dropped: Dropped) -> Json:
    """Return how hard the model shall think, where the request says it and the model knows it."""
    config = orjson.loads(request.output_config_json or b"{}")
    named = config.get("effort") if isinstance(config, dict) else None
    effort = _EFFORTS.get(named, named) if isinstance(named, str) else None
    thinking = request.thinking
    for name in orjson.loads(thinking.unknown_json or b"{}"):
        dropped.add(f"thinking.{name}")
    if thinking.HasField("budget_tokens") and thinking.type == "enabled" and effort is None:
        effort = _effort_for(thinking.budget_tokens, request.max_tokens)
    if effort is None:
        return {}
    if not terms.takes_effort:
        dropped.add("thinking" if named is None else "output_config.effort")
        return {}
    return {"reasoning_effort": effort}


def _effort_for(budget: int, limit: int) -> str:
    share = budget / limit if limit > 0 else 1.0
    return next((effort for most, effort in _SHARES if share <= most), _MOST_EFFORT)


def _others(request: MessageCreation, terms: ChatTerms, dropped: Dropped) -> Json:
    found: Json = {}
    unknown: Json = orjson.loads(request.unknown_json or b"{}")
    config = orjson.loads(request.output_config_json or b"{}")
    # Its name while it was a beta.
    form = unknown.pop("output_format", None)
    if isinstance(config, dict):
        form = config.get("format") or form
        for name in config.keys() - {"effort", "format"}:
            dropped.add(f"output_config.{name}")
    found |= _format(form, terms, dropped)
    metadata = orjson.loads(request.metadata_json or b"{}")
    user = metadata.get("user_id") if isinstance(metadata, dict) else None
    if isinstance(user, str) and user:
        if len(user) <= _MAX_USER:
            found["user"] = user
        else:
            dropped.add("metadata.user_id")
    if tier := _TIERS.get(request.service_tier):
        found["service_tier"] = tier
    for name, value in unknown.items():
        if value not in _USUAL:
            dropped.add(name)
    return found


def _format(asked: object, terms: ChatTerms, dropped: Dropped) -> Json:
    """Return the form of the answer: https://platform.claude.com/docs/en/build-with-claude/structured-outputs."""
    if not isinstance(asked, dict) or asked.get("type") != "json_schema":
        return {}
    schema: Json = {"name": "answer", "schema": asked.get("schema")}
    if not terms.is_openai or is_strict(schema["schema"]):
        schema["strict"] = True
    else:
        # The model is shown it, and nobody holds it to it.
        dropped.add("output_config.format")
    return {"response_format": {"type": "json_schema", "json_schema": schema}}
