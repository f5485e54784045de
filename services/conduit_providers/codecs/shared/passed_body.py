"""Bodies that pass to a provider as their callers wrote them, but for the model's name."""

import re
from typing import Any

import msgspec
import orjson

from conduit_kernel.errors import InvalidRequest
from conduit_providers.calls import Call
from conduit_providers.codecs.openai.request import hides_names, with_model
from conduit_providers.json_reading import parsed

Json = dict[str, Any]

_STREAM = re.compile(rb'"stream"\s*:\s*(true|false|null)')


def passed_body(raw: bytes, call: Call[Any]) -> bytes:
    """Return a caller's body with the provider's name of the model.

    InvalidRequest if it is not a JSON object.
    """
    if _streams(raw, call) and not hides_names(raw):
        body = with_model(raw, call.alias, call.model)
        if body is not None:
            return body
    return _rewritten(raw, call)


def members_in(raw: bytes) -> Json:
    """Return a body's members. InvalidRequest if it is not a JSON object."""
    try:
        members = parsed(raw)
    except msgspec.DecodeError as error:
        raise InvalidRequest("The request is not JSON", field="") from error
    if not isinstance(members, dict):
        raise InvalidRequest("The request must be a JSON object", field="")
    return members


def objects_in(listed: object) -> list[Json]:
    """Return the objects of a list; none if it is no list."""
    return [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []


def _rewritten(raw: bytes, call: Call[Any]) -> bytes:
    """Return a body whose members are written anew, but not what they hold."""
    try:
        members = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    except msgspec.DecodeError as error:
        raise InvalidRequest("The request must be a JSON object", field="") from error
    members["model"] = msgspec.Raw(orjson.dumps(call.model))
    members.pop("stream", None)
    if call.stream:
        members["stream"] = msgspec.Raw(b"true")
    return msgspec.json.encode(members)


def _streams(raw: bytes, call: Call[Any]) -> bool:
    """Return whether a body says of streaming what its call does; False if unsure."""
    at = raw.find(b'"stream"')
    if at < 0:
        return not call.stream
    if raw.find(b'"stream"', at + 8) >= 0:
        return False
    found = _STREAM.match(raw, at)
    return found is not None and (found[1] == b"true") == call.stream
