"""Which prices hold for a call, and how they travel."""

import pytest

from conduit_providers.prices import PriceSheet, Tier, Variant, input_tokens_of, sheet_of
from conduit_providers.quantities import CACHED_INPUT, INPUT, OUTPUT, Qualifiers

SHEET = PriceSheet(
    {INPUT: 10, OUTPUT: 20},
    (Tier(200, {INPUT: 11}), Tier(1000, {INPUT: 12, OUTPUT: 22})),
    (
        Variant({"service_tier": "flex"}, {INPUT: 5}, (Tier(200, {INPUT: 6}),)),
        Variant({"service_tier": "flex", "speed": "fast"}, {INPUT: 1}),
        Variant({"size": "large"}, {INPUT: 30}),
        Variant({"quality": "high", "size": "large"}, {INPUT: 40}),
    ),
)


@pytest.mark.parametrize(
    ("tokens", "prices"),
    [
        (0, {INPUT: 10, OUTPUT: 20}),
        (200, {INPUT: 10, OUTPUT: 20}),
        (201, {INPUT: 11, OUTPUT: 20}),
        (1001, {INPUT: 12, OUTPUT: 22}),
    ],
)
def test_long_requests_have_prices_of_their_own(tokens: int, prices: dict[int, int]) -> None:
    """From one token above a tier's limit on; what a tier does not name stays."""
    assert SHEET.at(tokens) == prices


@pytest.mark.parametrize(
    ("qualifiers", "prices"),
    [
        ((("service_tier", "flex"),), {INPUT: 5}),
        ((("quality", "high"), ("size", "large")), {INPUT: 30}),
        # However fast it was, is no matter of the size.
        ((("service_tier", "flex"), ("speed", "fast")), {INPUT: 1}),
        ((("size", "large"), ("speed", "fast")), {}),
        ((("region", "eu"),), {INPUT: 10, OUTPUT: 20}),
        ((("service_tier", "priority"),), {}),
        ((("speed", "fast"),), {}),
    ],
)
def test_the_first_variant_that_is_met_holds(
    qualifiers: Qualifiers, prices: dict[int, int]
) -> None:
    """A value that no variant has makes all prices unknown, and not the usual ones."""
    assert SHEET.at(1, qualifiers) == prices


def test_a_variant_has_tiers_of_its_own() -> None:
    """Not those of the usual prices."""
    assert SHEET.at(5000, (("service_tier", "flex"),)) == {INPUT: 6}


def test_without_variants_no_qualifier_matters() -> None:
    """Most models have one price."""
    assert PriceSheet({INPUT: 1}).at(1, (("service_tier", "flex"),)) == {INPUT: 1}
    assert PriceSheet().at(1) == {}


def test_prices_come_back_as_they_went() -> None:
    """Variants, tiers and units this version does not know included."""
    sheet = PriceSheet({INPUT: 10, 999: 1}, SHEET.tiers, SHEET.variants, frozenset({INPUT}))
    sent = sheet.message(7, "gpt-4", "v1")
    assert (sent.provider_id, sent.actual_model_name, sent.version) == (7, "gpt-4", "v1")
    assert sheet_of(type(sent).FromString(sent.SerializeToString())) == sheet


def test_tiers_are_chosen_by_all_that_is_read() -> None:
    """What comes from a cache is part of the request's length; what is written is not."""
    assert input_tokens_of([(INPUT, 1), (CACHED_INPUT, 2), (OUTPUT, 4)]) == 3
