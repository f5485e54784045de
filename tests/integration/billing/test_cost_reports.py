"""Wrong costs that users of gateways reported, and what every unit has a price by.

What a provider's answer counts is read by its codec, and priced as a router prices it.
"""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from conduit.v1.charge_pb2 import Unit
from conduit_billing.money import cost_of
from conduit_billing.pricing.catalog import PriceCatalog
from conduit_billing.pricing.price_book import PriceBook
from conduit_billing.pricing.price_list import PriceList
from conduit_billing.pricing.rules import Rule, rule_prices
from conduit_billing.pricing.terms import Terms
from conduit_providers.catalog import load_catalog
from conduit_providers.codecs.anthropic.answer import Counts
from conduit_providers.codecs.gemini.answer import Counts as GeminiCounts
from conduit_providers.codecs.openai.usage import UsageReport, quantities_of
from conduit_providers.prices import PriceSheet, input_tokens_of
from conduit_providers.quantities import (
    CACHED_INPUT,
    CITATION,
    INPUT,
    INPUT_LEAVES,
    LEAVES,
    OUTPUT,
    OUTPUT_LEAVES,
    Quantities,
)

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
NANO = 1_000_000_000
MILLION = 1_000_000
CATALOG = load_catalog()
PRICES = PriceList(PriceCatalog(lambda name: CATALOG.find(name).price_provider), PriceBook())


def dollars(used: Quantities, sheet: PriceSheet) -> Decimal:
    """Return what a call costs by some prices."""
    prices = sheet.at(input_tokens_of(used.leaves), used.qualifiers)
    cost = cost_of((count, prices.get(unit)) for unit, count in used.leaves)
    assert cost is not None
    return Decimal(cost) / NANO


def shipped(provider_type: str, model: str, at: datetime = NOW) -> PriceSheet:
    """Return the shipped prices of a model."""
    return PRICES.price(1, provider_type, model, at).sheet


def openai(**usage: Any) -> Quantities:  # noqa: ANN401 # as answers have it
    """Return what an answer of OpenAI's dialect counts."""
    found = quantities_of(msgspec.convert(usage, UsageReport, strict=False), None)
    assert found is not None
    return found


def priced(read: str, cached: str, written: str) -> PriceSheet:
    """Return prices in dollars for a million tokens."""
    rule = Rule(
        "*",
        input_per_1k=int(Decimal(read) * MILLION),
        cached_input_per_1k=int(Decimal(cached) * MILLION),
        output_per_1k=int(Decimal(written) * MILLION),
        created_at=NOW,
        updated_at=NOW,
    )
    return rule_prices(rule, {}).sheet


def test_what_is_written_to_a_cache_is_charged_once() -> None:
    """Anthropic's console said 0.05439 dollars, the gateway 0.091 (BerriAI/litellm#9812)."""
    usage = {"input_tokens": 3, "cache_creation_input_tokens": 12304, "output_tokens": 550}
    used = msgspec.convert(usage, Counts).quantities()
    read = Decimal("0.000009")
    assert dollars(used, shipped("Anthropic", "claude-3-7-sonnet-20250219")) == read + Decimal(
        "0.05439"
    )


def test_what_is_read_from_a_cache_is_no_plain_token_where_it_is_streamed() -> None:
    """Later events of a stream may leave the cache out (BerriAI/litellm#11789)."""
    begun = msgspec.convert(
        {"input_tokens": 4, "cache_read_input_tokens": 2455, "output_tokens": 1}, Counts
    )
    begun.update(msgspec.convert({"output_tokens": 23}, Counts))
    assert dict(begun.quantities().leaves) == {INPUT: 4, CACHED_INPUT: 2455, OUTPUT: 23}


def test_a_long_cached_prompt_of_gemini_costs_its_tier_and_its_cache() -> None:
    """Cache hits were charged twice, and the tier of long prompts is of all that is read.

    BerriAI/litellm#14849 has the counts; by Google's prices of long prompts: 5,005 at 2.50, 257,955
    at 0.25 and 1,744 at 15 dollars a million.
    """
    usage = {
        "promptTokenCount": 262_960,
        "cachedContentTokenCount": 257_955,
        "candidatesTokenCount": 1_744,
    }
    used = msgspec.convert(usage, GeminiCounts).quantities()
    cost = dollars(used, shipped("Gemini", "gemini-2.5-pro"))
    assert cost.quantize(Decimal("0.000001")) == Decimal("0.103161")


def test_cached_tokens_of_openai_are_among_those_read() -> None:
    """86 at 2.50, 1,920 at 1.25, 300 at 10 dollars a million (BerriAI/litellm#6215)."""
    used = openai(
        prompt_tokens=2006, completion_tokens=300, prompt_tokens_details={"cached_tokens": 1920}
    )
    assert dollars(used, shipped("OpenAI", "gpt-4o")) == Decimal("0.005615")


@pytest.mark.parametrize(
    ("prices", "total", "cached", "expected"),
    [
        (("0.0001", "3000", "0.00001"), 2739, 2634, "7.902"),
        (("200", "0.00001", "0.00001"), 2693, 2585, "0.0216"),
    ],
)
def test_xais_text_tokens_include_the_cached_ones(
    prices: tuple[str, str, str], total: int, cached: int, expected: str
) -> None:
    """By both configurations of the report (BerriAI/litellm#14874)."""
    used = openai(
        prompt_tokens=total,
        completion_tokens=5,
        prompt_tokens_details={"text_tokens": total, "cached_tokens": cached},
    )
    assert abs(dollars(used, priced(*prices)) - Decimal(expected)) < Decimal("0.000001")


def test_cached_tokens_that_are_also_of_an_image_count_once() -> None:
    """10 at 1, 90 at 0.10, 10 written at 2 dollars a million (BerriAI/litellm#37281)."""
    used = openai(
        prompt_tokens=100,
        completion_tokens=10,
        total_tokens=110,
        prompt_tokens_details={"cached_tokens": 90, "image_tokens": 80},
    )
    assert dollars(used, priced("1", "0.1", "2")) == Decimal("0.000039")


def test_a_mostly_cached_prompt_costs_less_than_half() -> None:
    """The report's 0.0056 dollars, and not 0.0137 (earendil-works/pi#2148)."""
    used = openai(
        prompt_tokens=20_212,
        completion_tokens=931,
        prompt_tokens_details={"cached_tokens": 16_298},
    )
    cost = dollars(used, shipped("Gemini", "gemini-3-flash-preview"))
    assert cost.quantize(Decimal("0.0001")) == Decimal("0.0056")


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"input_tokens": 9, "cache_creation_input_tokens": 5402}, "0.0067615"),
        ({"input_tokens": 9, "cache_read_input_tokens": 5402}, "0.0005492"),
    ],
)
def test_a_cached_prefix_costs_its_class_alone(usage: dict[str, int], expected: str) -> None:
    """Written and read, by the figures that were measured (Aider-AI/aider#5516)."""
    used = msgspec.convert(usage, Counts).quantities()
    assert dollars(used, shipped("Anthropic", "claude-haiku-4-5")) == Decimal(expected)


def test_a_providers_own_cost_is_kept_as_it_says_it() -> None:
    """XAI said 49,100,000 ticks, which are 0.00491 dollars (BerriAI/litellm#37407)."""
    told = openai(prompt_tokens=2461, completion_tokens=606, cost_in_usd_ticks=49_100_000)
    assert told.provider_cost == 4_910_000
    assert told == openai(prompt_tokens=2461, completion_tokens=606).costing(4_910_000)


@pytest.mark.parametrize(
    ("model", "expected"),
    # A million read plainly, read from the cache, and written; beyond 272,000, and half of that.
    [("gpt-5.5", ("5", "0.5", "22.5")), ("gpt-5.5-pro", ("30", "30", "135"))],
)
def test_long_batches_cost_half_of_long_requests(model: str, expected: tuple[str, ...]) -> None:
    """They were charged as short ones, and what was cached as if it were not.

    BerriAI/litellm#39861, and #38341.
    """
    batch = (("processing", "batch"),)
    prices = shipped("OpenAI", model).at(300_000, batch)
    assert tuple(str(Decimal(prices[unit]) / NANO) for unit in (INPUT, CACHED_INPUT, OUTPUT)) == (
        expected
    )


@pytest.mark.parametrize(
    ("provider_type", "model"),
    [
        ("Anthropic", "claude-opus-5"),
        ("OpenAI", "gpt-5"),
        ("Gemini", "gemini-2.5-pro"),
        ("Perplexity", "sonar"),
        ("xAI", "grok-4"),
        ("DeepSeek", "deepseek-chat"),
        ("Mistral", "mistral-large-latest"),
        ("Groq", "llama-3.3-70b-versatile"),
    ],
)
def test_tokens_of_every_kind_have_a_price_where_tokens_have(
    provider_type: str, model: str
) -> None:
    """Whichever of them a codec counts."""
    prices = shipped(provider_type, model).unit_prices
    assert (INPUT_LEAVES | OUTPUT_LEAVES | {CITATION}) - prices.keys() == set()


@pytest.mark.parametrize("unit", sorted(set(Unit.values()) - {0}))
def test_every_unit_can_be_priced_by_a_rule(unit: int) -> None:
    """And is counted by codecs under a name; those of the contract are all there are."""
    assert unit in LEAVES
    rule = Rule("*", per_unit=0, terms=Terms(unit_costs=((unit, 7 * MILLION),)), updated_at=NOW)
    assert cost_of([(3, rule_prices(rule, {}).unit_prices[unit])]) == 21
