"""What a rule says beside its plain amounts, as values."""

import pytest

from conduit_billing.pricing.terms import (
    NO_TERMS,
    Amounts,
    ConditionalAmounts,
    Terms,
    TierAmounts,
    terms_from_text,
    terms_to_text,
)

ALL = Terms(
    ((3, 4), (5, 0)),
    (TierAmounts(above_input_tokens=9, input_per_1k=1, unit_costs=((1, 2),)),),
    (ConditionalAmounts(when=(("size", "1x1"),), per_unit=0),),
)


@pytest.mark.parametrize("terms", [NO_TERMS, ALL, Terms(unit_costs=((1, 10**18),))])
def test_terms_are_read_as_they_were_written(terms: Terms) -> None:
    """What costs nothing is not what is unset."""
    assert terms_from_text(terms_to_text(terms)) == terms


def test_no_terms_take_no_room() -> None:
    """Most rules have none."""
    assert terms_to_text(NO_TERMS) == ""


def test_what_is_not_said_is_as_usual() -> None:
    """Also by the unit; nothing is something that is said."""
    usual = Amounts(input_per_1k=1, output_per_1k=2, unit_costs=((3, 4), (5, 6)))
    said = Amounts(output_per_1k=0, per_unit=7, unit_costs=((5, 8),))
    assert said.over(usual) == Amounts(
        input_per_1k=1, output_per_1k=0, per_unit=7, unit_costs=((3, 4), (5, 8))
    )
