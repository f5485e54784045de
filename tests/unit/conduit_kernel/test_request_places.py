"""Places of requests sort as the list of all does."""

import pytest

from conduit_kernel.request_places import parts_of, place_at, place_behind, place_of


def test_newer_requests_come_first() -> None:
    """And of one moment those with the lesser ids."""
    places = [place_at(2, "a"), place_at(1, "b"), place_at(1, "c"), place_behind(1)]
    assert sorted(places) == places


def test_a_place_tells_what_it_was_made_of() -> None:
    """Also of an id that has whatever an id may have."""
    assert parts_of(place_at(1_795_435_200_000_000_123, "0id\U0001f600")) == (
        1_795_435_200_000_000_123,
        "0id\U0001f600",
    )
    assert place_of(1.5, "x") == place_at(1_500_000_000, "x")


@pytest.mark.parametrize("text", ["", "1", "x" * 40, "²" * 20, "-" + "1" * 19])
def test_other_texts_are_no_places(text: str) -> None:
    """Whoever made them up."""
    assert parts_of(text) is None
