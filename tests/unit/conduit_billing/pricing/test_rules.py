"""Operators' price rules."""

import time
from dataclasses import replace
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
    UNIT_STEP,
    UNIT_VIDEO_OUTPUT_MILLISECOND,
    UNIT_WEB_SEARCH,
)
from conduit.v1.model_cost_pb2 import (
    COST_CALCULATION_TYPE_IMAGE_BASED,
    COST_CALCULATION_TYPE_MINUTE_BASED,
    COST_CALCULATION_TYPE_REQUEST_BASED,
    COST_CALCULATION_TYPE_SEARCH_UNIT_BASED,
    COST_CALCULATION_TYPE_SECOND_BASED,
    COST_CALCULATION_TYPE_STEP_BASED,
    COST_CALCULATION_TYPE_TIERED,
)
from conduit_billing.money import cost_of
from conduit_billing.pricing.rules import (
    Calculation,
    Rule,
    RuleDraft,
    best_rule,
    matches,
    rule_prices,
)
from conduit_billing.pricing.terms import ConditionalAmounts, Terms, TierAmounts
from conduit_billing.timestamps import micros_at

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
AT = micros_at(NOW)
MILLION = 1_000_000


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
    found = best_rule(rules, provider_id, model, AT)
    assert (found.id if found else None) == winner


def test_the_older_of_two_equal_rules_wins() -> None:
    """Which one is for a model never depends on chance."""
    rules = [rule(7, "*-turbo"), rule(5, "turbo-*")]
    assert (
        best_rule(rules, 1, "turbo-turbo", AT)
        == best_rule(rules[::-1], 1, "turbo-turbo", AT)
        == rules[1]
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
    priced = rule_prices(rule(8, "gpt-4*"), {})
    assert priced.unit_prices[UNIT_INPUT_TOKEN] == 30_000_000_000
    assert priced.unit_prices[UNIT_CACHED_INPUT_TOKEN] == 30_000_000_000
    assert priced.unit_prices[UNIT_CACHE_WRITE_TOKEN] == 30_000_000_000
    assert priced.unit_prices[UNIT_CACHE_WRITE_1H_TOKEN] == 30_000_000_000
    assert priced.unit_prices[UNIT_OUTPUT_TOKEN] == 60_000_000_000
    assert UNIT_IMAGE not in priced.unit_prices
    assert priced.version == "rule:8@2026-11-23T12:00:00Z"


def test_a_price_per_request_makes_tokens_free() -> None:
    """What is not counted costs nothing, rather than something unknown."""
    prices = rule_prices(per_unit(COST_CALCULATION_TYPE_REQUEST_BASED, 5_000_000), {}).unit_prices
    assert cost_of([(1, prices[UNIT_REQUEST]), (900, prices[UNIT_INPUT_TOKEN])]) == 5_000_000
    assert prices[UNIT_CACHE_WRITE_1H_TOKEN] == 0


def test_a_price_per_search_unit_makes_tokens_free() -> None:
    """Rerankings are billed so; what a provider counts beside it costs nothing."""
    prices = rule_prices(
        per_unit(COST_CALCULATION_TYPE_SEARCH_UNIT_BASED, 2_000_000), {}
    ).unit_prices
    used = [(3, prices[UNIT_SEARCH_UNIT]), (900, prices[UNIT_INPUT_TOKEN])]
    assert cost_of(used) == 6_000_000


@pytest.mark.parametrize(
    ("calculation", "unit", "milliseconds"),
    [
        (COST_CALCULATION_TYPE_MINUTE_BASED, UNIT_AUDIO_INPUT_MILLISECOND, 60_000),
        (COST_CALCULATION_TYPE_SECOND_BASED, UNIT_COMPUTE_MILLISECOND, 1_000),
        (COST_CALCULATION_TYPE_SECOND_BASED, UNIT_AUDIO_INPUT_MILLISECOND, 1_000),
        (COST_CALCULATION_TYPE_MINUTE_BASED, UNIT_VIDEO_OUTPUT_MILLISECOND, 60_000),
    ],
)
def test_minutes_and_seconds_are_counted_in_milliseconds(
    calculation: Calculation, unit: int, milliseconds: int
) -> None:
    """A minute of sound at 0.006 dollars costs 0.006 dollars, a second of computing likewise.

    All times are counted by either, or sound under a price per second would cost nothing.
    """
    price = rule_prices(per_unit(calculation, 6_000_000), {}).unit_prices[unit]
    assert cost_of([(milliseconds, price)]) == 6_000_000


def test_a_priority_goes_before_all_and_dates_decide_between_equals() -> None:
    """A price that is announced stands beside the one that it follows, and ends by itself."""
    plain, exact = rule(1, "gpt-*"), rule(2, "gpt-4", provider_id=1)
    first = replace(rule(3, "gpt*"), priority=1)
    assert best_rule([plain, exact, first], 1, "gpt-4", AT) is first
    later = replace(exact, id=4, effective_from=AT)
    assert best_rule([exact, later], 1, "gpt-4", AT - 1) is exact
    assert best_rule([exact, later], 1, "gpt-4", AT) is later
    over = replace(later, effective_until=AT + 5)
    assert best_rule([over], 1, "gpt-4", AT + 4) is over
    assert best_rule([over], 1, "gpt-4", AT + 5) is None


def test_a_unit_may_have_a_price_of_its_own() -> None:
    """Cache writes, sound and searches cost otherwise than tokens read; the rest stays."""
    terms = Terms(unit_costs=((UNIT_CACHE_WRITE_1H_TOKEN, 6 * MILLION), (UNIT_WEB_SEARCH, 7)))
    prices = rule_prices(replace(rule(1, "*"), terms=terms), {UNIT_WEB_SEARCH: 1}).unit_prices
    assert prices[UNIT_CACHE_WRITE_1H_TOKEN] == 6 * MILLION
    assert prices[UNIT_WEB_SEARCH] == 7
    assert prices[UNIT_CACHE_WRITE_TOKEN] == prices[UNIT_INPUT_TOKEN] == 30_000_000_000


def test_long_requests_cost_otherwise_where_the_price_is_tiered() -> None:
    """What a tier does not say costs as before; without the type the tiers are not looked at."""
    terms = Terms(tiers=(TierAmounts(above_input_tokens=200_000, input_per_1k=60_000_000),))
    tiered = replace(rule(1, "*"), terms=terms, calculation=COST_CALCULATION_TYPE_TIERED)
    sheet = rule_prices(tiered, {}).sheet
    assert sheet.at(200_000)[UNIT_INPUT_TOKEN] == 30_000_000_000
    assert sheet.at(200_001)[UNIT_INPUT_TOKEN] == 60_000_000_000
    assert sheet.at(200_001)[UNIT_OUTPUT_TOKEN] == 60_000_000_000
    assert not rule_prices(replace(rule(1, "*"), terms=terms), {}).sheet.tiers


def test_conditions_replace_what_they_say() -> None:
    """An image of another size and quality, and what no condition names at the usual price."""
    large = ConditionalAmounts(per_unit=9, when=(("quality", "high"), ("size", "1024x1536")))
    high = ConditionalAmounts(per_unit=5, when=(("quality", "high"),))
    rule_of_images = replace(
        per_unit(COST_CALCULATION_TYPE_IMAGE_BASED, 2), terms=Terms(conditions=(large, high))
    )
    sheet = rule_prices(rule_of_images, {}).sheet
    quality, size = ("quality", "high"), ("size", "1024x1536")
    assert sheet.at(0, (quality, size))[UNIT_IMAGE] == 9 * MILLION
    assert sheet.at(0, (quality, ("size", "8x8")))[UNIT_IMAGE] == 5 * MILLION
    assert sheet.at(0, (size,))[UNIT_IMAGE] == 2 * MILLION
    assert sheet.at(0)[UNIT_IMAGE] == 2 * MILLION


def test_a_way_of_being_served_that_no_condition_names_has_no_price() -> None:
    """Where one names another: what priority costs says nothing of what flex does."""
    cheap = ConditionalAmounts(input_per_1k=1, when=(("service_tier", "priority"),))
    sheet = rule_prices(replace(rule(1, "*"), terms=Terms(conditions=(cheap,))), {}).sheet
    assert sheet.at(1, (("service_tier", "priority"),))[UNIT_INPUT_TOKEN] == 1000
    assert sheet.at(1, (("service_tier", "flex"),)) == {}
    # Nothing says that it matters.
    assert sheet.at(1, (("speed", "fast"),))[UNIT_INPUT_TOKEN] == 30_000_000_000


def test_a_price_of_pictures_says_nothing_of_calls_without_any() -> None:
    """Tokens are free beside a picture; a chat that a rule for pictures meets is not free."""
    sheet = rule_prices(per_unit(COST_CALCULATION_TYPE_IMAGE_BASED, 2), {}).sheet
    assert sheet.tells_of([(UNIT_INPUT_TOKEN, 9), (UNIT_IMAGE, 1)])
    assert not sheet.tells_of([(UNIT_INPUT_TOKEN, 9)])
    assert sheet.tells_of([])
    steps = rule_prices(per_unit(COST_CALCULATION_TYPE_STEP_BASED, 3), {}).sheet
    assert cost_of([(56, steps.unit_prices[UNIT_STEP]), (2, steps.unit_prices[UNIT_IMAGE])]) == 168
    assert not steps.tells_of([(UNIT_IMAGE, 2)])
    assert rule_prices(rule(1, "*"), {}).sheet.tells_of([(UNIT_IMAGE, 2)])


def test_a_draft_is_in_force_unless_it_says_otherwise() -> None:
    """Also in 1970."""
    assert RuleDraft("*").is_in_force(0)
