"""Leases as a router holds them, and what calls reserve of them: plain arithmetic in memory."""

from collections.abc import Callable
from math import inf
from typing import NamedTuple

import msgspec

# So often in its time is a lease renewed, while calls are paid from it.
RENEWALS = 4


class Grant(NamedTuple):
    """A lease as Billing grants it; seconds count from when it was asked for."""

    amount: int
    usable_for: float
    lasts_for: float
    # Of limits: the one that has the least left, what no router has of it, and the seconds until it
    # is whole again. Zero of budgets.
    limit: int = 0
    remaining: int = 0
    resets_after: float = 0.0


class Source:
    """Whatever calls reserve from: an amount, of which some is left, reserved, or spent."""

    __slots__ = ("granted", "id", "limit", "on_idle", "remaining", "resets_at", "room", "spent")

    def __init__(self, name: str, granted: int, at: float) -> None:
        # The lease that charges name; empty for none.
        self.id = name
        self.granted = self.room = granted
        self.spent = 0
        # Of limits: the one that has the least left, zero if that is unknown; what no router had of
        # it at first; when it is whole again.
        self.limit = self.remaining = 0
        self.resets_at = at
        # Called when no call has reserved any more of it; None where nobody minds.
        self.on_idle: Callable[[], None] | None = None

    @property
    def is_open(self) -> bool:
        """Return whether calls have reserved some of it."""
        return self.granted != self.room + self.spent

    def is_usable(self, now: float) -> bool:
        """Return whether calls may begin on it."""
        return True

    def settle(self, amount: int, spent: int) -> None:
        """Take back an amount that was reserved, but for what was spent of it."""
        self.room += amount - spent
        self.spent += spent
        if self.on_idle is not None and not self.is_open:
            self.on_idle()


class HeldLease(Source):
    """A lease in nano-dollars, or a limit's units, with times in seconds of the router's clock."""

    __slots__ = (
        "asked_at",
        "lasts_for",
        "renew_at",
        "touched_at",
        "usable_until",
        "virtual_key_id",
    )

    def __init__(self, name: str, asked_at: float, virtual_key_id: int = 0) -> None:
        """Make a lease that is asked for, and of which nothing can be spent yet."""
        super().__init__(name, 0, asked_at)
        self.virtual_key_id = virtual_key_id
        self.asked_at = self.touched_at = self.usable_until = asked_at
        self.lasts_for = self.renew_at = inf

    def is_usable(self, now: float) -> bool:
        """Return whether calls may begin on it, in the periods of the budgets that it is of."""
        return now < self.usable_until

    def take(self, grant: Grant) -> None:
        """Take in that it was granted."""
        self.granted = self.room = grant.amount
        self.usable_until = self.asked_at + grant.usable_for
        self.lasts_for = grant.lasts_for
        self.limit, self.remaining = grant.limit, grant.remaining
        self.resets_at = self.asked_at + grant.resets_after
        self.renewed(self.asked_at)

    def renewed(self, at: float) -> None:
        """Take in that its deadline was put off."""
        self.renew_at = at + self.lasts_for / RENEWALS


class Allowance(Source):
    """The amount that a router lets a key spend while Billing cannot be asked."""

    __slots__ = ("renews_at",)

    def __init__(self, room: int, renews_at: float) -> None:
        super().__init__("", room, renews_at)
        # From when on there is another one in its place.
        self.renews_at = renews_at


class Reservation(msgspec.Struct, eq=False):
    """A part of a lease or an allowance, and what of it was spent. End it once."""

    source: Source
    amount: int
    spent: int = 0

    def end(self) -> None:
        """Give back what was not spent."""
        self.source.settle(self.amount, self.spent)


def reserved(source: Source, amount: int) -> Reservation:
    """Reserve an amount, which the source has room for."""
    source.room -= amount
    return Reservation(source, amount)
