"""What callers said, as messages say it again."""

import pytest

from conduit_kernel.quoting import MAX_QUOTED, quoted


@pytest.mark.parametrize("most", [MAX_QUOTED, 8])
def test_what_is_too_long_is_cut_and_said_to_be(most: int) -> None:
    """One character more is too long; what fits is as it was."""
    assert quoted("", most) == ""
    assert quoted("x" * most, most) == "x" * most
    assert quoted("x" * (most + 1), most) == "x" * most + "..."


def test_an_id_is_cut_unless_told_otherwise() -> None:
    """By the usual number of characters."""
    assert quoted("x" * 100) == "x" * MAX_QUOTED + "..."
