"""Costs are exact, and an unknown price is not zero."""

from conduit.internal.v1.price_pb2 import Price, UnitPrice
from conduit.v1 import charge_pb2 as pb
from conduit_providers.prices import PriceSheet, Tier, Variant
from conduit_providers.quantities import (
    AUDIO_OUTPUT,
    CACHE_WRITE,
    CACHE_WRITE_1H,
    CACHED_INPUT,
    INPUT,
    MOST,
    OUTPUT,
    counted,
    plain,
)
from conduit_router.accounting.prices import UNKNOWN, PriceCard, PriceList, charge_lines


def card(units: dict[int, int], version: str) -> PriceCard:
    """Return flat prices."""
    return PriceCard(PriceSheet(units), version)


# 2.50 and 10 dollars a million tokens, cached ones at half.
CARD = card(
    {
        pb.UNIT_INPUT_TOKEN: 2_500_000_000,
        pb.UNIT_CACHED_INPUT_TOKEN: 1_250_000_000,
        pb.UNIT_OUTPUT_TOKEN: 10_000_000_000,
    },
    "test",
)


def read(lines: bytes) -> list[pb.ChargeLine]:
    """Return the lines of the charge that these bytes are a part of."""
    return list(pb.Charge.FromString(lines).lines)


def test_cost_is_the_sum_of_units_times_price() -> None:
    """64 tokens in and 96 out: 160,000 + 960,000 nano-dollars."""
    lines, cost = charge_lines(plain(64, 96), CARD)
    assert cost == 64 * 2500 + 96 * 10000
    assert [(x.unit, x.quantity) for x in read(lines)] == [
        (pb.UNIT_INPUT_TOKEN, 64),
        (pb.UNIT_OUTPUT_TOKEN, 96),
    ]


def test_cached_tokens_are_charged_once_at_their_own_price() -> None:
    """They are beside the tokens read, not a part of them."""
    _, cost = charge_lines(counted([(INPUT, 40), (CACHED_INPUT, 60)]), CARD)
    assert cost == 40 * 2500 + 60 * 1250


# Claude Sonnet 4.5's.
CLAUDE = card(
    {
        pb.UNIT_INPUT_TOKEN: 3_000_000_000,
        pb.UNIT_CACHED_INPUT_TOKEN: 300_000_000,
        pb.UNIT_CACHE_WRITE_TOKEN: 3_750_000_000,
        pb.UNIT_CACHE_WRITE_1H_TOKEN: 6_000_000_000,
        pb.UNIT_OUTPUT_TOKEN: 15_000_000_000,
    },
    "claude",
)


def test_tokens_written_for_an_hour_are_charged_once_at_their_own_price() -> None:
    """They are beside those written to the cache for five minutes."""
    leaves = {INPUT: 452, CACHED_INPUT: 300, CACHE_WRITE: 148, CACHE_WRITE_1H: 100, OUTPUT: 10}
    lines, cost = charge_lines(counted(leaves.items()), CLAUDE)
    assert {line.unit: line.quantity for line in read(lines)} == {
        pb.UNIT_INPUT_TOKEN: 452,
        pb.UNIT_CACHED_INPUT_TOKEN: 300,
        pb.UNIT_CACHE_WRITE_TOKEN: 148,
        pb.UNIT_CACHE_WRITE_1H_TOKEN: 100,
        pb.UNIT_OUTPUT_TOKEN: 10,
    }
    assert cost == 452 * 3000 + 300 * 300 + 148 * 3750 + 100 * 6000 + 10 * 15000


def test_an_unknown_price_makes_the_cost_unknown() -> None:
    """Never zero."""
    assert charge_lines(plain(10, 10), UNKNOWN)[1] is None
    assert charge_lines(counted([(INPUT, 10), (OUTPUT, 5), (AUDIO_OUTPUT, 5)]), CARD)[1] is None


def test_an_unknown_price_of_an_unused_unit_does_not_matter() -> None:
    """Only what was used needs a price."""
    made = card({pb.UNIT_INPUT_TOKEN: 1_000_000}, "embeddings")
    assert charge_lines(plain(7), made)[1] == 7


def test_fractions_are_rounded_once_half_up() -> None:
    """37.5 nano-dollars a token: three of them are 112.5, so 113; not 38 each."""
    made = card({pb.UNIT_INPUT_TOKEN: 37_500_000}, "test")
    assert charge_lines(plain(3), made)[1] == 113


def test_a_price_without_units_is_unknown() -> None:
    """Billing says so when it knows none."""
    prices = PriceList()
    prices.load(
        [
            Price(
                provider_id=1,
                actual_model_name="known",
                version="v",
                unit_prices=[UnitPrice(unit=pb.UNIT_INPUT_TOKEN, nano_usd_per_million=5)],
            ),
            Price(provider_id=1, actual_model_name="unknown"),
        ]
    )
    assert prices.card(1, "known").units == {pb.UNIT_INPUT_TOKEN: 5}
    assert prices.card(1, "unknown") is UNKNOWN
    assert prices.card(2, "known") is UNKNOWN


def test_models_that_cost_the_same_share_a_card() -> None:
    """Also with those of the prices before, so that what was read of them is not read again."""
    prices = PriceList()
    units = [UnitPrice(unit=pb.UNIT_INPUT_TOKEN, nano_usd_per_million=5)]
    for models in (("a", "b"), ("b", "c")):
        prices.load(
            [
                Price(provider_id=1, actual_model_name=model, version="v", unit_prices=units)
                for model in models
            ]
            + [Price(provider_id=1, actual_model_name="d", version="w", unit_prices=units)]
        )
        if models == ("a", "b"):
            before = prices.card(1, "a")
    assert prices.card(1, "b") is prices.card(1, "c") is before
    assert prices.card(1, "a") is UNKNOWN
    assert prices.card(1, "d").version == "w"


def test_a_price_per_request_is_charged_once_a_call() -> None:
    """Where the operator's rule counts requests, tokens cost nothing and the call does."""
    made = card(
        {pb.UNIT_INPUT_TOKEN: 0, pb.UNIT_OUTPUT_TOKEN: 0, pb.UNIT_REQUEST: 5_000_000_000_000},
        "rule",
    )
    lines, cost = charge_lines(plain(64, 96), made)
    assert cost == 5_000_000
    assert read(lines)[-1].unit == pb.UNIT_REQUEST


def test_lines_have_the_price_they_were_charged_at() -> None:
    """Also one of zero; an unknown one is absent, which is not zero."""
    made = card({pb.UNIT_INPUT_TOKEN: 0, pb.UNIT_OUTPUT_TOKEN: 7}, "test")
    leaves = [(INPUT, 200), (OUTPUT, 20_000), (CACHED_INPUT, 100)]
    lines, _ = charge_lines(counted(leaves), made)
    assert read(lines) == [
        pb.ChargeLine(unit=pb.UNIT_INPUT_TOKEN, quantity=200, nano_usd_per_million=0),
        pb.ChargeLine(unit=pb.UNIT_OUTPUT_TOKEN, quantity=20_000, nano_usd_per_million=7),
        pb.ChargeLine(unit=pb.UNIT_CACHED_INPUT_TOKEN, quantity=100),
    ]


def test_counts_that_cannot_be_true_do_no_harm() -> None:
    """A provider that counts below zero, or beyond all bounds, breaks no charge."""
    usage = plain(-5, 10**30)
    assert not usage.is_consistent
    lines, cost = charge_lines(usage, CARD)
    assert [(x.unit, x.quantity) for x in read(lines)] == [(OUTPUT, MOST)]
    assert cost == MOST * 10_000
    dear = card({pb.UNIT_INPUT_TOKEN: 2**62, pb.UNIT_OUTPUT_TOKEN: 2**62}, "dear")
    assert charge_lines(plain(10**12, 10**12), dear)[1] is None


# Gemini 2.5 Pro's, in outline, with the flex tier of service at half.
TIERED = PriceCard(
    PriceSheet(
        {INPUT: 1_250_000_000, CACHED_INPUT: 125_000_000, OUTPUT: 10_000_000_000},
        (Tier(200_000, {INPUT: 2_500_000_000, CACHED_INPUT: 250_000_000, OUTPUT: 15_000_000_000}),),
        (
            Variant(
                {"service_tier": "flex"},
                {INPUT: 625_000_000, OUTPUT: 5_000_000_000},
                (Tier(200_000, {INPUT: 1_250_000_000}),),
            ),
        ),
    ),
    "tiered",
)


def test_a_long_request_costs_its_tiers_price_for_all_that_it_uses() -> None:
    """The tier is chosen by all tokens read, cached ones included, and not by the fresh ones."""
    assert charge_lines(plain(200_000, 10), TIERED)[1] == 200_000 * 1250 + 10 * 10_000
    lines, cost = charge_lines(plain(200_001, 10), TIERED)
    assert cost == 200_001 * 2500 + 10 * 15_000
    assert [x.nano_usd_per_million for x in read(lines)] == [2_500_000_000, 15_000_000_000]
    cached = counted([(INPUT, 1), (CACHED_INPUT, 200_000)])
    assert charge_lines(cached, TIERED)[1] == 2500 + 200_000 * 250


def test_a_qualifier_has_prices_of_its_own() -> None:
    """Also for long requests; what its tier does not name costs as below it."""
    flex = (("service_tier", "flex"),)
    usage = counted([(INPUT, 200_000), (OUTPUT, 10)], flex)
    assert charge_lines(usage, TIERED)[1] == 200_000 * 625 + 10 * 5000
    usage = counted([(INPUT, 200_001), (OUTPUT, 10)], flex)
    assert charge_lines(usage, TIERED)[1] == 200_001 * 1250 + 10 * 5000


def test_a_qualifier_that_no_price_knows_is_unknown_and_not_the_usual_price() -> None:
    """Unless the prices never speak of it: then it does not matter to them."""
    leaves = [(INPUT, 10), (OUTPUT, 10)]
    priority = counted(leaves, (("service_tier", "priority"),))
    assert charge_lines(priority, TIERED)[1] is None
    assert charge_lines(priority, CARD)[1] == 10 * 12_500
    assert charge_lines(counted(leaves, (("speed", "fast"),)), TIERED)[1] == 10 * 11_250


def test_prices_finer_than_a_nano_dollar_are_kept() -> None:
    """A cached token of 0.00125 nano-dollars costs that, and a million of them 1,250."""
    made = card({CACHED_INPUT: 1250}, "tiny")
    assert charge_lines(counted([(CACHED_INPUT, 1_000_000)]), made)[1] == 1250
    assert charge_lines(counted([(CACHED_INPUT, 400)]), made)[1] == 1
    assert charge_lines(counted([(CACHED_INPUT, 399)]), made)[1] == 0


def test_a_price_of_pictures_makes_no_chat_free() -> None:
    """Beside a picture tokens cost nothing; where there is none, the cost is unknown."""
    sheet = PriceSheet({INPUT: 0, pb.UNIT_IMAGE: 0}, counted=frozenset({int(pb.UNIT_IMAGE)}))
    free = PriceCard(sheet, "free")
    assert charge_lines(plain(10, 10), free)[1] is None
    assert charge_lines(counted([(INPUT, 10)]), free)[1] is None
    assert charge_lines(counted([(INPUT, 10), (int(pb.UNIT_IMAGE), 1)]), free)[1] == 0
    assert charge_lines(counted([]), free)[1] == 0
