"""What a router holds of one virtual key's budgets, or of one of its limits: plain values."""

import asyncio
from collections.abc import Iterator
from copy import copy

from conduit_kernel.errors import ConduitError
from conduit_router.spending.leases import Allowance, HeldLease

# For how many calls like the one that waits a lease is asked for beyond those that do.
LEAST_SPARE, MOST_SPARE = 16, 16_384
# A lease that is used up sooner was too small, and one that lasts longer too large.
SHORT_SECONDS = 5.0
# By how much a lease is larger than one that was too small.
LEAST_GROWTH, MOST_GROWTH = 2.0, 16.0


class KeyLeases:
    """The leases that a router holds of one budget or limit of a virtual key, and who waits."""

    def __init__(self) -> None:
        self.current: HeldLease | None = None
        # Older ones, of which calls under way may leave something.
        self.others: list[HeldLease] = []
        # While Billing cannot be asked, and until when that is taken for granted.
        self.allowance: Allowance | None = None
        self.away_until = float("-inf")
        # Whoever has it asks Billing; the others' calls need so much together.
        self.asking = asyncio.Lock()
        self.wanted = 0
        self.spare_calls = LEAST_SPARE
        self.granted_at = float("-inf")
        # How many answers there were, and why the last one granted nothing, from which amount on.
        self.answers = 0
        self.refusal: tuple[int, ConduitError] | None = None
        self.refused_at = float("-inf")

    @property
    def is_idle(self) -> bool:
        """Return whether nobody holds or wants anything."""
        is_allowed = self.allowance is not None
        return not (self.current or self.others or self.wanted or is_allowed)

    def leases(self) -> Iterator[HeldLease]:
        """Yield all leases on which calls may begin."""
        yield from self.others
        if self.current is not None:
            yield self.current

    def at_hand(self, amount: int, now: float) -> HeldLease | None:
        """Return a lease that has room for an amount, None if there is none."""
        for lease in self.leases():
            if lease.room >= amount and now < lease.usable_until:
                lease.touched_at = now
                return lease
        return None

    def note(self, amount: int, refusal: ConduitError | None, now: float) -> None:
        """Note an answer of Billing: why it granted nothing to calls of such an amount."""
        self.answers += 1
        # Without what it was raised through, which is the call that was refused.
        self.refusal = None if refusal is None else (amount, copy(refusal))
        self.refused_at = now

    def raise_again(self, amount: int, now: float) -> None:
        """Raise why nothing was granted just now, if this call had been refused for it, too."""
        if self.refusal is None:
            return
        refused, error = self.refusal
        if amount < refused:
            return
        # Each call has an error of its own, to which it adds what it knows.
        metadata = dict(error.metadata)
        if wait := metadata.get("retry_after_ms"):
            passed = int((now - self.refused_at) * 1000)
            metadata["retry_after_ms"] = str(max(0, int(wait) - passed))
        raise type(error)(error.message, **metadata)

    def spare_for(self, now: float) -> int:
        """Return for how many calls more than those that wait a lease is wanted.

        So many that it lasts for some seconds, going by how long the last one did.
        """
        lasted = now - self.granted_at
        if lasted < SHORT_SECONDS:
            growth = min(SHORT_SECONDS / lasted, MOST_GROWTH) if lasted > 0 else MOST_GROWTH
            calls = int(self.spare_calls * max(growth, LEAST_GROWTH))
        else:
            calls = self.spare_calls // 2
        self.spare_calls = min(max(calls, LEAST_SPARE), MOST_SPARE)
        return self.spare_calls
