"""What the generated converters share: single JSON values, read and written."""

import base64
import binascii
import difflib
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from math import isfinite
from typing import NoReturn, TypeVar

import orjson
from google.protobuf.message import Message

from conduit.v1.json_limits import TOO_DEEP, is_too_deep

T = TypeVar("T")
M = TypeVar("M", bound=Message)

# The decimal digits that survive the way through a double.
EXACT_DIGITS = 15

# How zero values are spelled that nobody should send.
UNSPECIFIED = "Unspecified"

NANO_DIGITS = 9
NANO = 10**NANO_DIGITS

_DECIMAL = re.compile(r"(-?)(\d{1,310})(?:\.(\d{1,330}))?", re.ASCII)
_NUMBER = re.compile(r"-?\d{1,310}(?:\.\d{1,330})?(?:[eE][+-]?\d{1,3})?", re.ASCII)
_WHOLE = re.compile(r"-?\d{1,20}", re.ASCII)
_URL_SAFE = str.maketrans("-_", "+/")


class JsonError(ValueError):
    """A JSON value is not what the contract says.

    `path` says where, such as `messages[2].content[0].image_url.url`; it is empty for the whole
    value. `message` says what is wrong, such as `must be a string, not a number`.
    """

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path or 'the JSON'} {message}")
        self.path = path
        self.message = message


class MalformedJson(ValueError):
    """A text is not JSON.

    `position` is where reading ended: characters from 0, or bytes where it is not UTF-8.
    """

    def __init__(self, position: int, reason: str) -> None:
        super().__init__(f"not JSON at position {position}: {reason}")
        self.position = position
        self.reason = reason


def parse(text: bytes) -> object:
    """Return the value of a JSON text. Raises MalformedJson, and JsonError if it is too deep."""
    if is_too_deep(text):
        raise JsonError("", TOO_DEEP)
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        # Not chained: the original holds the whole text, and texts hold secrets.
        raise MalformedJson(_position(text, error), error.msg) from None


def parse_member(text: bytes, member: str) -> object:
    """Return the value of a member that is JSON text. JsonError, with its name, if it is none."""
    if is_too_deep(text):
        raise JsonError(member, TOO_DEEP)
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise JsonError(member, "is not JSON") from None


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


def named(value: object, fields: Mapping[str, str]) -> list[str]:
    """Return the names of the fields that an object has members for, `null` or not."""
    return [fields[name] for name in members(value, "") if name in fields]


def first_given(value: Mapping[str, object], names: Iterable[str]) -> str | None:
    """Return the first of some members that is there."""
    return next((name for name in names if value.get(name) is not None), None)


def renamed(value: dict[str, object], other: str, name: str, path: str) -> dict[str, object]:
    """Return an object whose member has its own name, not another one that is read as well."""
    if other not in value:
        return value
    if value.get(name) is not None and value[other] is not None:
        raise JsonError(path + other, f"cannot be given together with {name}")
    # Null under the one name takes nothing away from what is under the other.
    left_out = other if value[other] is None and name in value else name
    return {
        name if each == other else each: member
        for each, member in value.items()
        if each != left_out
    }


def at_most_one(value: Mapping[str, object], names: Iterable[str], path: str) -> None:
    """Refuse members that exclude each other."""
    given_names = [name for name in names if value.get(name) is not None]
    if len(given_names) > 1:
        first, second, *_ = given_names
        raise JsonError(path + second, f"cannot be given together with {first}")


def text(value: object, path: str) -> str:
    """Read a string."""
    return value if isinstance(value, str) else reject(path, "a string", value)


def boolean(value: object, path: str) -> bool:
    """Read a boolean."""
    return value if isinstance(value, bool) else reject(path, "true or false", value)


def double(value: object, path: str) -> float:
    """Read a number; the text of one, as forms have it, is one too."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str) and _NUMBER.fullmatch(value) and isfinite(number := float(value)):
        return number
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
    """Read an enum value without regard to case; the table's spellings are lower-case."""
    found = by_spelling.get(text(value, path).lower())
    return _one_of(spellings, path) if found is None else found


def _one_of(spellings: Mapping[T, str | None], path: str) -> NoReturn:
    names = dict.fromkeys(s for s in spellings.values() if s and s != UNSPECIFIED)
    raise JsonError(path, f"must be one of {_quoted(names)}")


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def unknown_kind(kind: object, kinds: Iterable[str], path: str) -> NoReturn:
    """Raise the JsonError of a discriminator that names no choice."""
    if kind is None:
        raise JsonError(path, "is missing")
    raise JsonError(path, f"must be one of {_quoted(kinds)}")


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
    parse_member(text, member)
    return orjson.Fragment(text)


def without(value: Mapping[str, object], name: str) -> dict[str, object]:
    """Return the members of an object but one."""
    return {member: item for member, item in value.items() if member != name}


def unknown(value: Mapping[str, object], known: Collection[str], path: str) -> bytes:
    """Return the members that the contract does not know, as JSON text."""
    return raw({name: member for name, member in value.items() if name not in known}, path)


def add_unknown(
    members: dict[str, object], text: bytes, known: Collection[str], field: str
) -> None:
    """Add the members that the contract does not know; they cannot speak for those it knows."""
    unknown_members = parse_member(text, field)
    if not isinstance(unknown_members, dict):
        raise JsonError(field, "is not a JSON object")
    members.update((name, v) for name, v in unknown_members.items() if name not in known)


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
    """Read a decimal number of dollars as nano-dollars, exactly; a decimal string is one too."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return reject(path, "an amount in dollars", value)
    plain = value if isinstance(value, str) else format(Decimal(repr(value)), "f")
    found = _DECIMAL.fullmatch(plain)
    if found is None:
        raise JsonError(path, "must be an amount in dollars, such as 0.03")
    sign, whole, fraction = found[1], found[2].lstrip("0"), (found[3] or "").rstrip("0")
    if len(fraction) > NANO_DIGITS:
        raise JsonError(path, f"must have at most {NANO_DIGITS} decimal places")
    if isinstance(value, float) and len((whole + fraction).strip("0")) > EXACT_DIGITS:
        raise JsonError(path, f"has more than {EXACT_DIGITS} digits; write it as a string")
    nano = int(whole + fraction.ljust(NANO_DIGITS, "0"))
    return int64(-nano if sign else nano, path)


def dollars(nano: int) -> orjson.Fragment:
    """Write nano-dollars as a decimal number of dollars, exactly."""
    return orjson.Fragment(dollars_text(nano))


def dollars_text(nano: int) -> str:
    """Return `0.03` for 30,000,000."""
    if nano < 0:
        return "-" + dollars_text(-nano)
    whole, part = divmod(nano, NANO)
    return f"{whole}.{part:09}".rstrip("0").rstrip(".")
