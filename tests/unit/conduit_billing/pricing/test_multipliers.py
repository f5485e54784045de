"""Conditions that multiply prices."""

from conduit_billing.pricing.multipliers import multiplied, with_long_batches
from conduit_providers.prices import PriceSheet, Tier, Variant
from conduit_providers.quantities import CACHE_WRITE_1H, CACHED_INPUT, INPUT, OUTPUT, WEB_SEARCH

USUAL = Variant(
    {}, {INPUT: 1000, OUTPUT: 5000, CACHE_WRITE_1H: 2000, WEB_SEARCH: 7}, (Tier(10, {INPUT: 2000}),)
)
FAST = Variant({"speed": "fast"}, {INPUT: 6000})
US = ("inference_geo", "us")


def sheet_of(provider: str, *variants: Variant) -> PriceSheet:
    """Return the prices of a model, by a provider's name in the catalog."""
    found = (*multiplied(provider, USUAL, variants), *variants)
    return PriceSheet(USUAL.unit_prices, USUAL.tiers, found)


def test_all_prices_of_tokens_are_multiplied_and_no_others() -> None:
    """Those of long requests, too; searches cost as much."""
    sheet = sheet_of("anthropic")
    assert sheet.at(1, (US,)) == {INPUT: 1100, OUTPUT: 5500, CACHE_WRITE_1H: 2200, WEB_SEARCH: 7}
    assert sheet.at(11, (US,))[INPUT] == 2200
    assert sheet.at(1)[INPUT] == 1000


def test_conditions_are_stacked_where_the_provider_says_so() -> None:
    """Anthropic's fast answers within the United States cost both."""
    sheet = sheet_of("anthropic", FAST)
    assert sheet.at(1, (("speed", "fast"),))[INPUT] == 6000
    assert sheet.at(1, (US, ("speed", "fast")))[INPUT] == 6600


def test_prices_of_the_catalogs_own_are_kept() -> None:
    """Where it has some of a condition, that is left out."""
    flex = Variant({"service_tier": "flex"}, {INPUT: 400})
    qualifiers = (("service_tier", "flex"),)
    assert sheet_of("google").at(1, qualifiers)[INPUT] == 500
    assert sheet_of("google", flex).at(1, qualifiers)[INPUT] == 400


def test_batches_of_google_cost_half_but_for_what_is_cached() -> None:
    """Long prompts as well: the cache's discount does not stack with the batch's."""
    usual = Variant({}, {INPUT: 1000, CACHED_INPUT: 100}, (Tier(10, {INPUT: 2000}),))
    sheet = PriceSheet(usual.unit_prices, usual.tiers, tuple(multiplied("google", usual, ())))
    batch = (("processing", "batch"),)
    assert sheet.at(1, batch) == {INPUT: 500, CACHED_INPUT: 100}
    assert sheet.at(11, batch)[INPUT] == 1000


def test_long_batches_cost_half_of_what_long_requests_do() -> None:
    """Where OpenAI's have no price of their own, and nobody else's."""
    batch = Variant({"processing": "batch"}, {INPUT: 500})
    [priced] = with_long_batches("openai", USUAL, [batch])
    assert priced == Variant(batch.qualifiers, batch.unit_prices, (Tier(10, {INPUT: 1000}),))
    own = Variant(batch.qualifiers, batch.unit_prices, (Tier(20, {INPUT: 900}),))
    assert [*with_long_batches("openai", USUAL, [own, FAST])] == [own, FAST]
    assert [*with_long_batches("google", USUAL, [batch])] == [batch]


def test_nobody_elses_prices_are_multiplied() -> None:
    """A provider that says nothing of it has no such condition."""
    assert [*multiplied("openai", USUAL, [FAST])] == []
