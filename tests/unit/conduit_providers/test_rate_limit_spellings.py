"""The rate-limit headers of each provider, in every spelling, with the place that shows it."""

from datetime import UTC, datetime
from email.utils import format_datetime
from typing import NamedTuple

import pytest
from msgspec.structs import astuple

from conduit_providers.catalog import load_catalog
from conduit_providers.rate_limits import Limit, RateLimits, read_rate_limits, reset_wait_ms
from conduit_providers.spec import ProviderSpec

CATALOG = load_catalog()
# 23 November 2026, noon.
NOW = 1_795_435_200.0
DATE = format_datetime(datetime.fromtimestamp(NOW, UTC), usegmt=True)


class Spelling(NamedTuple):
    """What a provider sends, and what we read."""

    kind: str
    # A page, or `reported: ` and where users show what they got.
    source: str
    headers: dict[str, str]
    limits: RateLimits


SPELLINGS = (
    Spelling(
        "OpenAI",
        "https://platform.openai.com/docs/guides/rate-limits",
        {
            "x-ratelimit-limit-requests": "60",
            "x-ratelimit-limit-tokens": "150000",
            "x-ratelimit-remaining-requests": "59",
            "x-ratelimit-remaining-tokens": "149984",
            "x-ratelimit-reset-requests": "1s",
            "x-ratelimit-reset-tokens": "6m0s",
        },
        RateLimits(Limit(60, 59, NOW + 1), Limit(150000, 149984, NOW + 360)),
    ),
    Spelling(
        "OpenAICompatible",
        "https://platform.openai.com/docs/guides/rate-limits",
        {"x-ratelimit-limit-requests": "60", "x-ratelimit-remaining-requests": "59"},
        RateLimits(Limit(60, 59, None), None),
    ),
    Spelling(
        "Anthropic",
        "https://platform.claude.com/docs/en/api/rate-limits",
        {
            "anthropic-ratelimit-requests-limit": "50",
            "anthropic-ratelimit-requests-remaining": "49",
            "anthropic-ratelimit-requests-reset": "2026-11-23T12:00:01Z",
            "anthropic-ratelimit-tokens-limit": "2400000",
            "anthropic-ratelimit-tokens-remaining": "2394000",
            "anthropic-ratelimit-tokens-reset": "2026-11-23T12:00:01Z",
            "anthropic-ratelimit-input-tokens-limit": "2000000",
            "anthropic-ratelimit-input-tokens-remaining": "1994000",
            "anthropic-ratelimit-input-tokens-reset": "2026-11-23T12:00:02Z",
            "anthropic-ratelimit-output-tokens-limit": "400000",
            "anthropic-ratelimit-output-tokens-remaining": "1000",
            "anthropic-ratelimit-output-tokens-reset": "2026-11-23T12:00:30Z",
        },
        # Written tokens run out first.
        RateLimits(Limit(50, 49, NOW + 1), Limit(400000, 1000, NOW + 30)),
    ),
    Spelling(
        "AzureOpenAI",
        "reported: https://learn.microsoft.com/en-us/answers/questions/5625878/"
        "azure-openai-responses-api-x-ratelimit-headers-val",
        {
            "x-ratelimit-limit-tokens": "-1",
            "x-ratelimit-remaining-tokens": "-1",
            "x-ratelimit-reset-tokens": "0",
            "x-ratelimit-limit-requests": "100",
            "x-ratelimit-remaining-requests": "99",
            "x-ratelimit-reset-requests": "10",
        },
        # Minus one is no limit that we could tell.
        RateLimits(Limit(100, 99, NOW + 10), None),
    ),
    Spelling(
        "Groq",
        "https://console.groq.com/docs/rate-limits",
        {
            "x-ratelimit-limit-requests": "14400",
            "x-ratelimit-limit-tokens": "18000",
            "x-ratelimit-remaining-requests": "14370",
            "x-ratelimit-remaining-tokens": "17997",
            "x-ratelimit-reset-requests": "2m59.56s",
            "x-ratelimit-reset-tokens": "7.66s",
        },
        RateLimits(Limit(14400, 14370, NOW + 179.56), Limit(18000, 17997, NOW + 7.66)),
    ),
    Spelling(
        "Cerebras",
        "https://inference-docs.cerebras.ai/support/rate-limits",
        {
            "x-ratelimit-limit-requests-day": "1000000000",
            "x-ratelimit-limit-tokens-minute": "1000000000",
            "x-ratelimit-remaining-requests-day": "999997455",
            "x-ratelimit-remaining-tokens-minute": "999998298",
            "x-ratelimit-reset-requests-day": "33011.382867097855",
            "x-ratelimit-reset-tokens-minute": "11.382867097854614",
        },
        RateLimits(
            Limit(1000000000, 999997455, NOW + 33011.383),
            Limit(1000000000, 999998298, NOW + 11.383),
        ),
    ),
    Spelling(
        "Cerebras",
        "reported: more windows than the documentation names",
        {
            "x-ratelimit-limit-requests-minute": "120",
            "x-ratelimit-remaining-requests-minute": "3",
            "x-ratelimit-reset-requests-minute": "45.5",
            "x-ratelimit-limit-requests-hour": "900",
            "x-ratelimit-remaining-requests-hour": "800",
            "x-ratelimit-limit-requests-day": "10000",
            "x-ratelimit-remaining-requests-day": "9500",
            "x-ratelimit-reset-requests-day": "33011.382867",
        },
        RateLimits(Limit(120, 3, NOW + 45.5), None),
    ),
    Spelling(
        "Mistral",
        "reported: https://github.com/mistralai/client-ts/issues/169",
        {
            "x-ratelimit-limit-tokens-minute": "5000000",
            "x-ratelimit-remaining-tokens-minute": "4999911",
            "x-ratelimit-tokens-query-cost": "52",
            "x-ratelimit-limit-req-minute": "720",
            "x-ratelimit-remaining-req-minute": "717",
        },
        RateLimits(Limit(720, 717, None), Limit(5000000, 4999911, None)),
    ),
    Spelling(
        "Mistral",
        "reported: https://github.com/promptfoo/promptfoo/pull/10577",
        {
            "x-ratelimit-limit-tokens-minute": "500000",
            "x-ratelimit-remaining-tokens-minute": "499000",
            "x-ratelimit-limit-tokens-month": "1000000000",
            "x-ratelimit-remaining-tokens-month": "12",
        },
        RateLimits(None, Limit(1000000000, 12, None)),
    ),
    Spelling(
        "Cohere",
        "reported: https://github.com/elastic/elasticsearch (CohereResponseHandler)",
        {"x-trial-endpoint-call-limit": "20", "x-trial-endpoint-call-remaining": "19"},
        RateLimits(Limit(20, 19, None), None),
    ),
    Spelling(
        "Fireworks",
        "https://docs.fireworks.ai/serverless/rate-limits",
        {
            "x-ratelimit-limit-tokens-prompt": "3600000",
            "x-ratelimit-limit-tokens-generated": "36000",
        },
        RateLimits(None, Limit(3600000, None, None)),
    ),
    Spelling(
        "Fireworks",
        "reported: what remains, and the third limit",
        {
            "x-ratelimit-limit-tokens-prompt": "11250000",
            "x-ratelimit-remaining-tokens-prompt": "11000000",
            "x-ratelimit-limit-tokens-cache-adjusted-prompt": "5400000",
            "x-ratelimit-remaining-tokens-cache-adjusted-prompt": "5000000",
            "x-ratelimit-limit-tokens-generated": "36000",
            "x-ratelimit-remaining-tokens-generated": "0",
        },
        RateLimits(None, Limit(36000, 0, None)),
    ),
    Spelling(
        "Fireworks",
        "https://docs.fireworks.ai/guides/quotas_usage/rate-limits",
        {"x-ratelimit-limit-requests": "60", "x-ratelimit-remaining-requests": "59"},
        RateLimits(Limit(60, 59, None), None),
    ),
    Spelling(
        "OpenRouter",
        "https://openrouter.ai/docs/api_reference/limits",
        {
            "x-ratelimit-limit": "20",
            "x-ratelimit-remaining": "0",
            "x-ratelimit-reset": "1795435260000",
        },
        RateLimits(Limit(20, 0, NOW + 60), None),
    ),
    Spelling(
        "SambaNova",
        "https://docs.sambanova.ai/docs/en/models/rate-limits",
        {
            "x-ratelimit-limit-requests": "60",
            "x-ratelimit-remaining-requests": "59",
            "x-ratelimit-reset-requests": "1795435260",
            "x-ratelimit-limit-requests-day": "12000",
            "x-ratelimit-remaining-requests-day": "3",
            "x-ratelimit-reset-requests-day": "1795500000",
        },
        RateLimits(Limit(12000, 3, 1795500000.0), None),
    ),
    Spelling(
        "Together",
        "https://docs.together.ai/docs/rate-limits",
        {
            "x-ratelimit-limit": "10",
            "x-ratelimit-remaining": "9",
            "x-ratelimit-reset": "1",
            "x-tokenlimit-limit": "3000",
            "x-tokenlimit-remaining": "2981",
        },
        RateLimits(Limit(10, 9, NOW + 1), Limit(3000, 2981, None)),
    ),
    Spelling(
        "Together",
        "https://docs.together.ai/docs/rate-limits",
        {
            "x-ratelimit-limit-dynamic": "10",
            "x-ratelimit-remaining-dynamic": "9",
            "x-tokenlimit-limit-dynamic": "3000",
            "x-tokenlimit-remaining-dynamic": "2981",
        },
        RateLimits(Limit(10, 9, None), Limit(3000, 2981, None)),
    ),
)


@pytest.mark.parametrize("spelling", SPELLINGS, ids=lambda each: each.kind)
def test_limits_are_read_in_the_provider_s_spelling(spelling: Spelling) -> None:
    """The catalog file names the headers; of several windows, the tightest is told."""
    names = CATALOG.find(spelling.kind).rate_limits
    assert read_rate_limits(spelling.headers, names, NOW) == spelling.limits


@pytest.mark.parametrize("spec", CATALOG.specs, ids=lambda spec: spec.name)
def test_every_named_header_is_shown_or_known_as_a_guess(spec: ProviderSpec) -> None:
    """A header in a catalog file is in the table, unless the file is OpenAI's manner, guessed."""
    if spec.name in {"xAI", "OpenAICompatible", "Simulator"}:
        return
    shown = {name for each in SPELLINGS if each.kind == spec.name for name in each.headers}
    named = " ".join(astuple(spec.rate_limits)).split()
    unseen = {name for name in named if name not in shown}
    assert unseen <= SIBLINGS.get(spec.name, set())


# Of windows that were seen with other names of the same kind.
SIBLINGS = {
    "Cerebras": {
        "x-ratelimit-reset-requests-hour",
        *(f"x-ratelimit-{v}-tokens-{w}" for v in ("limit", "remaining") for w in ("hour", "day")),
        "x-ratelimit-reset-tokens-hour",
        "x-ratelimit-reset-tokens-day",
    },
    "Mistral": {"x-ratelimit-limit-req-month", "x-ratelimit-remaining-req-month"},
}


@pytest.mark.parametrize(
    ("kind", "headers", "wait"),
    [
        ("Together", {"x-ratelimit-reset": "3"}, 3000),
        (
            "OpenRouter",
            {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1795435260000", "date": DATE},
            60_000,
        ),
        ("OpenRouter", {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1795435260000"}, None),
        (
            "SambaNova",
            {
                "x-ratelimit-remaining-requests": "5",
                "x-ratelimit-reset-requests": "1795435260",
                "x-ratelimit-remaining-requests-day": "0",
                "x-ratelimit-reset-requests-day": "1795438800",
                "date": DATE,
            },
            3_600_000,
        ),
        (
            "SambaNova",
            {
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-requests": "1795435000",
                "date": DATE,
            },
            0,
        ),
        (
            "Anthropic",
            {
                "anthropic-ratelimit-output-tokens-remaining": "0",
                "anthropic-ratelimit-output-tokens-reset": "2026-11-23T12:00:30Z",
                "date": DATE,
            },
            30_000,
        ),
        ("Groq", {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "?"}, None),
    ],
)
def test_the_wait_is_that_of_the_window_that_is_used_up(
    kind: str, headers: dict[str, str], wait: int | None
) -> None:
    """Durations are told as they are, points in time by the provider's own clock."""
    assert reset_wait_ms(headers, CATALOG.find(kind).rate_limits) == wait
