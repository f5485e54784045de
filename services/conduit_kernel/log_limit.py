"""Bounds how often a process writes the same warning, so that no caller fills a disk with them."""

import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple


class Rate(NamedTuple):
    """So many lines at once, and one more each time that some seconds have passed."""

    burst: int
    seconds: float


# Of lines that say the same, whichever request they are about.
SAME = Rate(5, 60.0)
# Of lines of one event, whatever they say.
OF_EVENT = Rate(30, 2.0)
# How many different lines are remembered.
MAX_KINDS = 1000
LIMITED_LEVELS = ("warning", "error", "critical")
# What differs by request alone.
_OF_REQUEST = frozenset({"request_id"})

Kind = tuple[object, ...]


class LogLimit:
    """Says which lines are written, and counts those that are not."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Take a clock of seconds."""
        self._clock = clock
        # When there would be room for a whole burst again, by what is limited.
        self._kinds: dict[Kind, float] = {}
        self._events: dict[str, float] = {}
        # Lines of an event that were not written since the last one that was.
        self._suppressed: dict[str, int] = {}

    def take(self, event: str, kind: Kind) -> int | None:
        """Return how many lines of an event were suppressed before this one; None if it is, too."""
        now = self._clock()
        by_kind = _next(self._kinds.get(kind, 0.0), now, SAME)
        by_event = _next(self._events.get(event, 0.0), now, OF_EVENT)
        if by_kind is None or by_event is None:
            self._suppressed[event] = self._suppressed.get(event, 0) + 1
            return None
        if len(self._kinds) >= MAX_KINDS:
            self._forget(now)
        self._kinds[kind], self._events[event] = by_kind, by_event
        return self._suppressed.pop(event, 0)

    def _forget(self, now: float) -> None:
        """Forget the lines whose burst is whole again, or all of them."""
        kept = {kind: full for kind, full in self._kinds.items() if full > now}
        self._kinds = kept if len(kept) < MAX_KINDS else {}


def limited_logger(base: type[Any], limit: LogLimit) -> type[Any]:
    """Return a logger class of structlog's whose warnings and errors are limited."""
    methods = {name: _limited(getattr(base, name), limit) for name in LIMITED_LEVELS}
    return type("LimitedLogger", (base,), methods)


def _limited(write: Callable[..., Any], limit: LogLimit) -> Callable[..., Any]:
    def write_or_count(logger: object, event: str, /, *rest: object, **values: object) -> object:
        suppressed = limit.take(event, _kind(event, values))
        if suppressed is None:
            return None
        if suppressed:
            values["suppressed"] = suppressed
        return write(logger, event, *rest, **values)

    return write_or_count


def _kind(event: str, values: Mapping[str, object]) -> Kind:
    """Return what a line says, without what differs by request."""
    said = (
        (name, _type_of_error(value) if name == "exc_info" else repr(value))
        for name, value in values.items()
        if name not in _OF_REQUEST
    )
    return event, *said


def _type_of_error(exc_info: object) -> str:
    # structlog takes an error, or True for the one that is being handled.
    error = exc_info if isinstance(exc_info, BaseException) else sys.exception()
    return type(error).__name__


def _next(full: float, now: float, rate: Rate) -> float | None:
    """Return when a burst is whole again behind one more line; None if there is no room for it."""
    full = max(full, now) + rate.seconds
    return None if full - now > rate.burst * rate.seconds else full
