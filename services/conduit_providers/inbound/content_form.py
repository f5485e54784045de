"""Google's generateContent as callers send and get it, in whichever form it is asked for.

Its body names no model, which stands in the path. Here it is the body's first member.
"""

import re

import msgspec
import orjson

from conduit.v1.content_json import (
    content_generation_from_json,
    content_generation_to_json,
    generated_content_from_json,
    generated_content_to_json,
)
from conduit.v1.content_pb2 import ContentGeneration, GeneratedContent
from conduit_providers.calls import Answer, Call
from conduit_providers.inbound.caller_form import CallerForm
from conduit_providers.inbound.chat_terms import ChatTerms
from conduit_providers.inbound.content_to_chat import TranslatedContent, chat_of
from conduit_providers.quantities import Quantities
from conduit_providers.typed_events import TypedEvents

# The word is a role, too, so that only a member of this name counts; it may hide behind an escape.
_NAMES_MODEL = re.compile(rb'"model"\s*:|\\u00[2-7]')
_EMPTY = re.compile(rb"\s*\}")
_members_of = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class ContentForm(CallerForm[ContentGeneration, TranslatedContent]):
    """A request; its translations are made once for all attempts."""

    def _translation(self, terms: ChatTerms) -> TranslatedContent:
        return chat_of(self.typed, terms)


ContentCall = Call[ContentGeneration]
ContentAnswer = Answer[GeneratedContent]


def content_request(
    *, json: bytes | None = None, typed: ContentGeneration | None = None
) -> ContentForm:
    """Hold a request."""
    return ContentForm(content_generation_from_json, content_generation_to_json, json, typed)


def content_answer(json: bytes, usage: Quantities | None) -> ContentAnswer:
    """Hold an answer."""
    return Answer(generated_content_from_json, generated_content_to_json, json, None, usage)


def with_model(body: bytes, model: str) -> bytes:
    """Return a body that names a model; itself where it is no JSON object, or none is named."""
    start = body.find(b"{") + 1
    if not model or not start:
        return body
    name = orjson.dumps(model)
    if _NAMES_MODEL.search(body) is None:
        comma = b"" if _EMPTY.match(body, start) else b","
        return b'%b"model":%b%b%b' % (body[:start], name, comma, body[start:])
    try:
        members = _members_of(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        # Who reads it says what is wrong with it.
        return body
    others = {key: value for key, value in members.items() if key != "model"}
    return msgspec.json.encode({"model": msgspec.Raw(name), **others})


class ContentEvents(TypedEvents[GeneratedContent]):
    """Pieces of a streamed answer that arrived together."""

    __slots__ = ()

    @staticmethod
    def read_piece(json: object, /) -> GeneratedContent:
        """Return an event as a message."""
        return generated_content_from_json(json)

    @staticmethod
    def write_piece(piece: GeneratedContent, /) -> dict[str, object]:
        """Return a message as an event's JSON."""
        return generated_content_to_json(piece)
