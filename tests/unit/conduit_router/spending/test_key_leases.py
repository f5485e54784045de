"""What a router holds of one budget or limit of a virtual key."""

import pytest

from conduit_kernel.errors import RateLimited
from conduit_router.spending.key_leases import LEAST_SPARE, MOST_SPARE, KeyLeases
from conduit_router.spending.leases import Grant, HeldLease


def test_a_lease_with_room_is_found_before_another_is_asked_for() -> None:
    """The oldest first, as it ends first; none that is too old."""
    leases = KeyLeases()
    old, new = HeldLease("old", 0.0), HeldLease("new", 0.0)
    old.take(Grant(5, 10.0, 20.0))
    new.take(Grant(9, 60.0, 20.0))
    leases.others, leases.current = [old], new
    assert leases.at_hand(5, 1.0) is old
    assert leases.at_hand(6, 1.0) is new
    assert leases.at_hand(5, 10.0) is new
    assert leases.at_hand(10, 1.0) is None
    assert not leases.is_idle


def test_a_refusal_that_is_told_again_tells_the_time_that_is_left() -> None:
    """To those alone who need no less."""
    leases = KeyLeases()
    leases.raise_again(1, 0.0)
    leases.note(2, RateLimited("no", retry_after_ms="5000"), 10.0)
    leases.raise_again(1, 11.0)
    for now, wait in ((11.0, "4000"), (99.0, "0")):
        with pytest.raises(RateLimited) as caught:
            leases.raise_again(2, now)
        assert caught.value.metadata == {"retry_after_ms": wait}
    assert leases.answers == 1


def test_a_busy_key_asks_for_more_up_to_a_bound() -> None:
    """And for little again, once it is idle."""
    leases = KeyLeases()
    leases.granted_at = 0.0
    assert [leases.spare_for(1.0) for _ in range(12)][-1] == MOST_SPARE
    assert [leases.spare_for(99.0) for _ in range(12)][-1] == LEAST_SPARE


@pytest.mark.parametrize(("lasted", "growth"), [(4.0, 2), (1.0, 5), (0.001, 16), (0.0, 16)])
def test_a_lease_is_the_larger_the_sooner_the_last_one_was_used_up(
    lasted: float, growth: int
) -> None:
    """So that few are asked for until one lasts for some seconds."""
    leases = KeyLeases()
    leases.granted_at = 10.0
    assert leases.spare_for(10.0 + lasted) == growth * LEAST_SPARE
