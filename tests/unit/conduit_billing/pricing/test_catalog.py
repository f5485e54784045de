"""The shipped catalog."""

from datetime import UTC, datetime

import pytest

from conduit.v1.charge_pb2 import (
    UNIT_AUDIO_INPUT_TOKEN,
    UNIT_CACHE_WRITE_1H_TOKEN,
    UNIT_CACHE_WRITE_TOKEN,
    UNIT_CACHED_INPUT_TOKEN,
    UNIT_INPUT_TOKEN,
    UNIT_OUTPUT_TOKEN,
)
from conduit_billing.pricing.catalog import PriceCatalog
from conduit_billing.pricing.rules import UNKNOWN

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
NAMES = {
    "OpenAI": "openai",
    "Anthropic": "anthropic",
    "Bedrock": "aws",
    "DeepSeek": "deepseek",
    "Gemini": "google",
    "VertexAI": "google",
}


@pytest.fixture(scope="module")
def catalog() -> PriceCatalog:
    """Return the catalog, for a few provider types."""
    return PriceCatalog(lambda provider_type: NAMES.get(provider_type, ""))


def test_prices_are_exact_to_the_nano_dollar(catalog: PriceCatalog) -> None:
    """GPT-4o costs 2.50, 1.25 and 10 dollars a million, which no float has touched."""
    prices = catalog.price("OpenAI", "gpt-4o", NOW).unit_prices
    assert prices[UNIT_INPUT_TOKEN] == 2_500_000_000
    assert prices[UNIT_CACHED_INPUT_TOKEN] == 1_250_000_000
    assert prices[UNIT_OUTPUT_TOKEN] == 10_000_000_000


def test_a_kind_of_token_without_a_price_costs_what_the_plain_kind_costs(
    catalog: PriceCatalog,
) -> None:
    """GPT-4o has no price for writing to the cache, because that costs nothing extra."""
    prices = catalog.price("OpenAI", "gpt-4o", NOW).unit_prices
    assert prices[UNIT_CACHE_WRITE_TOKEN] == prices[UNIT_INPUT_TOKEN]
    assert prices[UNIT_AUDIO_INPUT_TOKEN] == prices[UNIT_INPUT_TOKEN]


def test_writing_to_the_cache_has_its_own_price_where_it_costs_more(catalog: PriceCatalog) -> None:
    """Anthropic takes a quarter more for it, and a tenth for reading it."""
    prices = catalog.price("Anthropic", "claude-sonnet-4-5", NOW).unit_prices
    assert prices[UNIT_CACHE_WRITE_TOKEN] * 4 == prices[UNIT_INPUT_TOKEN] * 5
    assert prices[UNIT_CACHED_INPUT_TOKEN] * 10 == prices[UNIT_INPUT_TOKEN]


@pytest.mark.parametrize(
    ("provider_type", "model", "nano_usd"),
    [
        ("Anthropic", "claude-sonnet-4-5", 6_000_000_000),
        ("Bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", 6_600_000_000),
        ("VertexAI", "claude-sonnet-4-5@20250929", 6_000_000_000),
        # The catalog does not have its price of an hour.
        ("VertexAI", "claude-sonnet-4@20250514", 6_000_000_000),
    ],
)
def test_writing_to_the_cache_for_an_hour_costs_twice_the_plain_price(
    catalog: PriceCatalog, provider_type: str, model: str, nano_usd: int
) -> None:
    """Where the catalog says so, and where it says nothing: never the price of five minutes."""
    prices = catalog.price(provider_type, model, NOW).unit_prices
    assert prices[UNIT_CACHE_WRITE_1H_TOKEN] == 2 * prices[UNIT_INPUT_TOKEN] == nano_usd
    assert prices[UNIT_CACHE_WRITE_TOKEN] * 8 == nano_usd * 5


def test_a_price_in_tiers_is_taken_at_its_base(catalog: PriceCatalog) -> None:
    """Gemini 2.5 Pro costs 1.25 dollars a million up to its first threshold."""
    prices = catalog.price("Gemini", "gemini-2.5-pro", NOW).unit_prices
    assert prices[UNIT_INPUT_TOKEN] == 1_250_000_000


@pytest.mark.parametrize(
    ("provider_type", "model"),
    [("OpenAI", "no-such-model"), ("Homemade", "gpt-4o"), ("OpenAI", ""), ("", "gpt-4o")],
)
def test_what_the_catalog_does_not_know_is_unknown(
    catalog: PriceCatalog, provider_type: str, model: str
) -> None:
    """No price and no version, however often it is asked for."""
    for _ in range(2):
        assert catalog.price(provider_type, model, NOW) == UNKNOWN


def test_many_made_up_names_do_not_fill_the_memory(catalog: PriceCatalog) -> None:
    """What is kept of names has a bound, and known ones are still found after it is reached."""
    for number in range(25_000):
        catalog.price("Homemade", f"model-{number}", NOW)
    assert catalog.price("OpenAI", "gpt-4o", NOW) != UNKNOWN
