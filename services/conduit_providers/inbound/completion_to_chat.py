"""From a text to go on from to the chat that asks for the same.

https://platform.openai.com/docs/api-reference/completions/create; openai 3.57.0, the Python SDK:
types.completion_create_params.
"""

from typing import Any, NamedTuple

import orjson

from conduit.v1.chat_pb2 import ChatCompletionRequest
from conduit.v1.completion_pb2 import CompletionCreation, CompletionPrompt
from conduit_kernel.errors import InvalidRequest, UnsupportedCapability
from conduit_providers.calls import Form
from conduit_providers.inbound.dropped import Dropped
from conduit_providers.operation import TOKEN_INPUT
from conduit_providers.operations.chat import chat_request
from conduit_providers.token_texts import UnknownToken, text_of

Json = dict[str, Any]

# Members that chats have by the same name, and that say the same there.
_SAME = frozenset(
    {"max_tokens", "temperature", "top_p", "n", "presence_penalty", "frequency_penalty"}
    | {"seed", "user"}
)
# Those that no contract knows, and that servers of chats take as they take them here.
_PASSED = frozenset(
    {"top_k", "min_p", "repetition_penalty", "reasoning_effort", "service_tier", "metadata"}
)
# Hints for a provider's machinery, and Conduit's own.
_QUIET = frozenset({"session_id", "prompt_cache_key", "fallbacks"})
_USUAL: tuple[object, ...] = (None, "", [], {}, False, 0)


class TranslatedCompletion(NamedTuple):
    """A chat that asks for what a request asked for."""

    chat: Form[ChatCompletionRequest]
    # The text that the answer goes on from.
    prompt: str
    # What could not be said, by the caller's names.
    dropped: tuple[str, ...]


def chat_of(request: CompletionCreation) -> TranslatedCompletion:
    """Return the chat. UnsupportedCapability for what no chat can say."""
    dropped = Dropped()
    prompt = _prompt_of(request, dropped)
    _refuse_unsayable(request)
    members: Json = {
        "model": request.model,
        "messages": [{"role": "user", "content": prompt}],
        **{field.name: value for field, value in request.ListFields() if field.name in _SAME},
        **_likely(request),
    }
    if request.stop:
        members["stop"] = list(request.stop)
    if request.logit_bias:
        # Of tokens that the caller knows of a model's vocabulary, as there.
        members["logit_bias"] = dict(request.logit_bias)
    if request.best_of > max(1, request.n):
        dropped.add("best_of")
    for name, value in orjson.loads(request.unknown_json or b"{}").items():
        if name in _PASSED:
            members[name] = value
        elif name not in _QUIET and value not in _USUAL:
            dropped.add(name)
    if request.stream:
        members["stream"] = True
    return TranslatedCompletion(chat_request(json=orjson.dumps(members)), prompt, dropped.names)


def _prompt_of(request: CompletionCreation, dropped: Dropped) -> str:
    if len(request.prompt) > 1:
        message = "A chat goes on from one text: ask for several without `stream`, or one by one"
        raise UnsupportedCapability(message, capability="several_prompts")
    prompt = _text_of(request.prompt[0], dropped) if request.prompt else ""
    if not prompt.strip():
        raise InvalidRequest("prompt must not be empty where a chat is asked", field="prompt")
    return prompt


def _text_of(prompt: CompletionPrompt, dropped: Dropped) -> str:
    """Return a text. That tokens were read is told: of which vocabulary they are, nobody says."""
    if prompt.HasField("text"):
        return prompt.text
    dropped.add(TOKEN_INPUT)
    try:
        return text_of(prompt.tokens.values)
    except UnknownToken as error:
        raise InvalidRequest(f"prompt cannot be read as text: {error}", field="prompt") from error


def _refuse_unsayable(request: CompletionCreation) -> None:
    """Refuse what would make the answer useless."""
    if request.suffix:
        message = "A chat does not fill gaps: leave out `suffix`, or ask a model that does"
        raise UnsupportedCapability(message, capability="suffix")
    if request.echo and request.HasField("logprobs"):
        message = "A chat has no log probabilities of what was said to it: leave out `echo`"
        raise UnsupportedCapability(message, capability="prompt_logprobs")


def _likely(request: CompletionCreation) -> Json:
    if not request.HasField("logprobs"):
        return {}
    found: Json = {"logprobs": True}
    if request.logprobs > 0:
        found["top_logprobs"] = request.logprobs
    return found
