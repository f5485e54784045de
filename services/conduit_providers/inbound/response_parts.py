"""Parts of OpenAI's Responses as the parts of a chat's message.

https://platform.openai.com/docs/api-reference/responses/create
"""

from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from conduit.v1.json_runtime import JsonError
from conduit.v1.response_json import response_part_from_json
from conduit.v1.response_pb2 import ResponsePart
from conduit_kernel.errors import InvalidRequest, UnsupportedCapability
from conduit_providers.inbound.dropped import Dropped

Json = dict[str, Any]

_WORDS = frozenset({"", "input_text", "output_text", "text", "summary_text", "reasoning_text"})
_UNNAMED = "document.pdf"
# The closest look that chats know.
_CLOSEST = {"original": "high"}
# Of a type that a caller gives a part, in an error.
_MAX_KIND = 100
# What parts texts that stand apart.
APART = "\n\n"


class ResponseParts:
    """Translates the parts of one request."""

    def __init__(self, dropped: Dropped) -> None:
        self._dropped = dropped

    def content(self, parts: Iterable[ResponsePart], between: str = APART) -> str | list[Json]:
        """Return parts as a message's content: texts alone as one, as every server takes.

        UnsupportedCapability for parts that a chat cannot have.
        """
        return joined([part for each in parts for part in self._of(each)], between)

    def output(self, output_json: bytes) -> str | list[Json]:
        """Return what came of a call. InvalidRequest if that is neither a string nor parts."""
        output = orjson.loads(output_json or b"null")
        if output is None or isinstance(output, str):
            return output or ""
        if not isinstance(output, list):
            message = "input.output must be a string or a list"
            raise InvalidRequest(message, field="input.output")
        try:
            return self.content([response_part_from_json(e, "input.output") for e in output])
        except JsonError as error:
            raise InvalidRequest(str(error), field=error.path) from error

    def _of(self, part: ResponsePart) -> list[Json]:
        for name, value in orjson.loads(part.unknown_json or b"{}").items():
            if value not in (None, [], {}, False, ""):
                self._dropped.add(f"input.content.{name}")
        match part.type:
            case kind if kind in _WORDS:
                # Providers refuse empty texts, which say nothing.
                return [{"type": "text", "text": part.text}] if part.text else []
            case "refusal":
                return [{"type": "text", "text": part.refusal}] if part.refusal else []
            case "input_image":
                return [{"type": "image_url", "image_url": _picture(part)}]
            case "input_file":
                return [{"type": "file", "file": _file(part)}]
            case "input_audio":
                sound = part.input_audio
                audio = {"data": sound.data, "format": sound.format}
                return [{"type": "input_audio", "input_audio": audio}]
            case kind:
                named = kind[:_MAX_KIND]
                message = f"Content of type {named} can go to OpenAI alone"
                raise UnsupportedCapability(message, capability=named)


def joined(parts: Sequence[Json], between: str) -> str | list[Json]:
    """Return parts as a message's content."""
    if all(part.keys() == {"type", "text"} for part in parts):
        return between.join(part["text"] for part in parts)
    return list(parts)


def _picture(part: ResponsePart) -> Json:
    if not part.image_url:
        raise _of_provider(part)
    detail = _CLOSEST.get(part.detail, part.detail)
    return {"url": part.image_url, **({"detail": detail} if detail else {})}


def _file(part: ResponsePart) -> Json:
    if not part.file_data:
        raise _of_provider(part)
    return {"filename": part.filename or _UNNAMED, "file_data": part.file_data}


def _of_provider(part: ResponsePart) -> InvalidRequest | UnsupportedCapability:
    """Return the error for a part that does not bring what it shows."""
    if part.file_id:
        message = "A file at OpenAI can go to OpenAI alone: send what is in it"
        return UnsupportedCapability(message, capability="files")
    if part.file_url:
        message = "A file by its URL can go to OpenAI alone: send what is in it as file_data"
        return UnsupportedCapability(message, capability="file_urls")
    return InvalidRequest(f"input.content: {part.type} is empty", field="input.content")
