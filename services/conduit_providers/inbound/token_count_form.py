"""What a model would read, as callers ask for it, and the chat that would have it read."""

from typing import NamedTuple

import msgspec
import orjson

from conduit.v1.chat_pb2 import ChatCompletionRequest
from conduit.v1.token_count_json import (
    token_count_from_json,
    token_count_to_json,
    token_counting_from_json,
    token_counting_to_json,
)
from conduit.v1.token_count_pb2 import TokenCount, TokenCounting
from conduit_providers.calls import Answer, Call, Form
from conduit_providers.inbound.caller_form import CallerForm
from conduit_providers.inbound.chat_terms import ChatTerms
from conduit_providers.operations.chat import chat_request
from conduit_providers.quantities import Quantities

_PROMPT, _MESSAGES = "prompt", "messages"
_members_of = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class TranslatedCounting(NamedTuple):
    """The chat whose tokens are counted."""

    chat: Form[ChatCompletionRequest]
    # Nothing is left out of it.
    dropped: tuple[str, ...] = ()


class TokenCountForm(CallerForm[TokenCounting, TranslatedCounting]):
    """A request; its chat is made once for all attempts."""

    def _translation(self, terms: ChatTerms) -> TranslatedCounting:
        members = _members_of(self.json)
        prompt = members.pop(_PROMPT, None)
        if prompt is not None and bytes(prompt) != b"null":
            said = {"role": "user", "content": prompt}
            members[_MESSAGES] = msgspec.Raw(msgspec.json.encode([said]))
        return TranslatedCounting(chat_request(json=msgspec.json.encode(members)))


TokenCountCall = Call[TokenCounting]
TokenCountAnswer = Answer[TokenCount]


def token_count_request(
    *, json: bytes | None = None, typed: TokenCounting | None = None
) -> TokenCountForm:
    """Hold a request."""
    return TokenCountForm(token_counting_from_json, token_counting_to_json, json, typed)


def token_count_answer(count: int, model: str, *, is_estimate: bool = False) -> TokenCountAnswer:
    """Hold a count, for which nobody is charged."""
    said = {"model": model} if model else {}
    json = orjson.dumps({"count": count, **said, "is_estimate": is_estimate})
    return Answer(token_count_from_json, token_count_to_json, json, None, Quantities())
