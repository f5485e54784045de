"""Rate-limit headers in all their spellings."""

import pytest

from conduit_providers.catalog import load_catalog
from conduit_providers.rate_limits import Limit, RateLimits, duration_ms, read_rate_limits

CATALOG = load_catalog()
NOW = 1_795_435_200.0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("6m0s", 360_000),
        ("1s", 1000),
        ("20ms", 20),
        ("2m59.56s", 179_560),
        ("1h2m", 3_720_000),
        ("1d", 86_400_000),
        ("2.5", 2500),
        ("0", 0),
        ("1795435200", None),
        ("1795435200000", None),
        ("soon", None),
        ("", None),
        ("-1", None),
        ("inf", None),
        ("5m nonsense", None),
        # Of as many seconds as no number holds.
        ("9" * 400 + "s", None),
        ("9" * 400, None),
    ],
)
def test_durations(text: str, expected: int | None) -> None:
    """Go's durations and plain seconds are read; points in time and nonsense are not durations."""
    assert duration_ms(text) == expected


@pytest.mark.parametrize(
    ("kind", "headers", "expected"),
    [
        (
            "OpenAI",
            {
                "x-ratelimit-limit-requests": "3500",
                "x-ratelimit-remaining-requests": "3420",
                "x-ratelimit-reset-requests": "6m0s",
                "x-ratelimit-limit-tokens": "90000",
                "x-ratelimit-remaining-tokens": "85400",
                "x-ratelimit-reset-tokens": "20ms",
            },
            RateLimits(Limit(3500, 3420, NOW + 360), Limit(90000, 85400, NOW + 0.02)),
        ),
        (
            "Anthropic",
            {
                "anthropic-ratelimit-requests-limit": "50",
                "anthropic-ratelimit-requests-remaining": "0",
                "anthropic-ratelimit-requests-reset": "2026-11-23T12:00:30Z",
            },
            RateLimits(Limit(50, 0, NOW + 30), None),
        ),
        (
            "OpenRouter",
            {
                "x-ratelimit-limit": "20",
                "x-ratelimit-remaining": "0",
                "x-ratelimit-reset": "1795435260000",
            },
            RateLimits(Limit(20, 0, NOW + 60), None),
        ),
        (
            "Cerebras",
            {
                "x-ratelimit-limit-requests-day": "1000000000",
                "x-ratelimit-remaining-requests-day": "999",
                "x-ratelimit-reset-requests-day": "33011.382867097855",
                "x-ratelimit-remaining-tokens-minute": "x",
            },
            RateLimits(Limit(1000000000, 999, NOW + 33011.383), None),
        ),
        ("DeepSeek", {"x-ratelimit-limit-requests": "1"}, RateLimits()),
        (
            "OpenAI",
            {"x-ratelimit-limit-requests": "100, 100;w=60", "x-ratelimit-reset-requests": "?"},
            RateLimits(Limit(100, None, None), None),
        ),
    ],
)
def test_limits_of_each_kind_of_header(
    kind: str, headers: dict[str, str], expected: RateLimits
) -> None:
    """Counts and resets are read as the type's catalog file names them."""
    assert read_rate_limits(headers, CATALOG.find(kind).rate_limits, NOW) == expected
