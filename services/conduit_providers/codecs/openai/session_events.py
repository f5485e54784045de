"""What OpenAI's two session protocols have in common."""

from typing import Any

import msgspec
import orjson

from conduit.v1.json_limits import TOO_DEEP
from conduit_kernel.errors import InvalidRequest
from conduit_providers.codecs.openai.session_usage import SessionUsage
from conduit_providers.failures import malformed
from conduit_providers.json_reading import parsed
from conduit_providers.session_codec import Frame, SessionEvent

Json = dict[str, Any]


class _Head(msgspec.Struct):
    type: str = ""


_read_head = msgspec.json.Decoder(_Head).decode


def said_by_caller(event: SessionEvent) -> tuple[str, str]:
    """Return the type of a caller's event, empty if it has none, and its text.

    What is no JSON goes to the provider, who says so. InvalidRequest if it is no text either.
    """
    json = event.json
    try:
        text = json.decode()
    except UnicodeDecodeError as error:
        raise InvalidRequest("An event is JSON in UTF-8", field="json") from error
    try:
        return _read_head(json).type, text
    except RecursionError as error:
        raise InvalidRequest(f"An event {TOO_DEEP}", field="json") from error
    except msgspec.MsgspecError:
        return "", text


def said_by_provider(frame: Frame, provider: str) -> tuple[str, bytes]:
    """Return the type of a provider's event and its JSON. UpstreamError if it is none."""
    if isinstance(frame, bytes):
        raise malformed(provider, "an event is no text")
    json = frame.encode()
    try:
        return _read_head(json).type, json
    except (msgspec.MsgspecError, RecursionError) as error:
        raise malformed(provider, "an event is no JSON object") from error


def for_provider(json: bytes, model: str) -> str:
    """Return a caller's event with the provider's name of the model.

    InvalidRequest if it cannot be read: the provider might read another model in it.
    """
    return with_model(json, said_document(json), model).decode()


def said_document(json: bytes) -> Json:
    """Return a caller's event. InvalidRequest if it cannot be read."""
    try:
        document: Json = parsed(json)
    except msgspec.DecodeError as error:
        raise InvalidRequest(f"An event cannot be read: {error}", field="json") from error
    return document


def document_of(json: bytes, provider: str) -> Json:
    """Return a provider's event. UpstreamError if it cannot be read."""
    try:
        document: Json = parsed(json)
    except msgspec.DecodeError as error:
        raise malformed(provider, "an event cannot be read") from error
    return document


def with_model(json: bytes, document: Json, model: str) -> bytes:
    """Return an event whose session, if it names a model, names this one."""
    session = document.get("session")
    if not isinstance(session, dict) or "model" not in session:
        return json
    session["model"] = model
    return orjson.dumps(document)


def usage_in(value: object) -> SessionUsage:
    """Read a `usage`; what makes no sense counts nothing."""
    try:
        return msgspec.convert(value or {}, SessionUsage)
    except msgspec.ValidationError:
        return SessionUsage()


def member(value: object, *names: str) -> object:
    """Return what is inside of objects; None where one of them is not there."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value
