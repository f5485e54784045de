"""Checks that several kinds of things share."""

import re
from collections.abc import Iterable
from typing import TypeVar

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from conduit.v1.options_pb2 import CHARACTERS_LINES, Limits, limits
from conduit_kernel.errors import InvalidRequest, KeyNotFound

MAX_SHARE = 1_000_000
MAX_QUOTED = 60
# 9999-12-31T23:59:59Z, the last second that a Timestamp can hold.
MAX_SECONDS = 253_402_300_799
MICROSECONDS = 1_000_000
NANOSECONDS = 1_000_000_000
_DELETE = "\x7f"

GivenT = TypeVar("GivenT")
_KEY_ID = re.compile(r"(?:key_)?([0-9]{1,18})", re.ASCII)


def limits_of(message: Message, name: str) -> Limits:
    """Return what the contract says that a field takes."""
    return message.DESCRIPTOR.fields_by_name[name].GetOptions().Extensions[limits]


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


def _spelled(message: Message, name: str, inside: str) -> str:
    member = message.DESCRIPTOR.fields_by_name[name].json_name
    return f"{inside}.{member}" if inside else member


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


def _within(value: str, field: str, most: int, least: int) -> str:
    if least <= len(value) <= most:
        return value
    wanted = f"from {least} to {most}" if least else f"at most {most}"
    raise InvalidRequest(f"{field} must have {wanted} characters, not {len(value)}", field=field)


def number(value: int, field: str, *, least: int, most: int) -> int:
    """Return a number within its range."""
    if not least <= value <= most:
        message = f"{field} must be from {least:,} to {most:,}, not {value:,}"
        raise InvalidRequest(message, field=field)
    return value


def share(value: int, field: str) -> int:
    """Return a weight or a priority."""
    return number(value, field, least=0, most=MAX_SHARE)


def names(values: Iterable[str], field: str, *, most: int, longest: int) -> tuple[str, ...]:
    """Return a list of names, each once."""
    found = tuple(dict.fromkeys(text(v, field, least=1, most=longest) for v in values))
    if len(found) > most:
        raise InvalidRequest(f"{field} must have at most {most} items", field=field)
    return found


def moment(value: Timestamp, field: str) -> int:
    """Return a time as microseconds since 1970."""
    if not (0 <= value.seconds <= MAX_SECONDS and 0 <= value.nanos < NANOSECONDS):
        raise InvalidRequest(f"{field} must be a time from 1970 to 9999", field=field)
    return value.ToMicroseconds()


def span(value: Duration, field: str, *, most_seconds: int) -> int:
    """Return a duration, more than nothing, as microseconds."""
    micros = value.seconds * MICROSECONDS + value.nanos // 1000
    if not 0 < micros <= most_seconds * MICROSECONDS:
        raise InvalidRequest(
            f"{field} must be more than 0s and at most {most_seconds}s", field=field
        )
    return micros


def required(given: GivenT | None, field: str) -> GivenT:
    """Return what was given for a field. InvalidRequest if that is nothing."""
    if not given:
        raise InvalidRequest(f"{field} is missing", field=field)
    return given


def key_number(key_id: str) -> int:
    """Return the number of a key id, `key_3` or `3`. KeyNotFound if it is none."""
    match = _KEY_ID.fullmatch(key_id)
    if match is None:
        shown = key_id[:MAX_QUOTED]
        raise KeyNotFound(f"Key with ID {shown} not found", key_id=shown)
    return int(match.group(1))
