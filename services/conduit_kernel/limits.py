"""Reads fields within the limits that the contract has for them; InvalidRequest names the field.

What has limits without being a field of the contract is read by the functions below those.
"""

from collections.abc import Iterable
from functools import cache

from google.protobuf.descriptor import Descriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from conduit.v1.options_pb2 import CHARACTERS_LINES, Json, Limits, as_json, limits
from conduit_kernel.errors import InvalidRequest

MICROSECONDS = 1_000_000
NANO = 1_000_000_000
_DELETE = "\x7f"


def limits_of(message: Message, name: str) -> Limits:
    """Return what the contract says that a field takes."""
    return _limits(message.DESCRIPTOR, name)


def text_of(message: Message, name: str, inside: str = "") -> str:
    """Return a text field without the space around it, if it is within the contract's limits."""
    found, value = limits_of(message, name), getattr(message, name)
    read = long_text if found.characters == CHARACTERS_LINES else text
    return read(
        value, _spelled(message, name, inside), most=found.max_length, least=found.min_length
    )


def names_of(message: Message, name: str, inside: str = "") -> tuple[str, ...]:
    """Return a list of names, each once, if it is within the contract's limits."""
    found, values = limits_of(message, name), getattr(message, name)
    field = _spelled(message, name, inside)
    return names(values, field, most=found.max_items, longest=found.max_length)


def span_of(message: Message, name: str, inside: str = "") -> int:
    """Return a duration as microseconds, if it is within the contract's limits."""
    most, value = limits_of(message, name).max_seconds, getattr(message, name)
    return span(value, _spelled(message, name, inside), most_seconds=most)


def number_of(message: Message, name: str, inside: str = "") -> int:
    """Return a number, or an amount of nano-dollars, if it is within the contract's limits."""
    value: int = getattr(message, name)
    _check_range(message, name, inside, value)
    return value


def fraction_of(message: Message, name: str, inside: str = "") -> float:
    """Return a number that need not be whole, if it is within the contract's limits."""
    value: float = getattr(message, name)
    _check_range(message, name, inside, value)
    return value


def check_items(message: Message, name: str, inside: str = "") -> None:
    """Check that a list is not too long."""
    most = limits_of(message, name).max_items
    if len(getattr(message, name)) > most:
        field = _spelled(message, name, inside)
        raise InvalidRequest(f"{field} must have at most {most} items", field=field)


def check_length(message: Message, name: str, inside: str = "") -> None:
    """Check a text, or each of a list, that is taken as it is."""
    found, value = limits_of(message, name), getattr(message, name)
    for each in (value,) if isinstance(value, str) else value:
        _within(each, _spelled(message, name, inside), found.max_length, found.min_length)


def text(value: str, field: str, *, most: int, least: int = 0) -> str:
    """Return a text without the space around it, if it has the right length and one line."""
    value = _within(value.strip(), field, most, least)
    if any(char < " " or char == _DELETE for char in value):
        raise InvalidRequest(f"{field} must not have control characters", field=field)
    return value


def long_text(value: str, field: str, *, most: int, least: int = 0) -> str:
    """Return a text that may have several lines."""
    value = _within(value.strip(), field, most, least)
    if any(char < " " and char not in "\n\r\t" for char in value):
        raise InvalidRequest(f"{field} must not have control characters", field=field)
    return value


def names(values: Iterable[str], field: str, *, most: int, longest: int) -> tuple[str, ...]:
    """Return a list of names, each once; the most is of those that are given."""
    given = tuple(values)
    if len(given) > most:
        raise InvalidRequest(f"{field} must have at most {most} items", field=field)
    return tuple(dict.fromkeys(text(each, field, least=1, most=longest) for each in given))


def span(value: Duration, field: str, *, most_seconds: int) -> int:
    """Return a duration, more than nothing, as microseconds."""
    # Not as a timedelta, which overflows where callers send nonsense.
    micros = value.seconds * MICROSECONDS + value.nanos // 1000
    if not 0 < micros <= most_seconds * MICROSECONDS:
        raise InvalidRequest(
            f"{field} must be more than 0s and at most {most_seconds}s", field=field
        )
    return micros


# Also on the way of calls that have options.
@cache
def _limits(kind: Descriptor, name: str) -> Limits:
    return kind.fields_by_name[name].GetOptions().Extensions[limits]


@cache
def _json(kind: Descriptor, name: str) -> Json:
    return kind.fields_by_name[name].GetOptions().Extensions[as_json]


def _spelled(message: Message, name: str, inside: str) -> str:
    spelling = _json(message.DESCRIPTOR, name)
    # OpenAI's calls, which have headers beside their body, say it as the contract does.
    in_json = name if spelling.header else message.DESCRIPTOR.fields_by_name[name].json_name
    member = spelling.name or in_json
    return f"{inside}.{member}" if inside else member


def _within(value: str, field: str, most: int, least: int) -> str:
    if least <= len(value) and (len(value) <= most or not most):
        return value
    wanted = f"from {least} to {most}" if least else f"at most {most}"
    raise InvalidRequest(f"{field} must have {wanted} characters, not {len(value)}", field=field)


def _check_range(message: Message, name: str, inside: str, value: float) -> None:
    found = limits_of(message, name)
    unit = NANO if _json(message.DESCRIPTOR, name).money else 1
    is_enough = not found.HasField("least") or value >= found.least * unit
    is_more = not found.HasField("more_than") or value > found.more_than * unit
    is_less = not found.HasField("most") or value <= found.most * unit
    if is_enough and is_more and is_less:
        return
    field, shown = _spelled(message, name, inside), value if unit == 1 else value / unit
    raise InvalidRequest(f"{field} must be {_range(found)}, not {shown:,}", field=field)


def _range(found: Limits) -> str:
    least, most = f"{found.least:,.10g}", f"{found.most:,.10g}"
    if found.HasField("least") and found.HasField("most"):
        return f"from {least} to {most}"
    if found.HasField("least"):
        return f"at least {least}"
    above = f"more than {found.more_than:,.10g}"
    return f"{above} and at most {most}" if found.HasField("most") else above
