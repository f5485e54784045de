"""Which requests are done, as they are kept."""

import random

from conduit_router.batches.done_requests import DoneRequests


def test_what_is_done_is_known_after_it_was_kept() -> None:
    """Each of them, and no other, in whatever order they were done."""
    chance, done = random.Random(7), DoneRequests()  # noqa: S311 # guards nothing
    places = chance.sample(range(5000), 2000)
    for place in places:
        done.add(place)
    again = DoneRequests(done.kept())
    assert [place in again for place in range(6000)] == [
        place in set(places) for place in range(6000)
    ]
    assert len(done.kept()) <= 5000 / 8 + 1


def test_the_first_request_is_the_lowest_bit() -> None:
    """As the contract says it of what is kept."""
    done = DoneRequests()
    for place in (0, 9):
        done.add(place)
    assert done.kept() == bytes([0b1, 0b10])
    assert DoneRequests().kept() == b""


def test_what_others_have_done_is_joined() -> None:
    """However many bytes either of them takes."""
    few, many = DoneRequests(), DoneRequests()
    few.add(1)
    many.add(77)
    few.join(many)
    many.join(few)
    assert [place for place in range(100) if place in few] == [1, 77]
    assert few.kept() == many.kept()
