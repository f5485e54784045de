"""What several have found is one list."""

from conduit.internal.v1.request_lookup_pb2 import FoundRequest
from conduit_storage.request_log.conditions import Found, merged


def found(places: str, until: str = "") -> Found:
    """Return what was found, each at a place that is a letter."""
    return Found([FoundRequest(place=each) for each in places], until)


def told(limit: int, *all_found: Found) -> tuple[str, str]:
    """Return the places of what is told, and up to where was looked."""
    requests, until = merged(limit, *all_found)
    return "".join(each.place for each in requests), until


def test_what_was_found_is_told_in_order_and_as_much_as_was_asked() -> None:
    """Whoever found it."""
    assert told(9, found("ad"), found("bc")) == ("abcd", "")
    assert told(3, found("ad"), found("bc")) == ("abc", "")


def test_nothing_is_told_behind_where_one_of_them_has_stopped() -> None:
    """Something may lie between; what is told again comes with the next page."""
    assert told(9, found("ae", until="c"), found("bd", until="f")) == ("ab", "c")
    assert told(2, found("ae", until="c"), found("bd")) == ("ab", "")
