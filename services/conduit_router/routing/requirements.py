"""The few fields of a JSON request that routing needs, read without taking the rest apart."""

import re

import msgspec

from conduit_kernel.errors import InvalidRequest, MalformedJson

NOTHING: frozenset[str] = frozenset()


class Requirements(msgspec.Struct, frozen=True):
    """What a request asks of whoever serves it."""

    model: str
    operation: str
    stream: bool = False
    include_usage: bool = False
    capabilities: frozenset[str] = NOTHING


class _StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


class _Format(msgspec.Struct):
    type: str


class _Chat(msgspec.Struct):
    model: str
    messages: list[msgspec.Raw]
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    tools: list[msgspec.Raw] | None = None
    response_format: _Format | None = None
    # Not needed here; a wrong type is better refused before a provider is asked.
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    n: int | None = None


class _Embedding(msgspec.Struct):
    model: str
    input: str | list[msgspec.Raw]
    dimensions: int | None = None


class _Part(msgspec.Struct):
    type: str = ""


class _Message(msgspec.Struct):
    content: str | list[_Part] | None = None


class _Parts(msgspec.Struct):
    messages: list[_Message]


_read_chat = msgspec.json.Decoder(_Chat).decode
_read_embedding = msgspec.json.Decoder(_Embedding).decode
_read_parts = msgspec.json.Decoder(_Parts).decode

# Part type to the capability that it needs.
_PARTS = {"image_url": "vision", "input_audio": "audio", "file": "files", "video_url": "video"}
_HINTS = tuple(b'"%b"' % kind.encode() for kind in _PARTS)
_AT = re.compile(r" - at `\$\.?([^`]*)`")


def chat_requirements(body: bytes) -> Requirements:
    """Read a chat request. MalformedJson or InvalidRequest, with the field, if it is none."""
    try:
        chat = _read_chat(body)
        if not chat.messages:
            raise InvalidRequest("messages must not be empty", field="messages")
        needs = _chat_capabilities(body, chat)
    except msgspec.MsgspecError as error:
        raise _refusal(error) from error
    options = chat.stream_options
    return Requirements(
        chat.model,
        "chat",
        bool(chat.stream),
        bool(options and options.include_usage),
        needs,
    )


def embedding_requirements(body: bytes) -> Requirements:
    """Read an embedding request. MalformedJson or InvalidRequest, with the field, if it is none."""
    try:
        request = _read_embedding(body)
    except msgspec.MsgspecError as error:
        raise _refusal(error) from error
    if not request.input:
        raise InvalidRequest("input must not be empty", field="input")
    return Requirements(request.model, "embed")


def _chat_capabilities(body: bytes, chat: _Chat) -> frozenset[str]:
    found = []
    if chat.tools:
        found.append("tools")
    if chat.response_format is not None and chat.response_format.type != "text":
        found.append(chat.response_format.type)
    if b'"type"' in body and any(hint in body for hint in _HINTS):
        # The word is there; whether as a part of a message takes a closer look.
        parts = (p.type for m in _read_parts(body).messages for p in _list(m.content))
        found += {_PARTS[kind] for kind in parts if kind in _PARTS}
    return frozenset(found) if found else NOTHING


def _list(content: str | list[_Part] | None) -> list[_Part]:
    return content if isinstance(content, list) else []


def _refusal(error: msgspec.MsgspecError) -> InvalidRequest:
    text = str(error)
    if not isinstance(error, msgspec.ValidationError):
        return MalformedJson(f"The body is not JSON: {text}")
    match = _AT.search(text)
    field = match.group(1) if match else ""
    if missing := re.match(r"Object missing required field `(\w+)`", text):
        field = f"{field}.{missing.group(1)}".lstrip(".")
        return InvalidRequest(f"{field} is required", field=field)
    what = _AT.sub("", text).replace("`", "")
    return InvalidRequest(f"{field or 'The body'}: {what[:1].lower()}{what[1:]}", field=field)
