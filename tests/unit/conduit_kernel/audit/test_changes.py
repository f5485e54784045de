"""What changed between two states of a thing."""

from conduit_kernel.audit.changes import differences


def test_differences_are_what_somebody_changed() -> None:
    """In both directions; what every change changes is left out."""
    before = {"id": 1, "name": "a", "weight": 1, "updatedAt": 1, "etag": "x"}
    after = {"id": 1, "name": "b", "priority": 2, "updatedAt": 2, "etag": "y"}
    assert differences(before, after) == {
        "name": {"from": "a", "to": "b"},
        "weight": {"from": 1, "to": None},
        "priority": {"from": None, "to": 2},
    }
    assert differences(before, before) == {}
