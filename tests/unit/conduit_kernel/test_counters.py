"""Counts whose names come from callers must not grow with every name that ever was."""

from collections import Counter

from conduit_kernel.counters import decrement


def test_a_name_goes_with_its_last_one() -> None:
    """Nothing is left of it, nor of one that was counted down too often."""
    counter = Counter({"a": 2, "b": 1})
    decrement(counter, "a")
    assert counter == {"a": 1, "b": 1}
    decrement(counter, "a")
    decrement(counter, "unknown")
    assert list(counter) == ["b"]
