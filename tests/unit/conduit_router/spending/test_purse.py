"""What a router holds of one virtual key."""

import pytest

from conduit_kernel.errors import RateLimited
from conduit_router.spending.leases import Grant, HeldLease
from conduit_router.spending.purse import LEAST_SPARE, MOST_SPARE, Purse


def test_a_lease_with_room_is_found_before_another_is_asked_for() -> None:
    """The oldest first, as it ends first; none that is too old."""
    purse = Purse()
    old, new = HeldLease("old", 0.0), HeldLease("new", 0.0)
    old.take(Grant(5, 10.0, 20.0))
    new.take(Grant(9, 60.0, 20.0))
    purse.others, purse.current = [old], new
    assert purse.at_hand(5, 1.0) is old
    assert purse.at_hand(6, 1.0) is new
    assert purse.at_hand(5, 10.0) is new
    assert purse.at_hand(10, 1.0) is None
    assert not purse.is_idle


def test_a_refusal_that_is_told_again_tells_the_time_that_is_left() -> None:
    """To those alone who need no less."""
    purse = Purse()
    purse.raise_again(1, 0.0)
    purse.note(2, RateLimited("no", retry_after_ms="5000"), 10.0)
    purse.raise_again(1, 11.0)
    for now, wait in ((11.0, "4000"), (99.0, "0")):
        with pytest.raises(RateLimited) as caught:
            purse.raise_again(2, now)
        assert caught.value.metadata == {"retry_after_ms": wait}
    assert purse.answers == 1


def test_a_busy_key_asks_for_more_up_to_a_bound() -> None:
    """And for little again, once it is idle."""
    purse = Purse()
    purse.granted_at = 0.0
    assert [purse.spare_for(1.0) for _ in range(12)][-1] == MOST_SPARE
    assert [purse.spare_for(99.0) for _ in range(12)][-1] == LEAST_SPARE
