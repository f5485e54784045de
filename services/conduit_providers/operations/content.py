"""Chats in the words of Google's generateContent: `GenerateContent`, `StreamGenerateContent`."""

import re
from collections.abc import Iterator
from typing import Any, ClassVar

import msgspec

from conduit.v1.chat_pb2 import ChatUsage
from conduit.v1.content_pb2 import ContentGeneration, GeneratedContent
from conduit_kernel.errors import InvalidRequest
from conduit_providers.inbound.caller_operation import CallerOperation
from conduit_providers.inbound.content_form import (
    ContentEvents,
    ContentForm,
    content_request,
    with_model,
)
from conduit_providers.json_reading import known
from conduit_providers.operation import NOTHING, Requirements
from conduit_providers.operations.chat import usage_message
from conduit_providers.quantities import Quantities
from conduit_providers.request_reading import RequestReader, Routed, Unread


class _Config(msgspec.Struct, rename="camel", gc=False):
    max_output_tokens: int | None = None
    candidate_count: int | None = None
    response_mime_type: str | None = None
    response_schema: Unread = msgspec.UNSET
    response_json_schema: Unread = msgspec.UNSET
    # Not needed here; a wrong type is better refused before a provider is asked.
    temperature: float | None = None
    top_p: float | None = None


class _SnakeConfig(msgspec.Struct, gc=False):
    max_output_tokens: int | None = None
    candidate_count: int | None = None


class _Content(Routed, gc=False):
    model: str
    contents: Unread = msgspec.UNSET
    tools: Unread = msgspec.UNSET
    generationConfig: _Config | None = None  # noqa: N815 # Google's spelling
    generation_config: _SnakeConfig | None = None
    cachedContent: Unread = msgspec.UNSET  # noqa: N815 # as above


_read = RequestReader(_Content).read
_NO_CONFIG, _NO_SNAKE = _Config(), _SnakeConfig()
_SAYS_NOTHING = (b"null", b"[]", b'""')
# The beginning of a media type to the capability that it needs.
_MEDIA = {"image": "vision", "audio": "audio", "video": "video", "application": "files"}
_HINTS = re.compile(rb"inlineData|inline_data|fileData|file_data")


class ContentOperation(CallerOperation[ContentGeneration, GeneratedContent, ContentEvents]):
    """Asks a model for the next turn of a conversation, in Google's words."""

    served_as: ClassVar[str] = "content"
    typed_member: ClassVar[str] = "content"

    def caller_form(
        self, *, json: bytes | None = None, typed: ContentGeneration | None = None
    ) -> ContentForm:
        """Hold a request."""
        return content_request(json=json, typed=typed)

    def form_of(self, request: Any) -> ContentForm:  # noqa: ANN401 # of each RPC its own
        """Return the conversation, with the model that the request names beside it."""
        if request.WhichOneof("form") == self.typed_member:
            if not request.content.model:
                request.content.model = request.model
            return content_request(typed=request.content)
        return content_request(json=with_model(request.json, request.model))

    def plain_form_of(self, body: bytes, model: str) -> ContentForm:
        """Return the conversation of a body of JSON, with the model that stands beside it."""
        return content_request(json=with_model(body, model))

    def usage_message(self, usage: Quantities) -> ChatUsage:
        """Return what was used as chats count it."""
        return usage_message(usage)

    def requirements(self, body: bytes, *, stream: bool) -> Requirements:
        """Read a request; what it says of streaming is what its RPC says."""
        asked = _read(body)
        if not _says(asked.contents):
            raise InvalidRequest("contents must not be empty", field="contents")
        config, snake = asked.generationConfig or _NO_CONFIG, asked.generation_config or _NO_SNAKE
        resource = _read_member(asked.cachedContent)
        return Requirements(
            asked.model,
            "chat",
            stream,
            capabilities=_capabilities(body, asked, config),
            # Which of two spellings counts, its provider knows: the larger one is foreseen.
            max_output=_larger(config.max_output_tokens, snake.max_output_tokens),
            choices=_larger(config.candidate_count, snake.candidate_count) or 1,
            fallbacks=asked.named_fallbacks(),
            session=asked.session(),
            resource=resource if isinstance(resource, str) else "",
            tags=asked.tags(),
        )


def _larger(one: int | None, other: int | None) -> int | None:
    return max((each for each in (one, other) if each is not None), default=None)


def _says(value: Unread) -> bool:
    return value is not msgspec.UNSET and bytes(value) not in _SAYS_NOTHING


def _read_member(value: Unread) -> Any:  # noqa: ANN401 # any JSON value
    return None if value is msgspec.UNSET else known(bytes(value))


def _capabilities(body: bytes, asked: _Content, config: _Config) -> frozenset[str]:
    found: set[str] = set()
    if _says(asked.tools):
        found.add("tools")
    if config.response_mime_type == "application/json":
        has_schema = _says(config.response_schema) or _says(config.response_json_schema)
        found.add("json_schema" if has_schema else "json_object")
    if _HINTS.search(body) is not None:
        found |= set(_media_in(_read_member(asked.contents)))
    return frozenset(found) if found else NOTHING


def _media_in(contents: Any) -> Iterator[str]:  # noqa: ANN401 # any JSON value
    """Yield what parts need to be taken in."""
    for content in contents if isinstance(contents, list) else [contents]:
        parts = content.get("parts") if isinstance(content, dict) else None
        for part in parts if isinstance(parts, list) else [parts]:
            for name in ("inlineData", "inline_data", "fileData", "file_data"):
                media = part.get(name) if isinstance(part, dict) else None
                if isinstance(media, dict):
                    kind = str(media.get("mimeType") or media.get("mime_type") or "")
                    if (needed := _MEDIA.get(kind.partition("/")[0])) is not None:
                        yield needed


OPERATION = ContentOperation()
