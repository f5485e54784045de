"""The arithmetic of leases at a router."""

from conduit_router.spending.leases import RENEWALS, Allowance, Grant, HeldLease, Reservation


def granted(room: int) -> HeldLease:
    """Return a lease that was asked for at 10 s."""
    lease = HeldLease("l", 10.0)
    lease.take(Grant(room, 60.0, 120.0))
    return lease


def test_a_lease_counts_from_when_it_was_asked_for() -> None:
    """How long its answer took is Billing's time, too."""
    lease = granted(100)
    assert (lease.room, lease.usable_until, lease.renew_at) == (100, 70.0, 10 + 120 / RENEWALS)
    lease.renewed(50.0)
    assert lease.renew_at == 50 + 120 / RENEWALS


def test_a_reservation_gives_back_what_was_not_spent() -> None:
    """And tells its lease what was."""
    lease = granted(100)
    first, second = Reservation(lease, 40), Reservation(lease, 50)
    assert (lease.room, lease.open) == (10, 2)
    first.spent += 15
    first.end()
    second.end()
    assert (lease.room, lease.open, lease.spent) == (85, 0, 15)


def test_a_call_that_was_charged_reserves_more_for_its_next_attempt() -> None:
    """As far as its lease has room."""
    lease = granted(100)
    call = Reservation(lease, 40)
    assert call.covers(40)
    call.spent = 30
    assert call.covers(40)
    assert (call.amount, lease.room) == (70, 30)
    call.spent = 65
    assert not call.covers(40)
    call.end()
    assert (lease.room, lease.spent) == (35, 65)


def test_a_call_that_costs_more_than_was_reserved_takes_it_from_the_room() -> None:
    """Less is left for those that follow."""
    lease = granted(100)
    call = Reservation(lease, 40)
    call.spent = 120
    call.end()
    assert lease.room == -20


def test_an_allowance_is_no_lease() -> None:
    """Charges that it pays for name none."""
    assert Reservation(Allowance(5, 0.0), 5).lease_id == ""
