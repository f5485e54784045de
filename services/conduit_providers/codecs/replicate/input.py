"""A chat as the input of a language model on Replicate.

Each model has an input of its own (https://replicate.com/docs/reference/http#predictions.create);
the official language models of one maker share theirs, and the catalog says how they spell it,
after the pages "API" of the models.

The policy:

* A conversation of one user's turn is the prompt as it stands; instructions go to the system
  prompt. Longer ones go as messages to models that take them, and as a transcript to all others.
* Parameters that OpenAI does not know are the model's own inputs, and pass as they are, also where
  they say otherwise than we do.
* Replicate ignores inputs that a model does not have, so what a model lacks is not sent but
  noted as dropped.
* Models here take no tools, and promise no JSON: chats that ask for them are refused.
"""

from collections.abc import Sequence
from typing import Any

import orjson

from conduit.v1.chat_message_pb2 import (
    CHAT_ROLE_ASSISTANT,
    CHAT_ROLE_DEVELOPER,
    CHAT_ROLE_SYSTEM,
    CHAT_ROLE_USER,
    ChatMessage,
)
from conduit.v1.chat_pb2 import ChatCompletionRequest
from conduit_kernel.errors import InvalidRequest, UnsupportedCapability
from conduit_providers.codecs.replicate.options import ChatModel
from conduit_providers.codecs.shared.turns import no_turns
from conduit_providers.codecs.shared.unsupported import is_default, note_unsupported
from conduit_providers.operations.chat import ChatCall

Json = dict[str, Any]

_INSTRUCTING = frozenset({CHAT_ROLE_SYSTEM, CHAT_ROLE_DEVELOPER})
_SPEAKERS = {CHAT_ROLE_USER: "user", CHAT_ROLE_ASSISTANT: "assistant"}


class ModelInput:
    """Builds one input; notes in the call what is not supported."""

    def __init__(self, call: ChatCall, model: ChatModel, provider: str) -> None:
        self._call = call
        self._request: ChatCompletionRequest = call.typed
        self._provider = provider
        self._model = model
        self._images: list[str] = []

    def build(self) -> Json:
        """Return the input. UnsupportedCapability for what no model here can do."""
        self._refuse_unable()
        found = self._conversation() | self._images_input() | self._parameters()
        self._drop_rest()
        unknown: Json = orjson.loads(self._request.unknown_json or b"{}")
        return found | {name: value for name, value in unknown.items() if value is not None}

    def _drop(self, parameter: str) -> None:
        self._call.drop(parameter, self._provider)

    def _refuse_unable(self) -> None:
        request = self._request
        asked = request.response_format
        wants = {
            "tools": bool(request.tools),
            "json_object": asked.HasField("json_object"),
            "json_schema": asked.HasField("json_schema"),
            "modalities": any(modality != "text" for modality in request.modalities),
        }
        for capability, is_wanted in wants.items():
            if is_wanted:
                raise self._unable(capability)

    def _unable(self, capability: str) -> UnsupportedCapability:
        return UnsupportedCapability(
            f"{self._provider}'s models take and give text only, without {capability}",
            capability=capability,
        )

    def _conversation(self) -> Json:
        system = "\n\n".join(
            self._text(each) for each in self._request.messages if each.role in _INSTRUCTING
        )
        turns = [
            (self._speaker(each), self._text(each))
            for each in self._request.messages
            if each.role not in _INSTRUCTING
        ]
        if not turns:
            raise no_turns(self._provider)
        is_short = len(turns) == 1 and turns[0][0] == "user"
        if not is_short and self._model.takes_messages and not self._images:
            said = [("system", system), *turns] if system else turns
            return {"messages": [{"role": role, "content": text} for role, text in said]}
        found: Json = {"prompt": turns[0][1] if is_short else _transcript(turns)}
        if system:
            found[self._model.system] = system
        return found

    def _speaker(self, message: ChatMessage) -> str:
        speaker = _SPEAKERS.get(message.role)
        if speaker is None or message.tool_calls:
            raise self._unable("tools")
        return speaker

    def _text(self, message: ChatMessage) -> str:
        self._note(message)
        texts = []
        for part in message.content:
            match part.WhichOneof("part"):
                case "text":
                    texts.append(part.text)
                case "refusal":
                    texts.append(part.refusal)
                case "image_url":
                    self._images.append(part.image_url.url)
                case kind:
                    raise self._unable(str(kind or "content"))
        return "\n".join(texts) if texts else message.refusal

    def _note(self, message: ChatMessage) -> None:
        taken = {
            "name": bool(message.name),
            "reasoning_content": bool(message.reasoning_content),
            "reasoning_details": bool(message.reasoning_details),
            "cache_control": message.HasField("cache_control")
            or any(part.HasField("cache_control") for part in message.content),
        }
        for name, is_there in taken.items():
            if is_there:
                self._drop(f"messages.{name}")

    def _images_input(self) -> Json:
        if not self._images:
            return {}
        if self._model.images:
            return {self._model.images: self._images}
        if len(self._images) > 1:
            raise InvalidRequest(
                f"The model {self._call.model!r} of {self._provider} takes one picture at most",
                field="messages",
            )
        return {"image": self._images[0]}

    def _parameters(self) -> Json:
        request, model = self._request, self._model
        given = {descriptor.name: value for descriptor, value in request.ListFields()}
        found: Json = {}
        limit = limit_of(self._call, model)
        if limit:
            found[model.limit] = limit
        for name in ("max_completion_tokens", "max_tokens"):
            if name in given and not limit:
                # The model would refuse the whole chat.
                self._drop(name)
        for name in _MAYBE:
            if name in given:
                if name in model.parameters:
                    found[name] = given[name]
                elif not is_default(name, given[name]):
                    self._drop(name)
        if request.stop:
            if model.stop and not any("," in sequence for sequence in request.stop):
                found[model.stop] = ",".join(request.stop)
            else:
                self._drop("stop")
        return found

    def _drop_rest(self) -> None:
        note_unsupported(self._call, self._provider)
        request = self._request
        for name in _UNTAKEN:
            value = getattr(request, name)
            if value and not is_default(name, value):
                self._drop(name)
        if request.n > 1:
            self._drop("n")
        if request.audio_json:
            self._drop("audio")


_MAYBE = (
    "temperature",
    "top_p",
    "presence_penalty",
    "frequency_penalty",
    "seed",
    "reasoning_effort",
    "verbosity",
)
# What no model's input has.
_UNTAKEN = ("logit_bias", "logprobs", "top_logprobs", "user", "metadata", "store", "service_tier")


def limit_of(call: ChatCall, model: ChatModel) -> int:
    """Return the most tokens that the model may write; zero if there is no limit."""
    limit = call.typed.max_completion_tokens or call.typed.max_tokens
    return limit if limit >= model.least_limit else 0


def _transcript(turns: Sequence[tuple[str, str]]) -> str:
    """Return a conversation as one text, at whose end the assistant is to speak."""
    said = "".join(f"{speaker.capitalize()}: {text}\n\n" for speaker, text in turns)
    return f"{said}Assistant:"
