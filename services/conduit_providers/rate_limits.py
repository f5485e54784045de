"""What a provider's response headers tell of its limits, in all their spellings.

* `6m0s`, `1s`, `20ms`, `1h2m`: OpenAI, Groq, Azure
* RFC 3339: Anthropic
* seconds, whole or not: Fireworks, Cerebras, Mistral
* epoch seconds or milliseconds: OpenRouter and others
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from conduit_providers.spec import RateLimitHeaders

_PART_MS: Mapping[str, float] = {
    "ms": 1,
    "us": 0.001,
    "µs": 0.001,
    "ns": 0.000001,
    "s": 1_000,
    "m": 60_000,
    "h": 3_600_000,
    "d": 86_400_000,
}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|us|µs|ns|s|m|h|d)")
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|us|µs|ns|s|m|h|d))+")
# Larger numbers are points in time: no limit resets in eleven days, and 2001 is long past.
_EPOCH_SECONDS = 1e9
_EPOCH_MILLISECONDS = 1e12


class Limit(NamedTuple):
    """One limit. `resets_at` is in seconds since 1970; None where the provider does not say."""

    limit: int | None = None
    remaining: int | None = None
    resets_at: float | None = None


class RateLimits(NamedTuple):
    """The limits that an answer told; None where it said nothing."""

    requests: Limit | None = None
    tokens: Limit | None = None


def read_rate_limits(headers: Mapping[str, str], names: RateLimitHeaders, now: float) -> RateLimits:
    """Read the limits from response headers; `now` is in seconds since 1970."""
    return RateLimits(
        _limit(headers, names.requests_limit, names.requests_remaining, names.requests_reset, now),
        _limit(headers, names.tokens_limit, names.tokens_remaining, names.tokens_reset, now),
    )


def duration_ms(text: str) -> int | None:
    """Read a duration such as `6m0s`, `20ms` or `2.5` (seconds). None for a point in time."""
    text = text.strip()
    if _DURATION.fullmatch(text):
        return round(sum(float(n) * _PART_MS[unit] for n, unit in _PART.findall(text)))
    number = _number(text)
    return None if number is None or number >= _EPOCH_SECONDS else round(number * 1000)


def _limit(
    headers: Mapping[str, str], limit: str, remaining: str, reset: str, now: float
) -> Limit | None:
    found = Limit(
        _count(headers.get(limit, "")),
        _count(headers.get(remaining, "")),
        _moment(headers.get(reset, ""), now),
    )
    return None if found.limit is None and found.remaining is None else found


def _count(text: str) -> int | None:
    # Some providers send several windows in one header, the nearest first: `100, 100;w=60`.
    number = _number(text.partition(",")[0].partition(";")[0].strip())
    return None if number is None else int(number)


def _moment(text: str, now: float) -> float | None:
    text = text.strip()
    wait = duration_ms(text)
    if wait is not None:
        return now + wait / 1000
    number = _number(text)
    if number is not None:
        return number / 1000 if number >= _EPOCH_MILLISECONDS else number
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 <= number < 1e18 else None  # noqa: PLR2004 # also shuts out nan and inf
