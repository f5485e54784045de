"""Reports request members that a dialect does not support."""

from collections.abc import Iterable, Mapping

import orjson

from conduit.v1.chat_message_pb2 import ChatMessage, ContentPart
from conduit.v1.chat_pb2 import ChatCompletionRequest
from conduit.v1.chat_tool_pb2 import Tool
from conduit_kernel.errors import UnsupportedCapability
from conduit_providers.operations.chat import ChatCall

# What OpenAI does unasked; clients say so all the same.
DEFAULTS: Mapping[str, object] = {
    "frequency_penalty": 0,
    "logprobs": False,
    "modalities": ["text"],
    "n": 1,
    "parallel_tool_calls": True,
    "presence_penalty": 0,
    "service_tier": "auto",
    "store": False,
    "verbosity": "medium",
}
# What OpenAI's SDK adds to answers that it reads, out of what else is in them.
DERIVED = frozenset({"parsed", "parsed_arguments", "index"})
# JSON that says nothing; clients hand answers back with such members.
_NOTHING = frozenset({b"", b"null", b"[]", b"{}", b'""'})

# Of the type that a caller gives a part, in an error.
_MAX_KIND = 100


def untaken(part: ContentPart, provider: str) -> UnsupportedCapability:
    """Return the error of a part of a kind that a provider does not take."""
    kind: str | None = part.WhichOneof("part")
    if kind is None:
        named = orjson.loads(part.unknown_json or b"{}").get("type")
        kind = named[:_MAX_KIND] if isinstance(named, str) else None
    message = f"{provider} takes no content of type {kind or 'unknown'}"
    return UnsupportedCapability(message, capability=kind or "content")


def is_default(name: str, value: object) -> bool:
    """Return whether a value asks for no more than what happens without it."""
    return value in (None, "", [], {}) or (name in DEFAULTS and value == DEFAULTS[name])


def asking(request: ChatCompletionRequest, names: Iterable[str]) -> list[str]:
    """Return those of some parameters that ask for something.

    Zero and false ask for what happens anyway.
    """
    given = {name: getattr(request, name) for name in names}
    return [name for name, value in given.items() if value and not is_default(name, value)]


def no_functions(provider: str) -> UnsupportedCapability:
    """Return the error for a request with OpenAI's `functions`, which `tools` have replaced."""
    return UnsupportedCapability(
        f"{provider} takes functions as tools alone; use tools", capability="functions"
    )


def check_text_only(request: ChatCompletionRequest, provider: str) -> None:
    """Raise UnsupportedCapability where an answer is to be more than text."""
    if any(modality != "text" for modality in request.modalities):
        raise UnsupportedCapability(f"{provider} answers in text only", capability="modalities")


def note_unsupported(call: ChatCall, provider: str, taken: Iterable[str] = ()) -> None:
    """Drop the members of messages, parts and tools that a dialect does not take.

    `taken` are those that it does, of all that are not the same in every dialect: `annotations`,
    `audio`, `detail` (of pictures), and members that the contract does not know.
    """
    known = frozenset(taken)
    request = call.typed
    if "functions" in _named(request.unknown_json):
        # Without them, the answer would be of no use.
        raise no_functions(provider)
    for message in request.messages:
        for name in _of_message(message):
            if name.rpartition(".")[2] not in known:
                call.drop(f"messages.{name}", provider)
    for tool in request.tools:
        for name in _of_tool(tool):
            if name not in known:
                call.drop(f"tools.{name}", provider)
    has_both = request.HasField("max_tokens") and request.HasField("max_completion_tokens")
    if has_both and request.max_tokens != request.max_completion_tokens:
        # The newer name counts.
        call.drop("max_tokens", provider)


def _of_tool(tool: Tool) -> list[str]:
    # What is no function is refused, or passed on whole.
    if not tool.HasField("function"):
        return []
    return _named(tool.unknown_json) + _named(tool.function.unknown_json)


def _of_message(message: ChatMessage) -> list[str]:
    names = [name for name in _named(message.unknown_json) if name not in DERIVED]
    if message.annotations_json not in _NOTHING:
        names.append("annotations")
    if message.audio_json not in _NOTHING:
        names.append("audio")
    for part in message.content:
        names += _of_part(part)
    for each in message.tool_calls:
        found = (name for name in _named(each.unknown_json) if name not in DERIVED)
        names += [f"tool_calls.{name}" for name in found]
    return names


def _of_part(part: ContentPart) -> list[str]:
    kind = part.WhichOneof("part")
    if kind is None:
        # Of a type that nobody knows, and refused as such.
        return []
    names = _named(part.unknown_json)
    match kind:
        case "image_url":
            names += [f"image_url.{name}" for name in _named(part.image_url.unknown_json)]
            if part.image_url.detail not in {"", "auto"}:
                names.append("image_url.detail")
        case "video_url":
            names += [f"video_url.{name}" for name in _named(part.video_url.unknown_json)]
        case "file":
            names += [f"file.{name}" for name in _named(part.file.unknown_json)]
    return names


def _named(unknown: bytes) -> list[str]:
    """Return the names of members that say something."""
    if not unknown:
        return []
    return [
        name for name, value in orjson.loads(unknown).items() if value not in (None, [], {}, "")
    ]
