"""Operators' price rules."""

import time
from datetime import UTC, datetime

import pytest

from conduit.v1.charge_pb2 import (
    UNIT_AUDIO_INPUT_MILLISECOND,
    UNIT_CACHE_WRITE_1H_TOKEN,
    UNIT_CACHE_WRITE_TOKEN,
    UNIT_CACHED_INPUT_TOKEN,
    UNIT_COMPUTE_MILLISECOND,
    UNIT_IMAGE,
    UNIT_INPUT_TOKEN,
    UNIT_OUTPUT_TOKEN,
    UNIT_REQUEST,
    UNIT_SEARCH_UNIT,
)
from conduit.v1.model_cost_pb2 import (
    COST_CALCULATION_TYPE_MINUTE_BASED,
    COST_CALCULATION_TYPE_REQUEST_BASED,
    COST_CALCULATION_TYPE_SEARCH_UNIT_BASED,
    COST_CALCULATION_TYPE_SECOND_BASED,
)
from conduit_billing.money import cost_of
from conduit_billing.pricing.rules import Calculation, Rule, best_rule, matches, rule_prices

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def rule(number: int, pattern: str, provider_id: int = 0) -> Rule:
    """Return a rule of a price per token."""
    return Rule(
        pattern,
        provider_id,
        input_per_1k=30_000_000,
        output_per_1k=60_000_000,
        id=number,
        created_at=NOW,
        updated_at=NOW,
    )


def per_unit(calculation: Calculation, nano_usd: int) -> Rule:
    """Return a rule of a price per something else."""
    return Rule("*", per_unit=nano_usd, calculation=calculation, created_at=NOW, updated_at=NOW)


@pytest.mark.parametrize(
    ("model", "provider_id", "winner"),
    [
        ("gpt-4", 9, 3),
        ("gpt-4-turbo", 9, 2),
        ("gpt-3.5", 9, 1),
        ("gpt-4", 1, 4),
        ("claude", 1, None),
        ("GPT-4", 9, None),
    ],
)
def test_the_most_exact_rule_wins(model: str, provider_id: int, winner: int | None) -> None:
    """The longest literal part wins, and any rule of the instance before any for all."""
    rules = [rule(1, "gpt-*"), rule(2, "gpt-4*"), rule(3, "gpt-4"), rule(4, "gpt*", provider_id=1)]
    found = best_rule(rules, provider_id, model)
    assert (found.id if found else None) == winner


def test_the_older_of_two_equal_rules_wins() -> None:
    """Which one is for a model never depends on chance."""
    rules = [rule(7, "*-turbo"), rule(5, "turbo-*")]
    assert (
        best_rule(rules, 1, "turbo-turbo") == best_rule(rules[::-1], 1, "turbo-turbo") == rules[1]
    )


def test_a_star_is_any_run_of_characters_and_nothing_else_is_special() -> None:
    """Dots, brackets and question marks stand for themselves."""
    assert matches("a*c", "abc")
    assert matches("a*c", "ac")
    assert not matches("a.c", "abc")
    assert not matches("a?c", "abc")
    assert matches("a[*]", "a[b]")


def test_parts_of_a_pattern_do_not_overlap() -> None:
    """Each part needs characters of its own, in order."""
    assert not matches("ab*ba", "aba")
    assert matches("ab*ba", "abba")
    assert not matches("a*bc*bc", "abc")
    assert matches("*b*c*", "abc")
    assert not matches("*c*b*", "abc")


def test_a_pattern_of_many_stars_takes_no_time() -> None:
    """Nobody can hold up Billing with a pattern."""
    began = time.perf_counter()
    assert matches("*" * 200, "a" * 500 + "\n")
    assert matches("a*" * 100, "a" * 500)
    assert not matches("a*" * 100 + "b", "a" * 500)
    assert time.perf_counter() - began < 1


def test_a_token_price_is_per_thousand_and_kept_per_million() -> None:
    """The guide's 0.03 dollars for 1,000 are 30 for a million; cached ones cost as the others."""
    priced = rule_prices(rule(8, "gpt-4*"))
    assert priced.unit_prices[UNIT_INPUT_TOKEN] == 30_000_000_000
    assert priced.unit_prices[UNIT_CACHED_INPUT_TOKEN] == 30_000_000_000
    assert priced.unit_prices[UNIT_CACHE_WRITE_TOKEN] == 30_000_000_000
    assert priced.unit_prices[UNIT_CACHE_WRITE_1H_TOKEN] == 30_000_000_000
    assert priced.unit_prices[UNIT_OUTPUT_TOKEN] == 60_000_000_000
    assert UNIT_IMAGE not in priced.unit_prices
    assert priced.version == "rule:8@2026-11-23T12:00:00Z"


def test_a_price_per_request_makes_tokens_free() -> None:
    """What is not counted costs nothing, rather than something unknown."""
    prices = rule_prices(per_unit(COST_CALCULATION_TYPE_REQUEST_BASED, 5_000_000)).unit_prices
    assert cost_of([(1, prices[UNIT_REQUEST]), (900, prices[UNIT_INPUT_TOKEN])]) == 5_000_000
    assert prices[UNIT_CACHE_WRITE_1H_TOKEN] == 0


def test_a_price_per_search_unit_makes_tokens_free() -> None:
    """Rerankings are billed so; what a provider counts beside it costs nothing."""
    prices = rule_prices(per_unit(COST_CALCULATION_TYPE_SEARCH_UNIT_BASED, 2_000_000)).unit_prices
    used = [(3, prices[UNIT_SEARCH_UNIT]), (900, prices[UNIT_INPUT_TOKEN])]
    assert cost_of(used) == 6_000_000


@pytest.mark.parametrize(
    ("calculation", "unit", "milliseconds"),
    [
        (COST_CALCULATION_TYPE_MINUTE_BASED, UNIT_AUDIO_INPUT_MILLISECOND, 60_000),
        (COST_CALCULATION_TYPE_SECOND_BASED, UNIT_COMPUTE_MILLISECOND, 1_000),
    ],
)
def test_minutes_and_seconds_are_counted_in_milliseconds(
    calculation: Calculation, unit: int, milliseconds: int
) -> None:
    """A minute of sound at 0.006 dollars costs 0.006 dollars, a second of computing likewise."""
    price = rule_prices(per_unit(calculation, 6_000_000)).unit_prices[unit]
    assert cost_of([(milliseconds, price)]) == 6_000_000
