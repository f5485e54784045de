"""Counts in OpenAI's dialect: read carefully, and read quickly, they are the same."""

import itertools

import msgspec
import orjson
import pytest

from conduit_providers.codecs.openai.usage import (
    UsageReport,
    counts_at,
    counts_of,
    quantities_of,
    read_usage,
)
from conduit_providers.quantities import MOST, service_tier
from conduit_providers.token_counts import TokenCounts

NUMBERS = (None, -1, 0, 5, MOST + 1)


@pytest.mark.parametrize("tier", [None, "flex"])
@pytest.mark.parametrize("rare", ["", "audio_tokens", "cache_write_tokens"])
def test_both_ways_of_reading_come_to_the_same(rare: str, tier: object) -> None:
    """Whatever the numbers are: missing, negative, contradictory, or more than there can be."""
    for read, written, cached, thought in itertools.product(NUMBERS, repeat=4):
        details = {"cached_tokens": cached, **({rare: 1} if rare else {})}
        for total in (None, (read or 0) + (written or 0) + (thought or 0)):
            report = msgspec.convert(
                {
                    "prompt_tokens": read,
                    "completion_tokens": written,
                    "total_tokens": total,
                    "prompt_tokens_details": details,
                    "completion_tokens_details": {"reasoning_tokens": thought},
                },
                UsageReport,
            )
            counts = counts_of(report)
            slow = None if counts is None else counts.quantities(service_tier(tier))
            assert quantities_of(report, tier) == slow


@pytest.mark.parametrize(
    "value",
    [None, 7, "x", [], {}, {"prompt_tokens": "many"}, {"prompt_tokens": 1.5},
     {"prompt_tokens": 1, "prompt_tokens_details": 7},
     {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}, {"prompt_tokens": 0}],
)  # fmt: skip
def test_a_usage_that_makes_no_sense_is_none(value: object) -> None:
    """It is estimated then."""
    assert read_usage(value) is None


def test_counts_may_be_written_as_strings() -> None:
    """By some servers; parts that are null are zero."""
    found = read_usage({"prompt_tokens": "3", "prompt_tokens_details": {"cached_tokens": None}})
    assert found == TokenCounts(input_tokens=3)


PATHS = {"input_tokens": "meta.in", "cached_input_tokens": "meta.deep.cached"}


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({"meta": {"in": 7, "deep": {"cached": 2}}}, TokenCounts(7, 1, 2)),
        ({"meta": {"in": 7}}, TokenCounts(7, 1)),
        ({"meta": {"deep": 7, "in": "7"}}, TokenCounts(3, 1)),
        ({"meta": [], "in": 1}, TokenCounts(3, 1)),
        ({}, TokenCounts(3, 1)),
    ],
)
def test_counts_elsewhere_go_before_the_usual_ones(body: object, found: TokenCounts) -> None:
    """Those that are not there stay as they were."""
    assert counts_at(orjson.dumps(body), PATHS, TokenCounts(3, 1)) == found


def test_counts_elsewhere_may_be_all_there_is() -> None:
    """And there may be none."""
    assert counts_at(b'{"meta":{"in":7}}', PATHS, None) == TokenCounts(7)
    assert counts_at(b'{"in":7}', PATHS, None) is None


def test_an_answer_that_cannot_be_read_has_the_usual_counts() -> None:
    """Something in it is passed on as it came."""
    counts = TokenCounts(3, 1)
    assert counts_at(b'{"meta":{"in":7},"x":1e999}', PATHS, counts) is counts


TOLD = {"prompt_tokens": 3, "completion_tokens": 4}


@pytest.mark.parametrize(
    ("members", "nano"),
    [
        ({"cost": 0.25}, 250_000_000),
        (
            {"cost": 0.25, "is_byok": False, "cost_details": {"upstream_inference_cost": 0.25}},
            250_000_000,
        ),
        (
            {"cost": 0.01, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.25}},
            260_000_000,
        ),
        ({"cost": {"total_cost": 0.5}}, 500_000_000),
        ({"cost_in_usd_ticks": 70}, 7),
        ({"cost": "free"}, None),
        ({}, None),
    ],
)
def test_the_providers_word_on_the_cost_is_read_beside_the_counts(
    members: dict[str, object], nano: int | None
) -> None:
    """In whichever form; the counts are the same with and without it, whole and streamed."""
    report = msgspec.convert({**TOLD, **members}, UsageReport, strict=False)
    found = quantities_of(report, None)
    assert found is not None
    assert found.provider_cost == nano
    plain = quantities_of(msgspec.convert(TOLD, UsageReport), None)
    assert plain is not None
    assert found.leaves == plain.leaves
    streamed = read_usage({**TOLD, **members})
    assert streamed is not None
    assert streamed.quantities() == found
