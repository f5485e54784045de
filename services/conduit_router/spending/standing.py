"""How limits of a minute stand, as callers are told."""

from collections.abc import Iterator, Sequence
from math import ceil

import msgspec

# What is limited by the minute.
REQUESTS, TOKENS = "requests", "tokens"
MINUTE = 60
# The whole seconds of a minute, as they are written.
_SECONDS = (*(f"{seconds}s" for seconds in range(MINUTE)), "1m0s")


class Standing(msgspec.Struct, frozen=True, gc=False):
    """The limit of a minute that has the least left, as a call found it."""

    # `requests` or `tokens`.
    metric: str
    limit: int
    # Below zero where calls used more than they reserved.
    remaining: int
    # Until it is whole again; below zero where it is by now.
    seconds: float

    @property
    def reset(self) -> str:
        """Return the time until then as OpenAI writes it, such as `6m0s` or `850ms`."""
        if self.seconds < 1:
            return f"{max(0, round(self.seconds * 1000))}ms"
        # Rounded up: whoever comes then finds the limit whole.
        seconds = ceil(self.seconds)
        return _SECONDS[seconds] if seconds <= MINUTE else _minutes(seconds)


def _minutes(seconds: int) -> str:
    return f"{seconds // MINUTE}m{seconds % MINUTE}s"


def described(standings: Sequence[Standing]) -> dict[str, str]:
    """Return how limits stand, by the names that a report has for it."""
    return dict(_described(standings))


def _described(standings: Sequence[Standing]) -> Iterator[tuple[str, str]]:
    for each in standings:
        yield f"limit_{each.metric}", str(each.limit)
        yield f"remaining_{each.metric}", str(max(0, each.remaining))
        yield f"reset_{each.metric}", each.reset
