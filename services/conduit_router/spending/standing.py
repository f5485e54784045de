"""How limits of a minute stand, as callers are told."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

# What is limited by the minute.
REQUESTS, TOKENS = "requests", "tokens"
MILLIS, MINUTE = 1000, 60


class Standing(NamedTuple):
    """The limit of a minute that has the least left, as a call found it."""

    # `requests` or `tokens`.
    metric: str
    limit: int
    remaining: int
    # Until it is whole again.
    seconds: float

    @property
    def reset(self) -> str:
        """Return the time until then as OpenAI writes it, such as `6m0s` or `850ms`."""
        millis = max(0, round(self.seconds * 1000))
        if millis < MILLIS:
            return f"{millis}ms"
        # Rounded up: whoever comes then finds the limit whole.
        minutes, rest = divmod(-(-millis // MILLIS), MINUTE)
        return f"{minutes}m{rest}s" if minutes else f"{rest}s"


def described(standings: Sequence[Standing]) -> dict[str, str]:
    """Return how limits stand, by the names that a report has for it."""
    return dict(_described(standings))


def _described(standings: Sequence[Standing]) -> Iterator[tuple[str, str]]:
    for each in standings:
        yield f"limit_{each.metric}", str(each.limit)
        yield f"remaining_{each.metric}", str(each.remaining)
        yield f"reset_{each.metric}", each.reset
