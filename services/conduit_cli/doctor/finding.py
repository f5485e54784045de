"""A thing that is wrong, and what to do about it."""

from typing import NamedTuple

ERROR, WARNING, NOTE = "error", "warning", "note"
LEVELS = (ERROR, WARNING, NOTE)


class Finding(NamedTuple):
    """One mistake: what is known of it, in one line, and what mends it."""

    # A word for programs, such as `disk-full`.
    kind: str
    level: str
    message: str
    hint: str = ""


def error(kind: str, message: str, hint: str = "") -> Finding:
    """Return a finding for which calls fail, or will."""
    return Finding(kind, ERROR, message, hint)


def warning(kind: str, message: str, hint: str = "") -> Finding:
    """Return a finding that costs somebody something, sooner or later."""
    return Finding(kind, WARNING, message, hint)


def note(kind: str, message: str, hint: str = "") -> Finding:
    """Return what may be meant so."""
    return Finding(kind, NOTE, message, hint)
