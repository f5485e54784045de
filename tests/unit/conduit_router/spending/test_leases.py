"""The arithmetic of leases at a router."""

from conduit_router.spending.leases import RENEWALS, Allowance, Grant, HeldLease, reserved


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
    first, second = reserved(lease, 40), reserved(lease, 50)
    assert (lease.room, lease.is_open) == (10, True)
    first.spent += 15
    first.end()
    assert lease.is_open
    second.end()
    assert (lease.room, lease.is_open, lease.spent) == (85, False, 15)


def test_a_call_that_costs_more_than_was_reserved_takes_it_from_the_room() -> None:
    """Less is left for those that follow."""
    lease = granted(100)
    call = reserved(lease, 40)
    call.spent = 120
    call.end()
    assert (lease.room, lease.is_open) == (-20, False)


def test_an_allowance_is_no_lease() -> None:
    """Charges that it pays for name none."""
    assert reserved(Allowance(5, 0.0), 5).source.id == ""
