"""The most that a session costs until it is looked at again."""

from conduit.v1 import charge_pb2 as pb
from conduit.v1.model_cost_pb2 import COST_CALCULATION_TYPE_IMAGE_BASED
from conduit_billing.pricing.rules import Rule, rule_prices
from conduit_providers.prices import PriceSheet
from conduit_providers.quantities import AUDIO_INPUT, AUDIO_OUTPUT, INPUT, LEAVES, OUTPUT, REQUEST
from conduit_router.accounting.prices import UNKNOWN, PriceCard
from conduit_router.spending.session_cost import MOST_WRITTEN, session_cost
from conduit_router.spending.worst_cost import UNSAID_CONTEXT

# A nano-dollar for each unit.
ONE = 1_000_000


def card(prices: dict[int, int], window: int = 0) -> PriceCard:
    """Return the prices of a model."""
    return PriceCard(PriceSheet(prices), "v", window)


def test_by_the_token_it_is_a_response_that_reads_all_that_the_model_can() -> None:
    """At the dearest that tokens may be, and as long as one may be."""
    sound = {INPUT: ONE, OUTPUT: ONE, AUDIO_INPUT: 8 * ONE, AUDIO_OUTPUT: 16 * ONE}
    assert session_cost(card(sound, 1_000), 30) == 8_000 + 16 * MOST_WRITTEN
    assert session_cost(card(sound), 30) == 8 * UNSAID_CONTEXT + 16 * MOST_WRITTEN


def test_by_time_it_is_so_many_seconds() -> None:
    """In whichever unit it is billed, of which it is billed in one."""
    units = {int(pb.UNIT_SESSION_MILLISECOND): ONE, int(pb.UNIT_AUDIO_INPUT_MILLISECOND): 2 * ONE}
    assert session_cost(card(units), 30) == 60_000
    assert session_cost(card({int(pb.UNIT_SESSION_MILLISECOND): ONE}), 5) == 5_000


def test_what_is_paid_once_is_a_part_of_it() -> None:
    """Being asked, and beginning a session."""
    units = {int(pb.UNIT_SESSION_MILLISECOND): ONE, REQUEST: 7 * ONE, int(pb.UNIT_SESSION): ONE}
    assert session_cost(card(units), 1) == 1_008


def test_prices_of_something_else_are_none() -> None:
    """Of pictures, of half of what is used, or of nothing at all."""
    assert session_cost(UNKNOWN, 30) is None
    assert session_cost(card({INPUT: ONE}), 30) is None
    assert session_cost(card({int(pb.UNIT_IMAGE): ONE, REQUEST: 0}), 30) is None
    pictures = rule_prices(
        Rule("*", per_unit=5, calculation=COST_CALCULATION_TYPE_IMAGE_BASED), {}
    ).sheet
    assert pictures.counted
    assert session_cost(PriceCard(pictures, "v"), 30) is None


def test_a_free_session_costs_nothing() -> None:
    """Where its operator says so."""
    assert session_cost(card(dict.fromkeys(LEAVES, 0)), 30) == 0
