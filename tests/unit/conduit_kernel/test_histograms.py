"""Counts of durations, as `/metrics` shows them."""

import pytest

from conduit_kernel.histograms import cumulative


def test_each_bound_has_all_that_is_not_above_it() -> None:
    """And the last one has everything."""
    assert cumulative(["1", "2"], [3, 0, 4]) == [("1", 3), ("2", 3), ("+Inf", 7)]


def test_a_bucket_without_its_bound_is_a_mistake() -> None:
    """Rather than a wrong figure."""
    with pytest.raises(ValueError, match="zip"):
        cumulative(["1", "2"], [3, 4])
