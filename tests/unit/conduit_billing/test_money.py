"""Arithmetic of nano-dollars."""

from decimal import Decimal

from conduit_billing.money import cost_of, nano


def test_a_cost_is_added_exactly_and_rounded_once() -> None:
    """Halves of a nano-dollar in two lines make a whole one; rounded apart they would make two."""
    assert cost_of([(1, 500_000), (1, 500_000)]) == 1
    assert cost_of([(1, 499_999)]) == 0
    assert cost_of([(3, 333_333_333_333_333)]) == 1_000_000_000


def test_what_was_used_without_a_price_makes_the_cost_unknown() -> None:
    """Unknown is not zero; but what was not used needs no price."""
    assert cost_of([(1, None), (5, 1)]) is None
    assert cost_of([(0, None), (1_000_000, 7)]) == 7
    assert cost_of([]) == 0


def test_dust_of_binary_fractions_is_swept_away() -> None:
    """The catalog's 0.18000000000000002 dollars are 18 cents."""
    assert nano(Decimal("0.18000000000000002")) == 180_000_000
    assert nano(Decimal("1.0399999999999998")) == 1_040_000_000
