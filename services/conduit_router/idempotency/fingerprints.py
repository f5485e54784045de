"""What tells two requests apart that come with the same idempotency key."""

import hashlib
from collections.abc import Sequence

import orjson
from google.protobuf.message import Message

from conduit_kernel.http import Upload

_JSON = "json"
# How a call is treated, and headers as they came: clients say there how often they have sent it.
_UNCOUNTED = ("options", "headers")


async def fingerprint_of(rpc: str, request: Message, files: Sequence[Upload] = ()) -> bytes:
    """Return the SHA-256 of what is asked: of the RPC, the request and its files.

    Its options do not count, nor do headers.

    JSON counts by what it says, in whatever order and with whatever space its members are written.
    """
    digest = hashlib.sha256(rpc.encode() + b"\0" + _canonical(request))
    for file in files:
        # Each by itself, so that bytes may not move from one file to the next.
        inner, reader = hashlib.sha256(), await file.open()
        while piece := await reader.next():
            inner.update(piece)
        digest.update(inner.digest())
    return digest.digest()


def _canonical(request: Message) -> bytes:
    asked = type(request)()
    asked.CopyFrom(request)
    for name in _UNCOUNTED:
        if name in asked.DESCRIPTOR.fields_by_name:
            asked.ClearField(name)
    if _JSON in asked.DESCRIPTOR.fields_by_name:
        raw: bytes = getattr(asked, _JSON)
        setattr(asked, _JSON, _canonical_json(raw)) if raw else None
    return asked.SerializeToString(deterministic=True)


def _canonical_json(raw: bytes) -> bytes:
    try:
        return orjson.dumps(orjson.loads(raw), option=orjson.OPT_SORT_KEYS)
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        # The call says what is wrong with it.
        return raw
