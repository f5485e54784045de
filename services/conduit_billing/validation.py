"""Checks of what callers say. Each raises InvalidRequest that names the field."""

from datetime import date
from typing import NoReturn

from google.protobuf.message import Message

from conduit_kernel.errors import InvalidRequest
from conduit_kernel.limits import check_length


def refuse(field: str, problem: str) -> NoReturn:
    """Raise because a field is wrong."""
    raise InvalidRequest(f"{field} {problem}", field=field)


def bounded(field: str, value: int, least: int, most: int) -> int:
    """Return a number that lies between two others, both included."""
    if not least <= value <= most:
        refuse(field, f"must be from {least} to {most}, not {value}")
    return value


def at_most(field: str, count: int, most: int) -> None:
    """Check that a list is not too long."""
    if count > most:
        refuse(field, f"may have at most {most} entries, not {count}")


def text(field: str, value: str, most: int) -> str:
    """Return a text that is not too long and that every database can store."""
    if len(value) > most:
        refuse(field, f"may have at most {most} characters, not {len(value)}")
    return _storable(field, value)


def plain_text_of(message: Message, name: str) -> str:
    """Return a text field as it is, if it is within the contract's limits, and can be stored."""
    check_length(message, name)
    value: str = getattr(message, name)
    return _storable(message.DESCRIPTOR.fields_by_name[name].json_name, value)


def clipped(value: str, most: int) -> str:
    """Return a text as every database can store it, cut where it is too long."""
    return value.replace("\0", "")[:most]


def _storable(field: str, value: str) -> str:
    if "\0" in value:
        refuse(field, "must not have a null character")
    return value


def day(field: str, value: str, default: date) -> date:
    """Return a day such as `2026-11-23`; the default if there is none."""
    if not value:
        return default
    try:
        return date.fromisoformat(value)
    except ValueError:
        refuse(field, f"must be a day such as 2026-11-23, not {value[:40]!r}")
