"""Tickets for connections of the hub."""

import pytest
from tests.support.clock import Clock

from conduit_health.notifications import tickets
from conduit_health.notifications.tickets import TICKET_SECONDS, Tickets


def test_a_ticket_is_for_one_use_within_its_time() -> None:
    """And no other string is one."""
    clock = Clock()
    made = Tickets(clock)
    first, second, third = (made.create() for _ in range(3))
    assert len({first, second, third}) == 3
    assert made.redeem(first)
    assert not made.redeem(first)
    assert not made.redeem("")
    clock.now += TICKET_SECONDS - 0.1
    assert made.redeem(second)
    clock.now += 0.1
    assert not made.redeem(third)


def test_tickets_that_nobody_uses_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest give way."""
    monkeypatch.setattr(tickets, "MAX_TICKETS", 3)
    made = Tickets(Clock())
    names = [made.create() for _ in range(5)]
    assert [made.redeem(name) for name in names] == [False, False, False, True, True]
