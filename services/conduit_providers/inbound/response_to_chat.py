"""From a request to OpenAI's Responses to the chat that asks for the same.

https://platform.openai.com/docs/api-reference/responses/create
"""

from typing import Any, NamedTuple

import orjson

from conduit.v1.chat_pb2 import ChatCompletionRequest
from conduit.v1.response_pb2 import ResponseCreation
from conduit_kernel.errors import InvalidRequest
from conduit_providers.calls import Form
from conduit_providers.inbound.chat_terms import ChatTerms
from conduit_providers.inbound.dropped import Dropped
from conduit_providers.inbound.response_parts import ResponseParts
from conduit_providers.inbound.response_tools import ResponseTools
from conduit_providers.inbound.response_turns import ResponseTurns, not_kept
from conduit_providers.operations.chat import chat_request

Json = dict[str, Any]

LOGPROBS = "message.output_text.logprobs"
_THOUGHTS = "reasoning.encrypted_content"
# Longer names of users are refused: https://platform.openai.com/docs/api-reference/chat/create
_MAX_USER = 64
# What a response may go on from that only its provider has.
_KEPT = ("conversation", "prompt")
# Hints for a provider's machinery: nothing is lost where there is no such machinery.
_QUIET = frozenset(
    {"prompt_cache_key", "prompt_cache_retention", "prompt_cache_options", "session_id"}
    | {"client_metadata", "stream_options", "stream_id", "generate"}
)
# What asks for no more than what happens without it.
_USUAL: tuple[object, ...] = (None, "", [], {}, False, 0)


class TranslatedResponse(NamedTuple):
    """A chat that asks for what a request asked for."""

    chat: Form[ChatCompletionRequest]
    tools: ResponseTools
    # What could not be said, by the caller's names.
    dropped: tuple[str, ...]


def chat_of(
    request: ResponseCreation, terms: ChatTerms, *, is_kept: bool = False
) -> TranslatedResponse:
    """Return the chat. UnsupportedCapability for what no chat can say.

    `is_kept`: whether Conduit keeps the response.
    """
    if request.previous_response_id:
        raise not_kept("A response by its id")
    dropped = Dropped()
    tools, turns = ResponseTools(request, dropped), ResponseTurns(dropped, ResponseParts(dropped))
    members: Json = {"model": request.model}
    # The older of two roles, which each dialect knows, or knows to rename.
    told = request.instructions.strip() and [{"role": "system", "content": request.instructions}]
    members["messages"] = [*(told or []), *turns.of(request.input)]
    if tools.functions:
        members["tools"] = tools.functions
    members |= tools.choice(request)
    members |= _sampling(request, dropped)
    members |= _effort(request, terms, dropped)
    members |= _form(request, dropped)
    members |= _others(request, dropped)
    if request.store and not is_kept:
        dropped.add("store")
    if request.stream:
        members["stream"] = True
    return TranslatedResponse(chat_request(json=orjson.dumps(members)), tools, dropped.names)


def _sampling(request: ResponseCreation, dropped: Dropped) -> Json:
    found: Json = {}
    if request.HasField("max_output_tokens"):
        # The older of two names, as above.
        found["max_tokens"] = request.max_output_tokens
    if request.HasField("temperature"):
        found["temperature"] = request.temperature
    if request.HasField("top_p"):
        found["top_p"] = request.top_p
    if LOGPROBS in request.include:
        found["logprobs"] = True
        if request.top_logprobs:
            found["top_logprobs"] = request.top_logprobs
    elif request.top_logprobs:
        dropped.add("top_logprobs")
    return found


def _effort(request: ResponseCreation, terms: ChatTerms, dropped: Dropped) -> Json:
    """Return how hard the model shall think, where the request says it and the model knows it."""
    for name, value in orjson.loads(request.reasoning.unknown_json or b"{}").items():
        if value not in _USUAL:
            dropped.add(f"reasoning.{name}")
    if not request.reasoning.effort:
        return {}
    if not terms.takes_effort:
        dropped.add("reasoning.effort")
        return {}
    return {"reasoning_effort": request.reasoning.effort}


def _form(request: ResponseCreation, dropped: Dropped) -> Json:
    """Return the form of the answer: https://platform.openai.com/docs/guides/structured-outputs."""
    text = orjson.loads(request.text_json or b"null")
    if text is None:
        return {}
    if not isinstance(text, dict):
        raise InvalidRequest("text must be an object", field="text")
    found: Json = {}
    match text.get("format"):
        case None | {"type": "text"}:
            pass
        case {"type": "json_schema", **schema}:
            schema.setdefault("name", "answer")
            found["response_format"] = {"type": "json_schema", "json_schema": schema}
        case {"type": "json_object"}:
            found["response_format"] = {"type": "json_object"}
        case _:
            message = "text.format must be of type text, json_schema or json_object"
            raise InvalidRequest(message, field="text.format")
    if verbosity := text.get("verbosity"):
        found["verbosity"] = verbosity
    for name in text.keys() - {"format", "verbosity"}:
        dropped.add(f"text.{name}")
    return found


def _others(request: ResponseCreation, dropped: Dropped) -> Json:
    found: Json = {}
    if request.user:
        if len(request.user) <= _MAX_USER:
            found["user"] = request.user
        else:
            dropped.add("user")
    if request.service_tier:
        found["service_tier"] = request.service_tier
    for name, is_asked in (
        ("truncation", request.truncation == "auto"),
        *((f"include.{name}", name not in {LOGPROBS, _THOUGHTS}) for name in request.include),
    ):
        if is_asked:
            dropped.add(name)
    _tell_unknown(orjson.loads(request.unknown_json or b"{}"), dropped)
    return found


def _tell_unknown(members: Json, dropped: Dropped) -> None:
    for name, value in members.items():
        if name in _KEPT and value not in _USUAL:
            raise not_kept(f"A {name} by its id")
        if name not in _QUIET and value not in _USUAL:
            dropped.add(name)
