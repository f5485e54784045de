"""A circuit that is open: until when, for whom, and who may find out how things are.

Whoever probed in vain lets the others probe first. Pure: the moment is always given, in seconds of
any monotonic clock.
"""

from collections.abc import Collection
from typing import NamedTuple

from conduit_kernel.breaker_policy import BreakerPolicy

FIRST_STEP_SECONDS = 1.0


class OpenCircuit(NamedTuple):
    """Until when a circuit lets nobody through."""

    # Calls that have somebody else to ask.
    until: float
    # Calls that have nobody else: a step of 1, 2, 4, ... seconds.
    last_until: float


class Circuit:
    """An open circuit, for everybody or for some callers; it is gone once it closes.

    `shut_for` are those callers, None for everybody; `users` are those who asked lately.
    """

    __slots__ = (
        "_last",
        "_probed_at",
        "_step",
        "_users",
        "_waits_until",
        "is_adopted",
        "last_until",
        "opened_at",
        "shut_for",
        "until",
    )

    def __init__(
        self,
        now: float,
        policy: BreakerPolicy,
        *,
        shut_for: frozenset[int] | None = None,
        users: Collection[int] = (),
    ) -> None:
        self.shut_for = shut_for
        # Whether it is open only because somebody else has opened it.
        self.is_adopted = False
        self._users = set(users)
        # Who probed in vain, and until when the others go first.
        self._last: int | None = None
        self._waits_until = now
        self.opened_at = now
        self._step = min(FIRST_STEP_SECONDS, policy.open_seconds)
        self._probed_at: float | None = None
        self.until = now + policy.open_seconds
        self.last_until = now + self._step

    @property
    def is_for_all(self) -> bool:
        """Return whether it is open for everybody."""
        return self.shut_for is None

    def adopt(self, until: float) -> None:
        """Stay open for everybody until then, because somebody else has opened it."""
        self.shut_for, self.until, self.is_adopted = None, until, True

    def standing(self, now: float, policy: BreakerPolicy, caller: int = 0) -> OpenCircuit | None:
        """Return until when it lets a caller not through; None if a call may find out."""
        if self._is_probed(now, policy):
            until = (self._probed_at or 0.0) + policy.half_open_seconds
            return OpenCircuit(until, until)
        until, last_until = self._until(caller), self._last_until(caller)
        return OpenCircuit(until, last_until) if now < until else None

    def admits(self, now: float, policy: BreakerPolicy, caller: int = 0, *, is_last: bool) -> bool:
        """Tell whether a call may find out now how things are."""
        if self._is_probed(now, policy):
            return False
        until = self._until(caller)
        return now >= (min(until, self._last_until(caller)) if is_last else until)

    def probe(self, now: float, caller: int = 0) -> None:
        """Note that a call finds out."""
        self._probed_at = now
        self._users.add(caller)

    def let_others_first(self, caller: int, until: float) -> None:
        """Have a caller whose probe told nothing wait, if anybody else asks here."""
        if self._users - {caller}:
            self._last, self._waits_until = caller, until

    def _until(self, caller: int) -> float:
        return max(self.until, self._waits_until) if caller == self._last else self.until

    def _last_until(self, caller: int) -> float:
        if caller != self._last:
            return self.last_until
        return max(self.last_until, min(self._waits_until, self.last_until + self._step))

    def is_probe(self, began: float) -> bool:
        """Tell whether an attempt began after the circuit was last opened, and so says anything."""
        return began > self.opened_at

    def release(self, began: float) -> None:
        """Note that a probe told nothing, or goes on well; another may find out."""
        if self.is_probe(began):
            self._probed_at = None

    def reopen(self, now: float, policy: BreakerPolicy, began: float, caller: int = 0) -> None:
        """Note that a caller's probe, which began then, failed."""
        self._probed_at = None
        self.is_adopted = False
        self._step = min(self._step * 2, policy.open_seconds)
        self.opened_at = now
        # What came back while a silent probe was waited for is found as soon as by a quick one.
        self.until = max(began + policy.open_seconds, now + FIRST_STEP_SECONDS)
        self.last_until = min(now + self._step, self.until)
        self.let_others_first(caller, self.until + policy.open_seconds)

    def _is_probed(self, now: float, policy: BreakerPolicy) -> bool:
        return self._probed_at is not None and now - self._probed_at < policy.half_open_seconds
