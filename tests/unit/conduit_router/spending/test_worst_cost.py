"""The most that a call may cost."""

import random

import pytest

from conduit.v1.charge_pb2 import UNIT_IMAGE
from conduit_providers.operation import WorstCase
from conduit_providers.prices import PriceSheet, Tier, Variant
from conduit_providers.quantities import (
    AUDIO_OUTPUT,
    CACHE_WRITE,
    INPUT,
    OUTPUT,
    REASONING,
    REQUEST,
    Quantities,
    counted,
    plain,
)
from conduit_router.accounting.prices import UNKNOWN, PriceCard
from conduit_router.spending.worst_cost import UNSAID_CONTEXT, CostFactors, most_cost, text_cost

# A nano-dollar for each token.
ONE = 1_000_000
USUAL = {INPUT: ONE, OUTPUT: 10 * ONE}


def card(prices: dict[int, int], window: int = 0, **more: object) -> PriceCard:
    """Return the prices of a model."""
    return PriceCard(PriceSheet(prices, **more), "v1", window)  # type: ignore[arg-type] # of the sheet


def asked(
    *capabilities: str, choices: int = 1, body: bytes = b"", is_open: bool = True
) -> CostFactors:
    """Return a request."""
    return CostFactors("m", frozenset(capabilities), choices, is_open, body)


def test_a_bounded_call_costs_what_it_may_read_and_write() -> None:
    """Each at its price, rounded up."""
    assert most_cost(WorstCase(plain(5, 3), is_bounded=True), asked(), card(USUAL)) == 35
    tiny = card({INPUT: 1, OUTPUT: 1})
    assert most_cost(WorstCase(plain(5, 3), is_bounded=True), asked(), tiny) == 1


def test_what_uses_nothing_costs_nothing() -> None:
    """Counting tokens is free at a model of whose price nothing is known, too."""
    assert most_cost(WorstCase(Quantities(), is_bounded=True), asked(), UNKNOWN) == 0


def test_tokens_count_as_the_dearest_that_they_may_be() -> None:
    """Those read may be written to a cache, those written may be thoughts."""
    prices = card({**USUAL, CACHE_WRITE: 2 * ONE, REASONING: 11 * ONE, REQUEST: 100 * ONE})
    assert most_cost(WorstCase(plain(5, 3), is_bounded=True), asked(), prices) == 10 + 33 + 100


def test_a_call_that_does_not_say_how_much_it_writes_may_fill_the_context() -> None:
    """With each of its choices; of a model that nobody knows it is a usual size."""
    open_ended = WorstCase(plain(5), is_bounded=False)
    assert most_cost(open_ended, asked(choices=2), card(USUAL, 1_000)) == 5 + 2 * 10_000
    unsaid = UNSAID_CONTEXT * 10 + 5
    assert most_cost(open_ended, asked(), card(USUAL)) == unsaid


def test_what_is_longer_than_the_context_is_not_read() -> None:
    """Its provider refuses it."""
    assert most_cost(WorstCase(plain(5_000, 1), is_bounded=True), asked(), card(USUAL, 100)) == 110


@pytest.mark.parametrize("capability", ["vision", "audio", "video", "files"])
def test_what_is_sent_by_its_address_may_fill_the_context(capability: str) -> None:
    """Of which the bytes say nothing; and sound that is written costs what sound does."""
    prices = card({**USUAL, AUDIO_OUTPUT: 80 * ONE}, 1_000)
    assert most_cost(WorstCase(plain(5, 1), is_bounded=True), asked(capability), prices) == 1_080


def test_a_call_that_nothing_bounds_has_no_most_cost() -> None:
    """Such as a realtime session."""
    session = WorstCase(plain(0), is_bounded=False)
    assert most_cost(session, asked(is_open=False), card(USUAL)) is None


def test_an_unknown_price_is_no_price() -> None:
    """Neither of all that is used nor of a part of it; where either is billed, one is enough."""
    chat = WorstCase(plain(5, 3), is_bounded=True)
    assert most_cost(chat, asked(), UNKNOWN) is None
    assert most_cost(chat, asked(), card({INPUT: ONE})) is None
    assert most_cost(chat, asked(), card({OUTPUT: ONE})) is None
    speech = WorstCase(counted(((9, 7), (AUDIO_OUTPUT, 50))), is_bounded=True)
    assert most_cost(speech, asked(), card({9: ONE})) == 7
    assert most_cost(WorstCase(plain(5), is_bounded=True), asked(), card({INPUT: 0})) == 0


def test_long_calls_cost_what_long_ones_do() -> None:
    """The tier is that of the most that may be read."""
    prices = card(USUAL, tiers=(Tier(4, {INPUT: 2 * ONE}),))
    assert most_cost(WorstCase(plain(5, 3), is_bounded=True), asked(), prices) == 40


def test_a_call_that_asks_for_a_tier_of_service_may_have_the_dearest() -> None:
    """One that does not ask has the usual one."""
    fast = Variant({"service_tier": "priority"}, {INPUT: 3 * ONE, OUTPUT: 30 * ONE})
    prices = card(USUAL, variants=(fast,))
    chat = WorstCase(plain(5, 3), is_bounded=True)
    assert most_cost(chat, asked(), prices) == 35
    assert most_cost(chat, asked(body=b'{"service_tier":"auto"}'), prices) == 105


def test_the_short_way_of_most_calls_comes_to_what_the_long_one_does() -> None:
    """Where it says anything: a tier of prices, or an unknown one, is for the long way."""
    chance = random.Random(3)  # noqa: S311 # the same each time
    said = 0
    for _ in range(500):
        units = chance.sample([INPUT, OUTPUT, CACHE_WRITE, REASONING, REQUEST], 4)
        prices = {unit: chance.randrange(3 * ONE) for unit in units}
        model = card(prices, chance.choice([0, 50, 5_000]))
        read, written = chance.randrange(1, 99), chance.randrange(99)
        short = text_cost(read, written, model)
        chat = WorstCase(plain(read, written), is_bounded=True)
        assert short in {None, most_cost(chat, asked(), model)}
        said += short is not None
    assert said > 250
    assert text_cost(1, 1, card(USUAL, tiers=(Tier(10**15, {}),))) is None


def test_a_price_of_pictures_covers_no_chat() -> None:
    """What is free beside pictures is not known to be free by itself."""
    counted_by = frozenset({int(UNIT_IMAGE)})
    free = card({INPUT: 0, OUTPUT: 0, UNIT_IMAGE: ONE}, counted=counted_by)
    assert most_cost(WorstCase(plain(5, 3), is_bounded=True), asked(), free) is None
    drawn = WorstCase(counted([(INPUT, 5), (int(UNIT_IMAGE), 2)]), is_bounded=True)
    assert most_cost(drawn, asked(), free) == 2
