"""Checks that several kinds of things share."""

import re
from typing import TypeVar

from google.protobuf.timestamp_pb2 import Timestamp

from conduit_kernel.errors import InvalidRequest
from conduit_kernel.not_found_errors import KeyNotFound

MAX_QUOTED = 60
# 9999-12-31T23:59:59Z, the last second that a Timestamp can hold.
MAX_SECONDS = 253_402_300_799
NANOSECONDS = 1_000_000_000

GivenT = TypeVar("GivenT")
_KEY_ID = re.compile(r"(?:key_)?([0-9]{1,18})", re.ASCII)


def moment(value: Timestamp, field: str) -> int:
    """Return a time as microseconds since 1970."""
    if not (0 <= value.seconds <= MAX_SECONDS and 0 <= value.nanos < NANOSECONDS):
        raise InvalidRequest(f"{field} must be a time from 1970 to 9999", field=field)
    return value.ToMicroseconds()


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
