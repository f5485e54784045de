"""What models cost now."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import inf

import pytest

from conduit.internal.v1.price_pb2 import PricedModel
from conduit.v1.charge_pb2 import UNIT_INPUT_TOKEN, UNIT_OUTPUT_TOKEN, UNIT_REQUEST, UNIT_WEB_SEARCH
from conduit_billing.pricing.catalog import PriceCatalog
from conduit_billing.pricing.price_book import PriceBook
from conduit_billing.pricing.price_list import PriceList
from conduit_billing.pricing.rules import UNKNOWN, Rule

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
GPT4O = ("OpenAI", "gpt-4o")


def rule(number: int = 1, provider_id: int = 0, pattern: str = "*") -> Rule:
    """Return an operator's price of a thousand tokens."""
    return Rule(
        pattern,
        provider_id,
        input_per_1k=number,
        output_per_1k=2 * number,
        id=number,
        created_at=NOW,
        updated_at=NOW,
    )


@pytest.fixture(scope="module")
def catalog() -> PriceCatalog:
    """Return the shipped catalog, for one provider type."""
    return PriceCatalog({"OpenAI": "openai"}.get)  # type: ignore[arg-type] # None is as good as empty


@pytest.fixture
def prices(catalog: PriceCatalog) -> PriceList:
    """Return a list without rules."""
    return PriceList(catalog, PriceBook())


def test_without_a_rule_the_catalogs_price_holds(prices: PriceList) -> None:
    """What it does not know has no price."""
    assert prices.price(1, *GPT4O, NOW).unit_prices[UNIT_INPUT_TOKEN] == 2_500_000_000
    assert prices.price(1, "Homemade", "my-model", NOW) == UNKNOWN


def test_a_rule_wins_and_what_it_is_silent_on_stays_the_catalogs(prices: PriceList) -> None:
    """A price per token says nothing of searches."""
    before = prices.price(1, *GPT4O, NOW).unit_prices
    prices.replace_rules([rule(3)])
    priced = prices.price(1, *GPT4O, NOW)
    assert priced.version.startswith("rule:3@")
    assert priced.unit_prices[UNIT_INPUT_TOKEN] == 3_000
    assert priced.unit_prices[UNIT_OUTPUT_TOKEN] == 6_000
    assert priced.unit_prices[UNIT_REQUEST] == 0
    assert priced.unit_prices.get(UNIT_WEB_SEARCH) == before.get(UNIT_WEB_SEARCH)


def test_the_revision_grows_with_changes_alone(prices: PriceList) -> None:
    """The same rules again are none, also where another list has them."""
    prices.replace_rules([])
    assert prices.revision == 0
    prices.replace_rules([rule()])
    prices.replace_rules(iter([rule()]))
    assert prices.revision == 1
    prices.replace_rules([])
    assert prices.revision == 2


async def test_who_waits_is_woken_by_a_change(prices: PriceList) -> None:
    """All of them; one that is behind does not wait at all."""
    waiting = [asyncio.ensure_future(prices.wait_beyond(0, 60)) for _ in range(3)]
    await asyncio.sleep(0)
    prices.replace_rules([rule()])
    async with asyncio.timeout(5):
        await asyncio.gather(*waiting)
        await prices.wait_beyond(0, 60)
    again = asyncio.ensure_future(prices.wait_beyond(1, 60))
    await asyncio.sleep(0)
    assert not again.done()
    prices.close()
    async with asyncio.timeout(5):
        await again


async def test_a_wait_ends_after_a_while_and_at_once_when_closed(prices: PriceList) -> None:
    """Also after a change that came when it was closed already."""
    async with asyncio.timeout(5):
        await prices.wait_beyond(0, 0.01)
        prices.close()
        await prices.wait_beyond(0, 60)
        prices.replace_rules([rule()])
        await prices.wait_beyond(1, 60)
    assert prices.is_closed


async def test_prices_come_in_the_order_asked_for_also_the_unknown_ones(prices: PriceList) -> None:
    """A rule of one instance is none of another."""
    prices.replace_rules([rule(5, provider_id=2)])
    models = [
        PricedModel(provider_id=2, provider_type="Homemade", actual_model_name="m"),
        PricedModel(provider_id=1, provider_type="Homemade", actual_model_name="m"),
        PricedModel(provider_id=1, provider_type="OpenAI", actual_model_name="gpt-4o"),
    ]
    found = await prices.prices_of(models, NOW)
    assert [(each.provider_id, each.version.partition(":")[0]) for each in found] == [
        (2, "rule"),
        (1, ""),
        (1, "catalog"),
    ]
    assert not found[1].unit_prices
    assert (found[1].context_window, found[2].context_window) == (0, 128_000)


def test_a_rule_holds_from_its_first_moment_to_its_last(prices: PriceList) -> None:
    """What was called before is priced as it was then; the next change is known."""
    before, after = NOW - timedelta(seconds=1), NOW + timedelta(days=1)
    ends = int(after.timestamp())
    start = int(NOW.timestamp()) * 1_000_000
    announced = replace(rule(3), effective_from=start, effective_until=ends * 1_000_000)
    prices.replace_rules([announced])
    assert prices.price(1, *GPT4O, before).unit_prices[UNIT_INPUT_TOKEN] == 2_500_000_000
    assert prices.price(1, *GPT4O, NOW).unit_prices[UNIT_INPUT_TOKEN] == 3_000
    assert prices.price(1, *GPT4O, after).unit_prices[UNIT_INPUT_TOKEN] == 2_500_000_000
    assert prices.next_change(before) == NOW.timestamp()
    assert prices.next_change(NOW) == ends
    assert prices.next_change(after) == inf
