"""Values are found by their group."""

from conduit_kernel.index import Index


def test_groups_that_are_empty_are_not_there() -> None:
    """So that nothing is left of what is gone; what was never there is no error."""
    index = Index[str, int, str]()
    index.put("a", 1, "one")
    index.put("a", 2, "two")
    index.put("a", 2, "second")
    assert list(index.values("a")) == ["one", "second"]
    index.remove("a", 1)
    index.remove("a", 2)
    index.remove("b", 1)
    assert not index.groups
    assert list(index.values("a")) == []
