"""What the generated converters share: single JSON values, read and written."""

import base64
import binascii
import difflib
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import NoReturn, TypeVar

import orjson
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import ListValue, Struct, Value
from google.protobuf.timestamp_pb2 import Timestamp

T = TypeVar("T")
M = TypeVar("M", bound=Message)

# protobuf's binary form takes 100 levels of messages; a level of JSON costs up to three of them.
MAX_STRUCT_DEPTH = 24

# The decimal digits that survive the way through a double.
EXACT_DIGITS = 15

NANO_DIGITS = 9
NANO = 10**NANO_DIGITS
MAX_DURATION_SECONDS = 315_576_000_000
EXACT_DOUBLE = 2**53

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAIVE_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - its isoformat has no offset
_SECOND = timedelta(seconds=1)
_MIN_TIME = datetime.min.replace(tzinfo=UTC)
_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d))?",
    re.ASCII | re.IGNORECASE,
)
_DURATION = re.compile(r"(-?)(\d{1,12})(?:\.(\d{1,9}))?s", re.ASCII)
_DECIMAL = re.compile(r"(-?)(\d{1,310})(?:\.(\d{1,330}))?", re.ASCII)
_WHOLE = re.compile(r"-?\d{1,20}", re.ASCII)
_URL_SAFE = str.maketrans("-_", "+/")


class JsonError(ValueError):
    """A JSON value is not what the contract says.

    `path` says where, such as `messages[2].content[0].image_url.url`; it is empty for the whole value. `message` says
    what is wrong, such as `must be a string, not a number`.
    """

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path or 'the JSON'} {message}")
        self.path = path
        self.message = message


class MalformedJson(ValueError):
    """A text is not JSON. `position` is where reading ended: characters from 0, or bytes where it is not UTF-8."""

    def __init__(self, position: int, reason: str) -> None:
        super().__init__(f"not JSON at position {position}: {reason}")
        self.position = position
        self.reason = reason


def parse(text: bytes) -> object:
    """Return the value of a JSON text. Raises MalformedJson."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        # Not chained: the original holds the whole text, and texts hold secrets.
        raise MalformedJson(_position(text, error), error.msg) from None


def _position(text: bytes, error: orjson.JSONDecodeError) -> int:
    try:
        text.decode()
    except UnicodeDecodeError as not_text:
        return not_text.start
    return error.pos


def reject(path: str, expected: str, value: object) -> NoReturn:
    """Raise the JsonError of a value of the wrong type."""
    raise JsonError(path.removesuffix("."), f"must be {expected}, not {_kind(value)}")


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list():
            return "a list"
        case _:
            return "an object"


def given(value: T | None, path: str) -> T:
    """Return a member that must be there."""
    if value is None:
        raise JsonError(path, "is missing")
    return value


def refuse_unknown(value: Mapping[str, object], known: Collection[str], path: str) -> NoReturn:
    """Raise the JsonError of the first member that the contract does not know."""
    name = next(name for name in value if name not in known)
    raise JsonError(path + name, "is not known here" + hint(name, known))


def hint(name: str, known: Collection[str]) -> str:
    """Return `; did you mean "baseUrl"?` for a name that is almost a known one."""
    ignoring_case = {other.lower(): other for other in sorted(known)}
    near = difflib.get_close_matches(name.lower().replace("_", ""), ignoring_case, n=1)
    return f'; did you mean "{ignoring_case[near[0]]}"?' if near else ""


def refuse_second(given_names: Iterable[str], path: str) -> NoReturn:
    """Raise the JsonError of members that exclude each other."""
    names = list(given_names)
    raise JsonError(path + names[1], f"cannot be given together with {names[0]}")


def text(value: object, path: str) -> str:
    """Read a string."""
    return value if isinstance(value, str) else reject(path, "a string", value)


def boolean(value: object, path: str) -> bool:
    """Read a boolean."""
    return value if isinstance(value, bool) else reject(path, "true or false", value)


def double(value: object, path: str) -> float:
    """Read a number; a decimal string is one too."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str) and _DECIMAL.fullmatch(value):
        return float(value)
    return reject(path, "a number", value)


def int32(value: object, path: str) -> int:
    """Read a whole number of 32 bits."""
    return _whole(value, path, -(2**31), 2**31 - 1)


def int64(value: object, path: str) -> int:
    """Read a whole number of 64 bits."""
    return _whole(value, path, -(2**63), 2**63 - 1)


def uint32(value: object, path: str) -> int:
    """Read a whole number of 32 bits, from 0."""
    return _whole(value, path, 0, 2**32 - 1)


def uint64(value: object, path: str) -> int:
    """Read a whole number of 64 bits, from 0."""
    return _whole(value, path, 0, 2**64 - 1)


def _whole(value: object, path: str, least: int, most: int) -> int:
    """Read a whole number, also where it is written as `3.0` or `"3"`."""
    match value:
        case bool():
            return reject(path, "a whole number", value)
        case int():
            number = value
        case float() if value.is_integer():
            number = int(value)
        case str() if _WHOLE.fullmatch(value):
            number = int(value)
        case float():
            raise JsonError(path, "must be a whole number, not a fraction")
        case _:
            return reject(path, "a whole number", value)
    if not least <= number <= most:
        raise JsonError(path, f"must be from {least} to {most}")
    return number


def items(value: object, path: str) -> list[object]:
    """Read a list."""
    return value if isinstance(value, list) else reject(path, "a list", value)


def members(value: object, path: str) -> dict[str, object]:
    """Read an object."""
    return value if isinstance(value, dict) else reject(path, "an object", value)


def listed(read: Callable[[object, str], T], value: object, path: str) -> list[T]:
    """Read a list of which each item is read alike."""
    return [read(item, f"{path}[{index}]") for index, item in enumerate(items(value, path))]


def doubles(value: object, path: str) -> list[float]:
    """Read a list of numbers; quick, because vectors are long."""
    numbers = items(value, path)
    if {float}.issuperset(map(type, numbers)):
        return numbers  # type: ignore[return-value]  # the line above has looked at each
    return listed(double, numbers, path)


def spelled(
    value: object, by_spelling: Mapping[str, T], spellings: Mapping[T, str | None], path: str
) -> T:
    """Read an enum value by its exact spelling."""
    found = by_spelling.get(text(value, path))
    return _one_of(spellings, path) if found is None else found


def any_case(
    value: object, by_spelling: Mapping[str, T], spellings: Mapping[T, str | None], path: str
) -> T:
    """Read an enum value by its spelling, without regard to case; the table's spellings are lower-case."""
    found = by_spelling.get(text(value, path).lower())
    return _one_of(spellings, path) if found is None else found


def _one_of(spellings: Mapping[T, str | None], path: str) -> NoReturn:
    names = ", ".join(f'"{spelling}"' for spelling in spellings.values() if spelling)
    raise JsonError(path, f"must be one of {names}")


def unknown_kind(kind: object, kinds: Iterable[str], path: str) -> NoReturn:
    """Raise the JsonError of a discriminator that names no choice."""
    if kind is None:
        raise JsonError(path, "is missing")
    names = ", ".join(f'"{name}"' for name in kinds)
    raise JsonError(path, f"must be one of {names}")


def text_or_list(
    messages: Sequence[M], as_text: Callable[[M], str | None], to_json: Callable[[M], object]
) -> object:
    """Write a list of messages, or the bare string that one message alone can be."""
    if len(messages) == 1 and (bare := as_text(messages[0])) is not None:
        return bare
    return [to_json(message) for message in messages] or None


def raw(value: object, path: str) -> bytes:
    """Turn a JSON value back into text."""
    try:
        return orjson.dumps(value)
    except TypeError as error:
        raise JsonError(path, "is nested too deeply") from error


def from_raw(text: bytes, member: str) -> orjson.Fragment:
    """Return JSON text as a part of a document. Raises JsonError where it is not JSON."""
    # A text that is not one whole value could end the object it stands in and say more.
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        raise JsonError(member, "is not JSON") from None
    return orjson.Fragment(text)


def unknown(value: Mapping[str, object], known: Collection[str], path: str) -> bytes:
    """Return the members that the contract does not know, as JSON text."""
    return raw({name: member for name, member in value.items() if name not in known}, path)


def add_unknown(
    members: dict[str, object], text: bytes, known: Collection[str], field: str
) -> None:
    """Add members that the contract does not know; it does not let them speak for those that it knows."""
    try:
        unknown_members = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise JsonError(field, "is not JSON") from None
    if not isinstance(unknown_members, dict):
        raise JsonError(field, "is not a JSON object")
    for name, value in unknown_members.items():
        if name not in known:
            members[name] = value


def base64_bytes(value: object, path: str) -> bytes:
    """Read base64, also in the alphabet for URLs and without padding."""
    padded = text(value, path).rstrip("=").translate(_URL_SAFE)
    padded += "=" * (-len(padded) % 4)
    try:
        return base64.b64decode(padded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise JsonError(path, "must be base64") from error


def base64_text(value: bytes) -> str:
    """Write base64."""
    return base64.b64encode(value).decode()


def nano_dollars(value: object, path: str) -> int:
    """Read a decimal number of dollars, or a decimal string, as nano-dollars: exactly, or not at all."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return reject(path, "an amount in dollars", value)
    plain = value if isinstance(value, str) else format(Decimal(repr(value)), "f")
    found = _DECIMAL.fullmatch(plain)
    if found is None:
        raise JsonError(path, "must be an amount in dollars, such as 0.03")
    sign, whole, fraction = found[1], found[2].lstrip("0"), (found[3] or "").rstrip("0")
    if len(fraction) > NANO_DIGITS:
        raise JsonError(path, f"must have at most {NANO_DIGITS} decimal places")
    if isinstance(value, float) and len((whole + fraction).lstrip("0")) > EXACT_DIGITS:
        raise JsonError(path, f"has more than {EXACT_DIGITS} digits; write it as a string")
    nano = int(whole + fraction.ljust(NANO_DIGITS, "0"))
    return int64(-nano if sign else nano, path)


def dollars(nano: int) -> orjson.Fragment:
    """Write nano-dollars as a decimal number of dollars, exactly."""
    return orjson.Fragment(dollars_text(nano).encode())


def dollars_text(nano: int) -> str:
    """Return `0.03` for 30,000,000."""
    whole, fraction = divmod(abs(nano), NANO)
    decimals = f".{fraction:0{NANO_DIGITS}d}".rstrip("0").rstrip(".")
    return f"{'-' if nano < 0 else ''}{whole}{decimals}"


def fill_timestamp(message: Timestamp, value: object, path: str) -> None:
    """Read an RFC 3339 time; a day alone means its beginning in UTC."""
    found = _TIME.fullmatch(text(value, path))
    try:
        if found is None:
            raise JsonError(path, "must be a time, such as 2026-11-23T12:00:00Z")
        day, time, fraction, offset = found.groups()
        moment = datetime.fromisoformat(f"{day}T{time or '00:00:00'}{(offset or 'Z').upper()}")
    except ValueError as error:
        if isinstance(error, JsonError):
            raise
        raise JsonError(path, "must be a time that exists") from error
    if moment - _MIN_TIME < timedelta(0) or moment > datetime.max.replace(tzinfo=UTC):
        raise JsonError(path, "must be in the years 1 to 9999")
    message.seconds = (moment - _EPOCH) // _SECOND
    message.nanos = int((fraction or "").ljust(NANO_DIGITS, "0"))


def timestamp_text(message: Timestamp) -> str:
    """Write an RFC 3339 time in UTC, with 0, 3, 6 or 9 decimal places. Raises JsonError where there is no such time."""
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
            message.null_value = 0  # type: ignore[assignment]  # NULL_VALUE
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
