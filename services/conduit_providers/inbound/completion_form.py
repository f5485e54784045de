"""OpenAI's older completions as callers send and get them, in whichever form they are asked for."""

import re

import msgspec

from conduit.v1.completion_json import (
    completion_creation_from_json,
    completion_creation_to_json,
    created_completion_from_json,
    created_completion_to_json,
)
from conduit.v1.completion_pb2 import CompletionCreation, CreatedCompletion
from conduit_providers.calls import Answer, Call
from conduit_providers.inbound.caller_form import CallerForm
from conduit_providers.inbound.chat_terms import ChatTerms
from conduit_providers.inbound.completion_to_chat import TranslatedCompletion, chat_of
from conduit_providers.quantities import Quantities
from conduit_providers.typed_events import TypedEvents

# What a piece of an answer has: some text, or why it ends.
_SAYS = re.compile(rb'"text"\s*:\s*"[^"]|"finish_reason"\s*:\s*[^\sn]')


class _Asked(msgspec.Struct):
    prompt: object = None
    n: object = None


_asked_in = msgspec.json.Decoder(_Asked).decode


class CompletionForm(CallerForm[CompletionCreation, TranslatedCompletion]):
    """A request; its translations are made once for all attempts."""

    @property
    def choices(self) -> int:
        """Return how many completions are asked for."""
        asked = _asked_in(self.json)
        return prompts_in(asked.prompt) * (asked.n if isinstance(asked.n, int) else 1)

    def _translation(self, terms: ChatTerms) -> TranslatedCompletion:
        return chat_of(self.typed)


def prompts_in(prompt: object) -> int:
    """Return how many texts the JSON of a prompt is."""
    if not isinstance(prompt, list) or not prompt or isinstance(prompt[0], int):
        return 1
    return len(prompt)


CompletionCall = Call[CompletionCreation]
CompletionAnswer = Answer[CreatedCompletion]


def completion_request(
    *, json: bytes | None = None, typed: CompletionCreation | None = None
) -> CompletionForm:
    """Hold a request."""
    return CompletionForm(completion_creation_from_json, completion_creation_to_json, json, typed)


def completion_answer(
    usage: Quantities | None, *, json: bytes | None = None, typed: CreatedCompletion | None = None
) -> CompletionAnswer:
    """Hold an answer."""
    read, write = created_completion_from_json, created_completion_to_json
    return Answer(read, write, json, typed, usage)


class CompletionEvents(TypedEvents[CreatedCompletion]):
    """Pieces of a streamed answer that arrived together."""

    __slots__ = ()

    @staticmethod
    def read_piece(json: object, /) -> CreatedCompletion:
        """Return an event as a message."""
        return created_completion_from_json(json)

    @staticmethod
    def write_piece(piece: CreatedCompletion, /) -> dict[str, object]:
        """Return a message as an event's JSON."""
        return created_completion_to_json(piece)

    @property
    def is_head(self) -> bool:
        """Return whether nobody said anything yet, as in pieces without a text."""
        return _SAYS.search(self.sse) is None
