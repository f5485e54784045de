"""A share of what a call costs."""

import pytest

from conduit_providers.prices import PriceSheet
from conduit_providers.quantities import INPUT, OUTPUT, REQUEST, Quantities, plain
from conduit_router.accounting.discounts import discounted
from conduit_router.accounting.prices import UNKNOWN, PriceCard, charge_lines

CARD = PriceCard(PriceSheet({INPUT: 2_000_000, OUTPUT: 8_000_000, REQUEST: 1_000_000}), "v1")


@pytest.mark.parametrize(("share", "cost"), [(1.0, 61), (0.5, 31), (0.25, 15), (0.0, 0)])
def test_each_price_is_the_share(share: float, cost: int) -> None:
    """Of tokens and of requests: ten read, five written, one request."""
    used = plain(10, 5)
    card = discounted(CARD, used, share)
    assert charge_lines(used, card)[1] == cost
    assert card.version == "v1"


def test_a_share_of_what_is_unknown_is_unknown() -> None:
    """But nothing of it is nothing."""
    used = plain(10, 5)
    assert charge_lines(used, discounted(UNKNOWN, used, 0.5))[1] is None
    assert charge_lines(used, discounted(UNKNOWN, used, 0.0))[1] == 0
    assert charge_lines(Quantities(), discounted(UNKNOWN, Quantities(), 0.0))[1] == 0
