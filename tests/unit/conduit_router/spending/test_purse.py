"""What one call has reserved of its virtual key's budgets and limits."""

from conduit_router.spending.leases import Allowance, Grant, HeldLease, reserved
from conduit_router.spending.purse import Reserved
from conduit_router.spending.standing import REQUESTS, TOKENS, Standing


def granted(room: int, limit: int = 0) -> HeldLease:
    """Return a lease that was asked for at 10 s, of a limit of which 5 were left."""
    lease = HeldLease("l", 10.0)
    lease.take(Grant(room, 60.0, 120.0, limit, 5, 30.0))
    return lease


def test_a_call_that_was_charged_reserves_more_for_its_next_attempt() -> None:
    """As far as its lease has room."""
    lease = granted(100)
    lease.room -= 40
    call = Reserved(cost=lease, most_cost=40)
    assert call.covers(40)
    call.spent = 30
    assert call.covers(40)
    assert (call.most_cost, lease.room) == (70, 30)
    call.spent = 65
    assert not call.covers(40)
    call.end()
    assert (lease.room, lease.spent, lease.is_open) == (35, 65, False)


def test_what_has_no_budget_covers_everything() -> None:
    """As calls of keys that have limits alone."""
    assert Reserved().covers(10**18)


def test_who_waits_for_what_a_call_held_hears_of_its_end() -> None:
    """Once the last call has ended that reserved some of it."""
    lease, heard = granted(100), list[int]()
    lease.on_idle = lambda: heard.append(lease.room)
    calls = [Reserved(tokens=lease, most_tokens=30) for _ in range(2)]
    lease.room -= 60
    calls[0].end()
    assert heard == []
    calls[1].used_tokens = 10
    calls[1].end()
    assert heard == [90]


def test_limits_of_the_minute_are_told_with_what_comes_back() -> None:
    """Those that are unlimited are not told, nor what is under way."""
    request, tokens = granted(3, limit=20), granted(50, limit=99)
    call = Reserved(granted(1, limit=1), request, tokens, None, most_tokens=30, used_tokens=10)
    assert call.standings(15.0) == (
        Standing(REQUESTS, 20, 8, 25.0),
        Standing(TOKENS, 99, 75, 25.0),
    )
    assert Reserved(request=granted(3)).standings(15.0) == ()


def test_a_session_goes_on_with_another_lease() -> None:
    """What the former one paid for stays its own, and the rest goes back to it."""
    former, next_one = granted(100), granted(50)
    former.room -= 40
    call = Reserved(cost=former, most_cost=40)
    call.spent = 30
    assert call.has_held(10)
    assert not call.has_held(11)
    call.go_on_with(reserved(next_one, 20))
    assert (former.room, former.spent, former.is_open) == (70, 30, False)
    assert call.has_held(20)
    call.spent = 5
    call.end()
    assert (next_one.room, next_one.spent, next_one.is_open) == (45, 5, False)


def test_calls_begin_on_a_lease_for_as_long_as_it_is_usable() -> None:
    """What is held without Billing has no such end."""
    assert Reserved(cost=granted(1)).is_usable(69.0)
    assert not Reserved(cost=granted(1)).is_usable(70.0)
    assert Reserved(cost=Allowance(1, 0.0)).is_usable(70.0)
    assert Reserved().is_usable(70.0)
    assert Reserved().has_held(10**18)
