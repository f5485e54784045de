"""Leases as a router holds them, and what calls reserve of them: plain arithmetic in memory."""

from collections.abc import Callable
from math import inf
from typing import NamedTuple, Protocol

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


class Source(Protocol):
    """Whatever calls reserve from."""

    # The lease that charges name; empty for none.
    id: str
    room: int
    # Calls that have reserved some of it, and what those before them have spent.
    open: int
    spent: int
    # Called when no call has reserved any more of it; None where nobody minds.
    on_idle: Callable[[], None] | None


class HeldLease:
    """A lease in nano-dollars, with times in seconds of the router's clock."""

    __slots__ = (
        "asked_at",
        "id",
        "lasts_for",
        "limit",
        "on_idle",
        "open",
        "remaining",
        "renew_at",
        "resets_at",
        "room",
        "spent",
        "touched_at",
        "usable_until",
        "virtual_key_id",
    )

    def __init__(self, name: str, asked_at: float, virtual_key_id: int = 0) -> None:
        """Make a lease that is asked for, and of which nothing can be spent yet."""
        self.id = name
        self.virtual_key_id = virtual_key_id
        self.asked_at = self.touched_at = self.usable_until = asked_at
        self.lasts_for = self.renew_at = inf
        self.room = self.open = self.spent = 0
        # Of limits: the one that has the least left, what no router had of it at first, and when it
        # is whole again.
        self.limit = self.remaining = 0
        self.resets_at = asked_at
        # Set where others may wait for it: then it goes back as soon as it is idle.
        self.on_idle: Callable[[], None] | None = None

    def take(self, grant: Grant) -> None:
        """Take in that it was granted."""
        self.room = grant.amount
        self.usable_until = self.asked_at + grant.usable_for
        self.lasts_for = grant.lasts_for
        self.limit, self.remaining = grant.limit, grant.remaining
        self.resets_at = self.asked_at + grant.resets_after
        self.renewed(self.asked_at)

    def renewed(self, at: float) -> None:
        """Take in that its deadline was put off."""
        self.renew_at = at + self.lasts_for / RENEWALS


class Allowance:
    """The amount that a router lets a key spend while Billing cannot be asked."""

    __slots__ = ("id", "on_idle", "open", "renews_at", "room", "spent")

    def __init__(self, room: int, renews_at: float) -> None:
        self.id = ""
        self.on_idle: Callable[[], None] | None = None
        self.room = room
        # From when on there is another one in its place.
        self.renews_at = renews_at
        self.open = 0
        self.spent = 0


class Reservation:
    """A call's part of a lease or an allowance, and what of it was spent. End it once."""

    __slots__ = ("amount", "source", "spent")

    def __init__(self, source: Source, amount: int) -> None:
        """Reserve an amount, which the source has room for."""
        source.room -= amount
        source.open += 1
        self.source = source
        self.amount = amount
        self.spent = 0

    @property
    def lease_id(self) -> str:
        """Return the lease that pays for the call's charges; empty for none."""
        return self.source.id

    def covers(self, amount: int) -> bool:
        """Return whether so much more may be spent; reserve more where there is room for it."""
        more = self.spent + amount - self.amount
        if more > self.source.room:
            return False
        if more > 0:
            self.source.room -= more
            self.amount += more
        return True

    def end(self) -> None:
        """Give back what was not spent."""
        source = self.source
        source.room += self.amount - self.spent
        source.spent += self.spent
        source.open -= 1
        if not source.open and source.on_idle is not None:
            source.on_idle()
