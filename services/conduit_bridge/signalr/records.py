"""The JSON hub protocol: records of JSON that end with 0x1E. Pure."""

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any, NamedTuple

import orjson

END = "\x1e"
# Of one record; what clients call has one small argument.
MAX_RECORD_CHARS = 16 * 1024


class RecordType(IntEnum):
    """Kinds of records."""

    INVOCATION = 1
    STREAM_ITEM = 2
    COMPLETION = 3
    STREAM_INVOCATION = 4
    CANCEL_INVOCATION = 5
    PING = 6
    CLOSE = 7


class RecordError(Exception):
    """A client sent what is no record; the message says why, and quotes nothing of it."""


class Invocation(NamedTuple):
    """A call of a method of the other side's; without an id nobody waits for its end."""

    target: str
    arguments: Sequence[Any]
    invocation_id: str | None = None
    # Whether the client expects a stream of results.
    is_stream: bool = False


class RecordReader:
    """Splits what comes into records, however it is cut."""

    def __init__(self) -> None:
        self._rest = ""

    def feed(self, text: str) -> list[Mapping[str, Any]]:
        """Return the records that are complete now. RecordError if one is too long or no JSON."""
        *whole, self._rest = (self._rest + text).split(END)
        if any(len(record) > MAX_RECORD_CHARS for record in (*whole, self._rest)):
            raise RecordError(f"A record may have at most {MAX_RECORD_CHARS} characters")
        return [_parsed(record) for record in whole]


def _parsed(text: str) -> Mapping[str, Any]:
    try:
        record = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise RecordError("A record is not JSON") from error
    if not isinstance(record, dict):
        raise RecordError("A record must be an object")
    return record


def handshake_problem(record: Mapping[str, Any]) -> str:
    """Return why a client's first record is not accepted; empty if it is."""
    if record.get("protocol") != "json":
        return "This hub speaks the protocol json only"
    # signalrcore says the version of its negotiation here.
    version = record.get("version")
    if not isinstance(version, int) or version not in {0, 1}:
        return "This hub speaks version 1 of the protocol only"
    return ""


def invocation_of(record: Mapping[str, Any]) -> Invocation | None:
    """Return what a record calls; None if it calls nothing. RecordError if it makes no sense."""
    kind = record.get("type")
    calls = {RecordType.INVOCATION, RecordType.STREAM_INVOCATION}
    if not isinstance(kind, int) or kind not in calls:
        return None
    target, arguments = record.get("target"), record.get("arguments", [])
    name = record.get("invocationId")
    is_named = name is None or isinstance(name, str)
    if not (isinstance(target, str) and isinstance(arguments, list) and is_named):
        raise RecordError("An invocation has a target, arguments and perhaps an invocationId")
    return Invocation(target, arguments, name, kind == RecordType.STREAM_INVOCATION)


def handshake_answer(problem: str = "") -> str:
    """Return the record that accepts a handshake, or says why not."""
    return _written({"error": problem} if problem else {})


def invocation(target: str, *arguments: object) -> str:
    """Return the record that calls a client's method."""
    return _written({"type": RecordType.INVOCATION, "target": target, "arguments": arguments})


def completion(invocation_id: str, error: str = "") -> str:
    """Return the record that ends a client's call, well or not."""
    told: dict[str, Any] = {"error": error} if error else {"result": None}
    return _written({"type": RecordType.COMPLETION, "invocationId": invocation_id, **told})


def ping() -> str:
    """Return the sign of life."""
    return _written({"type": RecordType.PING})


def close(error: str = "", *, allow_reconnect: bool = False) -> str:
    """Return the last record of a connection."""
    told: dict[str, Any] = {"error": error} if error else {}
    if allow_reconnect:
        told["allowReconnect"] = True
    return _written({"type": RecordType.CLOSE, **told})


def _written(record: Mapping[str, Any]) -> str:
    return orjson.dumps(record).decode() + END
