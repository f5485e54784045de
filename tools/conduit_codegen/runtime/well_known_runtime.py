"""JSON of protobuf's well-known types: times, durations, masks and free objects."""

import re
from datetime import UTC, datetime, timedelta

from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.struct_pb2 import NULL_VALUE, ListValue, Struct, Value
from google.protobuf.timestamp_pb2 import Timestamp

from conduit.v1.json_runtime import JsonError, double, members, text

# protobuf's binary form takes 100 levels of messages; a level of JSON costs up to three of them.
MAX_STRUCT_DEPTH = 24

MAX_DURATION_SECONDS = 315_576_000_000
NANO_DIGITS = 9

# Whole numbers up to here are exact as doubles.
EXACT_DOUBLE = 2**53

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAIVE_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - its isoformat has no offset
_MIN_SECONDS = -62_135_596_800
_MAX_SECONDS = 253_402_300_799
_SECOND = timedelta(seconds=1)
_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d))?",
    re.ASCII | re.IGNORECASE,
)
_HUMP = re.compile("([A-Z])")
_SEAM = re.compile("_([a-z])")
_DURATION = re.compile(r"(-?)(\d{1,12})(?:\.(\d{1,9}))?s", re.ASCII)


def fill_timestamp(message: Timestamp, value: object, path: str) -> None:
    """Read an RFC 3339 time; a day alone means its beginning in UTC."""
    found = _TIME.fullmatch(text(value, path))
    if found is None:
        raise JsonError(path, "must be a time, such as 2026-11-23T12:00:00Z")
    day, time, fraction, offset = found.groups()
    try:
        moment = datetime.fromisoformat(f"{day}T{time or '00:00:00'}{(offset or 'Z').upper()}")
    except ValueError as error:
        raise JsonError(path, "must be a time that exists") from error
    seconds = (moment - _EPOCH) // _SECOND
    if not _MIN_SECONDS <= seconds <= _MAX_SECONDS:
        raise JsonError(path, "must be in the years 1 to 9999")
    message.seconds = seconds
    message.nanos = int((fraction or "").ljust(NANO_DIGITS, "0"))


def timestamp_text(message: Timestamp) -> str:
    """Write an RFC 3339 time in UTC, with 0, 3, 6 or 9 decimal places.

    Raises JsonError where there is no such time.
    """
    try:
        moment = _NAIVE_EPOCH + timedelta(seconds=message.seconds)
    except OverflowError as error:
        raise JsonError("", "has a time outside the years 1 to 9999") from error
    return f"{moment.isoformat()}{_decimals(message.nanos)}Z"


def fill_duration(message: Duration, value: object, path: str) -> None:
    """Read a number of seconds, such as `1.5s`."""
    found = _DURATION.fullmatch(text(value, path))
    if found is None:
        raise JsonError(path, "must be a duration in seconds, such as 30s")
    seconds = int(found[2])
    if seconds > MAX_DURATION_SECONDS:
        raise JsonError(path, "is too long")
    sign = -1 if found[1] else 1
    message.seconds = sign * seconds
    message.nanos = sign * int((found[3] or "").ljust(NANO_DIGITS, "0"))


def duration_text(message: Duration) -> str:
    """Write a number of seconds, such as `1.500s`."""
    sign = "-" if message.seconds < 0 or message.nanos < 0 else ""
    return f"{sign}{abs(message.seconds)}{_decimals(abs(message.nanos))}s"


def _decimals(nanos: int) -> str:
    """Return a fraction of a second with 0, 3, 6 or 9 decimal places."""
    if not nanos:
        return ""
    for places in (3, 6):
        if nanos % 10 ** (NANO_DIGITS - places) == 0:
            return f".{nanos // 10 ** (NANO_DIGITS - places):0{places}d}"
    return f".{nanos:0{NANO_DIGITS}d}"


def fill_field_mask(message: FieldMask, value: object, path: str) -> None:
    """Read names of fields, such as `weight,expiresAt`."""
    names = text(value, path)
    message.paths.extend(_HUMP.sub(r"_\1", name).lower() for name in names.split(",") if name)


def field_mask_text(message: FieldMask) -> str:
    """Write names of fields, such as `weight,expiresAt`."""
    return ",".join(_SEAM.sub(lambda m: m[1].upper(), path) for path in message.paths)


def fill_struct(message: Struct, value: object, path: str, depth: int = 1) -> None:
    """Read any JSON object, up to MAX_STRUCT_DEPTH levels deep."""
    message.SetInParent()
    for name, member in members(value, path).items():
        _fill_value(message.fields[name], member, f"{path.removesuffix('.')}.{name}", depth)


def _fill_value(message: Value, value: object, path: str, depth: int) -> None:
    if depth > MAX_STRUCT_DEPTH:
        raise JsonError(path, "is nested too deeply")
    match value:
        case None:
            message.null_value = NULL_VALUE
        case bool():
            message.bool_value = value
        case str():
            message.string_value = value
        case list():
            _fill_list(message.list_value, value, path, depth + 1)
        case dict():
            fill_struct(message.struct_value, value, path, depth + 1)
        case _:
            message.number_value = _exact(value, path)


def _fill_list(message: ListValue, value: list[object], path: str, depth: int) -> None:
    message.SetInParent()
    for index, item in enumerate(value):
        _fill_value(message.values.add(), item, f"{path}[{index}]", depth)


def _exact(value: object, path: str) -> float:
    if isinstance(value, int) and abs(value) > EXACT_DOUBLE:
        raise JsonError(path, "is too large to be kept exactly; write it as a string")
    return double(value, path)


def struct_json(message: Struct) -> dict[str, object]:
    """Write a JSON object, in order of name."""
    return {name: _value_json(member) for name, member in sorted(message.fields.items())}


def _value_json(message: Value) -> object:
    match message.WhichOneof("kind"):
        case "bool_value":
            return message.bool_value
        case "string_value":
            return message.string_value
        case "list_value":
            return [_value_json(item) for item in message.list_value.values]
        case "struct_value":
            return struct_json(message.struct_value)
        case "number_value":
            number = message.number_value
            return int(number) if number.is_integer() and abs(number) <= EXACT_DOUBLE else number
        case _:
            return None
