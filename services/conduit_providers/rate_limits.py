"""What a provider's response headers tell of its limits, in all their spellings.

* `6m0s`, `1s`, `20ms`, `1h2m`: OpenAI, Groq
* RFC 3339: Anthropic
* seconds, whole or not: Azure, Cerebras, Together
* epoch seconds or milliseconds: SambaNova, OpenRouter

A catalog file names one header for each number, or one for each window (a minute, a day),
parted by spaces and in the same order everywhere.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import NamedTuple

from conduit_providers.dates import http_date, iso_time
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
# More digits than these are no duration.
_PART = re.compile(r"(\d{1,12}(?:\.\d+)?)(ms|us|µs|ns|s|m|h|d)")
_DURATION = re.compile(rf"(?:{_PART.pattern})+")
# Larger numbers are points in time: no limit resets in eleven days, and 2001 is long past.
_EPOCH_SECONDS = 1e9
_EPOCH_MILLISECONDS = 1e12


class Limit(NamedTuple):
    """One limit. `resets_at` is in seconds since 1970; None where the provider does not say."""

    limit: int | None = None
    remaining: int | None = None
    resets_at: float | None = None


class RateLimits(NamedTuple):
    """The limits that an answer reported; None where it reported none."""

    requests: Limit | None = None
    tokens: Limit | None = None


def read_rate_limits(headers: Mapping[str, str], names: RateLimitHeaders, now: float) -> RateLimits:
    """Read the limits from response headers; `now` is in seconds since 1970.

    Of several windows, the one that will be used up first.
    """
    return RateLimits(
        _tightest(headers, _requests(names), now), _tightest(headers, _tokens(names), now)
    )


def reset_wait_ms(headers: Mapping[str, str], names: RateLimitHeaders) -> int | None:
    """Return the time until the windows that are used up are whole again; None if unknown."""
    waits = [
        _wait_ms(headers[window.reset], headers.get("date", ""))
        for window in (*_requests(names), *_tokens(names))
        if window.reset in headers and (_count(headers.get(window.remaining, "")) or 0) == 0
    ]
    return max((wait for wait in waits if wait is not None), default=None)


def duration_ms(text: str) -> int | None:
    """Read a duration such as `6m0s`, `20ms` or `2.5` (seconds). None for a point in time."""
    text = text.strip()
    if _DURATION.fullmatch(text):
        return round(sum(float(n) * _PART_MS[unit] for n, unit in _PART.findall(text)))
    number = _number(text)
    return None if number is None or number >= _EPOCH_SECONDS else round(number * 1000)


class _Window(NamedTuple):
    """The headers of one window."""

    limit: str
    remaining: str
    reset: str


def _requests(names: RateLimitHeaders) -> Iterator[_Window]:
    return _windows(names.requests_limit, names.requests_remaining, names.requests_reset)


def _tokens(names: RateLimitHeaders) -> Iterator[_Window]:
    return _windows(names.tokens_limit, names.tokens_remaining, names.tokens_reset)


def _windows(limit: str, remaining: str, reset: str) -> Iterator[_Window]:
    parts = zip_longest(limit.split(), remaining.split(), reset.split(), fillvalue="")
    return (_Window(*part) for part in parts)


def _tightest(headers: Mapping[str, str], windows: Iterator[_Window], now: float) -> Limit | None:
    found = (_limit(headers, window, now) for window in windows)
    return min((limit for limit in found if limit is not None), key=_share_left, default=None)


def _share_left(limit: Limit) -> float:
    if limit.limit and limit.remaining is not None:
        return limit.remaining / limit.limit
    return 0.0 if limit.remaining == 0 else 1.0


def _limit(headers: Mapping[str, str], window: _Window, now: float) -> Limit | None:
    found = Limit(
        _count(headers.get(window.limit, "")),
        _count(headers.get(window.remaining, "")),
        _moment(headers.get(window.reset, ""), now),
    )
    return None if found.limit is None and found.remaining is None else found


def _wait_ms(reset: str, date: str) -> int | None:
    wait = duration_ms(reset)
    if wait is not None:
        return wait
    # The provider's own clock, so that ours need not agree with it.
    dated = http_date(date)
    moment = _moment(reset, dated.timestamp()) if dated is not None else None
    if dated is None or moment is None:
        return None
    return max(0, round((moment - dated.timestamp()) * 1000))


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
    moment = iso_time(text)
    return moment.timestamp() if moment is not None else None


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 <= number < 1e18 else None  # noqa: PLR2004 # also shuts out nan and inf
