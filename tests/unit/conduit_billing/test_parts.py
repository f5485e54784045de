"""How much a router gets that asks for a part of something."""

import pytest

from conduit_billing.parts import SPARE_SHARE, part_of


@pytest.mark.parametrize(
    ("left", "part"),
    [
        (10, 10),
        (99, 99),
        (100, 100),
        # A sixteenth of the rest, in whole calls.
        (100 + 10 * SPARE_SHARE - 1, 100),
        (100 + 10 * SPARE_SHARE, 110),
        (10**9, 150),
    ],
)
def test_all_that_waits_comes_first_and_the_rest_is_shared(left: int, part: int) -> None:
    """What is left over is of use to others, who need as much for a call."""
    assert part_of(left, least=10, amount=100, spare=55) == part


def test_no_more_is_given_than_there_is() -> None:
    """Nor less than waits, where there is as much."""
    for left in range(1, 400):
        for least in (1, 3, 10):
            found = part_of(left, least=least, amount=30, spare=90)
            assert min(left, 30) <= found <= min(left, 120)
