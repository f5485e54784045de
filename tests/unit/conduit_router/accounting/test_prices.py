"""Costs are exact, and an unknown price is not zero."""

from conduit.v1 import charge_pb2 as pb
from conduit.v1.model_cost_pb2 import Price, UnitPrice
from conduit_providers.usage import Usage
from conduit_router.accounting.prices import MOST, UNKNOWN, PriceCard, PriceList, charge_lines

# 2.50 and 10 dollars a million tokens, cached ones at half.
CARD = PriceCard(
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
    lines, cost = charge_lines(Usage(64, 96), CARD)
    assert cost == 64 * 2500 + 96 * 10000
    assert [(x.unit, x.quantity) for x in read(lines)] == [
        (pb.UNIT_INPUT_TOKEN, 64),
        (pb.UNIT_OUTPUT_TOKEN, 96),
    ]


def test_cached_tokens_are_charged_once_at_their_own_price() -> None:
    """They are part of the tokens read, not beside them."""
    _, cost = charge_lines(Usage(100, 0, cached_input_tokens=60), CARD)
    assert cost == 40 * 2500 + 60 * 1250


# Claude Sonnet 4.5's.
CLAUDE = PriceCard(
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
    """They are part of those written to the cache, as those are of the tokens read."""
    usage = Usage(1000, 10, 300, cache_write_tokens=248, cache_write_1h_tokens=100)
    lines, cost = charge_lines(usage, CLAUDE)
    assert {line.unit: line.quantity for line in read(lines)} == {
        pb.UNIT_INPUT_TOKEN: 452,
        pb.UNIT_CACHED_INPUT_TOKEN: 300,
        pb.UNIT_CACHE_WRITE_TOKEN: 148,
        pb.UNIT_CACHE_WRITE_1H_TOKEN: 100,
        pb.UNIT_OUTPUT_TOKEN: 10,
    }
    assert cost == 452 * 3000 + 300 * 300 + 148 * 3750 + 100 * 6000 + 10 * 15000


def test_a_kind_of_cache_write_that_was_not_used_has_no_line() -> None:
    """All tokens for an hour leave nothing at the price of five minutes, and the reverse."""
    for long, unit, price in (
        (100, pb.UNIT_CACHE_WRITE_1H_TOKEN, 6000),
        (0, pb.UNIT_CACHE_WRITE_TOKEN, 3750),
    ):
        usage = Usage(100, 0, cache_write_tokens=100, cache_write_1h_tokens=long)
        lines, cost = charge_lines(usage, CLAUDE)
        assert {x.unit: x.quantity for x in read(lines) if x.quantity} == {unit: 100}
        assert len(read(lines)) == 3
        assert cost == 100 * price


def test_an_unknown_price_makes_the_cost_unknown() -> None:
    """Never zero."""
    assert charge_lines(Usage(10, 10), UNKNOWN)[1] is None
    assert charge_lines(Usage(10, 10, audio_output_tokens=5), CARD)[1] is None


def test_an_unknown_price_of_an_unused_unit_does_not_matter() -> None:
    """Only what was used needs a price."""
    card = PriceCard({pb.UNIT_INPUT_TOKEN: 1_000_000}, "embeddings")
    assert charge_lines(Usage(7, 0), card)[1] == 7


def test_fractions_are_rounded_once_half_up() -> None:
    """37.5 nano-dollars a token: three of them are 112.5, so 113; not 38 each."""
    card = PriceCard({pb.UNIT_INPUT_TOKEN: 37_500_000}, "test")
    assert charge_lines(Usage(3, 0), card)[1] == 113


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


def test_a_price_per_request_is_charged_once_a_call() -> None:
    """Where the operator's rule counts requests, tokens cost nothing and the call does."""
    card = PriceCard(
        {pb.UNIT_INPUT_TOKEN: 0, pb.UNIT_OUTPUT_TOKEN: 0, pb.UNIT_REQUEST: 5_000_000_000_000},
        "rule",
    )
    lines, cost = charge_lines(Usage(64, 96), card)
    assert cost == 5_000_000
    assert read(lines)[-1].unit == pb.UNIT_REQUEST


def test_lines_have_the_price_they_were_charged_at() -> None:
    """Also one of zero; an unknown one is absent, which is not zero."""
    card = PriceCard({pb.UNIT_INPUT_TOKEN: 0, pb.UNIT_OUTPUT_TOKEN: 7}, "test")
    lines, _ = charge_lines(Usage(300, 20_000, cached_input_tokens=100), card)
    assert read(lines) == [
        pb.ChargeLine(unit=pb.UNIT_INPUT_TOKEN, quantity=200, nano_usd_per_million=0),
        pb.ChargeLine(unit=pb.UNIT_OUTPUT_TOKEN, quantity=20_000, nano_usd_per_million=7),
        pb.ChargeLine(unit=pb.UNIT_CACHED_INPUT_TOKEN, quantity=100),
    ]


def test_counts_that_cannot_be_true_do_no_harm() -> None:
    """A provider that counts below zero, or beyond all bounds, breaks no charge."""
    lines, cost = charge_lines(Usage(-5, 10**30, cached_input_tokens=-3), CARD)
    assert [x.quantity for x in read(lines)] == [0, MOST, 0]
    assert cost == MOST * 10_000
    dear = PriceCard({pb.UNIT_INPUT_TOKEN: 2**62, pb.UNIT_OUTPUT_TOKEN: 2**62}, "dear")
    assert charge_lines(Usage(10**12, 10**12), dear)[1] is None
