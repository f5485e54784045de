"""A circuit breaker that no caller can open for the others.

Closed, open, half-open (https://martinfowler.com/bliki/CircuitBreaker.html). Failures count by
caller: a circuit opens for one caller by that caller's own, and for everybody once it would open
without the caller who failed most and three failed, or by failures that no request can bring
about. Whoever probed in vain lets the others probe first. Pure: the moment is always given, in
seconds of any monotonic clock.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from conduit_kernel.breaker_policy import DEFAULT_POLICY, BreakerPolicy

# More callers than this are not told apart; those that failed least are forgotten first.
MAX_CALLERS = 64
# Into so many parts the window is divided.
_SLICES = 6
# So few callers may conspire: what they alone failed at is not shut for others.
FEW_CALLERS = 2
FIRST_STEP_SECONDS = 1.0
# What comes back at once when a circuit closes; the rest comes over the ramp.
RAMP_START = 0.1


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


class _Tally:
    """The experience of a caller: failures in a row, and the attempts of the last seconds."""

    __slots__ = ("_slices", "in_a_row")

    def __init__(self) -> None:
        self.in_a_row = 0
        # The number of a slice of time, the attempts in it and the failures.
        self._slices: list[list[int]] = []

    def add(self, failures: int, attempts: int, now: float, policy: BreakerPolicy) -> None:
        number = int(now * _SLICES / policy.window_seconds)
        if not self._slices or self._slices[-1][0] < number:
            self._slices.append([number, 0, 0])
        self._slices[-1][1] += attempts
        self._slices[-1][2] += failures

    def counts(self, now: float, policy: BreakerPolicy) -> tuple[int, int]:
        """Return the attempts and the failures within the window."""
        oldest = int(now * _SLICES / policy.window_seconds) - _SLICES
        self._slices = [each for each in self._slices if each[0] > oldest]
        return sum(each[1] for each in self._slices), sum(each[2] for each in self._slices)


class Breaker:
    """The circuits of one thing that may fail, such as a model at an instance."""

    __slots__ = ("_closed_at", "_own", "_shared", "_tallies", "_vouched_at", "policy")

    def __init__(self, policy: BreakerPolicy = DEFAULT_POLICY) -> None:
        self.policy = policy
        # By caller; None for failures that no request can bring about.
        self._tallies: dict[int | None, _Tally] = {}
        self._shared: Circuit | None = None
        # Circuits that are open for one caller alone.
        self._own: dict[int, Circuit] = {}
        self._closed_at: float | None = None
        # When the success was that shows whose a failure is.
        self._vouched_at: float | None = None

    @property
    def shared(self) -> Circuit | None:
        """Return the circuit that is open for everybody, if it is."""
        return self._shared

    def circuit(self, caller: int | None) -> Circuit | None:
        """Return the circuit that is open for a caller, if one is."""
        shared = self._shared
        if caller is None or (
            shared is not None and (shared.shut_for is None or caller in shared.shut_for)
        ):
            return shared
        return self._own.get(caller)

    def circuits(self) -> list[Circuit]:
        """Return all that are open."""
        return [*self._own.values(), *([self._shared] if self._shared else [])]

    def failed(
        self,
        caller: int,
        now: float,
        began: float,
        *,
        is_impersonal: bool = False,
        may_open: bool = True,
    ) -> None:
        """Count a failure of an attempt that `began` then, for a caller.

        - `is_impersonal`: whether no request can bring it about.
        - `may_open`: whether more speaks against this very thing than the count alone.
        """
        circuit = self.circuit(caller)
        if circuit is not None:
            # Those that were under way when it opened tell nothing new.
            if circuit.is_probe(began):
                circuit.reopen(now, self.policy, began, caller)
            return
        if self._shared is not None and may_open:
            # Neither one caller nor two of them brought it about.
            self._shared.shut_for = None
            return
        counted = None if is_impersonal else caller
        if is_impersonal:
            # Who asks here is known all the same.
            self._tally(caller)
        tally = self._tally(counted)
        tally.in_a_row += 1
        tally.add(1, 1, now, self.policy)
        if may_open:
            self._judge(counted, now)

    def excuse(self, caller: int, now: float, failures: int) -> None:
        """Take back a caller's last failures: they were the request's.

        A success vouches for so much once; the next time there must be another.
        """
        self._vouched_at = None
        tally = self._tallies.get(caller)
        if tally is not None and failures:
            tally.in_a_row = max(0, tally.in_a_row - failures)
            tally.add(-failures, -failures, now, self.policy)

    def succeeded(self, caller: int, now: float, began: float) -> None:
        """Count a success: what failed in a row before does so no longer."""
        self._vouched_at = now
        for tally in self._tallies.values():
            tally.in_a_row = 0
        self._tally(caller).add(0, 1, now, self.policy)
        circuit = self.circuit(caller)
        if circuit is None or not circuit.is_probe(began):
            return
        if circuit is self._shared:
            self.recover(now)
        else:
            del self._own[caller]
            self._tallies.pop(caller, None)

    def works(self, now: float, besides: int = 0) -> bool:
        """Tell whether an attempt went well within the window, and none failed after it.

        `besides`: how many failures in a row say nothing against that.
        """
        if self._vouched_at is None or now - self._vouched_at >= self.policy.window_seconds:
            return False
        return sum(tally.in_a_row for tally in self._tallies.values()) <= besides

    def adopt(self, now: float, until: float) -> None:
        """Open the circuit for everybody until then, because somebody else has opened it."""
        (self._shared or self._open(now)).adopt(until)

    def recover(self, now: float) -> None:
        """Close the circuit for everybody, and let traffic come back."""
        self._closed_at = now
        self.close()

    def close(self) -> None:
        """Close the circuit for everybody, and start counting anew."""
        self._shared = None
        self._own.clear()
        self._tallies.clear()

    def share(self, now: float) -> float:
        """Return which share of the traffic may come back; 1 but for the ramp after a closing."""
        if self._closed_at is None or self._shared is not None:
            return 1.0
        passed = (now - self._closed_at) / self.policy.ramp_seconds
        if passed >= 1.0:
            self._closed_at = None
            return 1.0
        return max(RAMP_START, passed)

    def is_idle(self, now: float) -> bool:
        """Tell whether it can be forgotten: nothing is open, and nothing was seen lately."""
        if self._shared is not None or self._own or self.share(now) < 1.0:
            return False
        return not any(tally.counts(now, self.policy)[0] > 0 for tally in self._tallies.values())

    def _judge(self, caller: int | None, now: float) -> None:
        if caller is not None and self._trips([caller], now):
            self._own[caller] = Circuit(now, self.policy)
        # Whoever failed most might have brought it about alone.
        personal = [each for each in self._tallies if each is not None]
        worst = max(personal, key=lambda each: self._failed_by(each, now), default=None)
        if self._trips([each for each in self._tallies if each is None or each != worst], now):
            failed = frozenset(each for each in personal if self._failed_by(each, now) > (0, 0))
            is_impersonal = None in self._tallies and self._trips([None], now)
            is_for_all = is_impersonal or len(failed) > FEW_CALLERS
            self._open(now, shut_for=None if is_for_all else failed)

    def _open(self, now: float, *, shut_for: frozenset[int] | None = None) -> Circuit:
        users = [each for each in self._tallies if each is not None]
        self._shared = Circuit(now, self.policy, shut_for=shut_for, users=users)
        self._own.clear()
        return self._shared

    def _failed_by(self, caller: int, now: float) -> tuple[int, int]:
        tally = self._tallies[caller]
        return tally.in_a_row, tally.counts(now, self.policy)[1]

    def _trips(self, callers: Sequence[int | None], now: float) -> bool:
        policy, tallies = self.policy, [self._tallies[caller] for caller in callers]
        if sum(tally.in_a_row for tally in tallies) >= policy.failure_threshold:
            return True
        counts = [tally.counts(now, policy) for tally in tallies]
        attempts, failures = sum(c[0] for c in counts), sum(c[1] for c in counts)
        return attempts >= policy.min_attempts and failures >= policy.failure_ratio * attempts

    def _tally(self, caller: int | None) -> _Tally:
        tally = self._tallies.get(caller)
        if tally is None:
            if len(self._tallies) >= MAX_CALLERS:
                del self._tallies[min(self._tallies, key=lambda each: self._tallies[each].in_a_row)]
            tally = self._tallies[caller] = _Tally()
        return tally
