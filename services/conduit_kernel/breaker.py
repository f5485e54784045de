"""A circuit breaker that no caller can open for the others.

Closed, open, half-open (https://martinfowler.com/bliki/CircuitBreaker.html). Failures count by
caller: a circuit opens for one caller by that caller's own, and for everybody once it would open
without any one of them and three failed, or by failures that no request can bring about. Pure: the
moment is always given, in seconds of any monotonic clock.
"""

from typing import NamedTuple

from conduit_kernel.breaker_policy import DEFAULT_POLICY, BreakerPolicy
from conduit_kernel.circuit import Circuit

# More callers than this are not told apart; those that failed least are forgotten first.
MAX_CALLERS = 64
# Into so many parts the window is divided.
_SLICES = 6
# So few callers may conspire: what they alone failed at is not shut for others.
FEW_CALLERS = 2
# What comes back at once when a circuit closes; the rest comes over the ramp.
RAMP_START = 0.1


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


class _Experience(NamedTuple):
    """The attempts of a caller within the window, or of several."""

    in_a_row: int
    attempts: int
    failures: int

    @property
    def has_failed(self) -> bool:
        """Return whether any attempt failed."""
        return self.in_a_row > 0 or self.failures > 0

    def without(self, other: "_Experience") -> "_Experience":
        """Return what is left where one caller's part is not counted."""
        return _Experience(*(all_ - own for all_, own in zip(self, other, strict=True)))


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
        known = {each: self._experience(each, now) for each in self._tallies}
        if caller is not None and self._trips(known[caller]):
            self._own[caller] = Circuit(now, self.policy)
        everybody = _Experience(*map(sum, zip(*known.values(), strict=True)))
        personal = [each for each in known if each is not None]
        # None of them might have brought it about alone, not even whoever failed last.
        if all(self._trips(everybody.without(known[each])) for each in personal):
            failed = frozenset(each for each in personal if known[each].has_failed)
            is_impersonal = None in known and self._trips(known[None])
            is_for_all = is_impersonal or len(failed) > FEW_CALLERS
            self._open(now, shut_for=None if is_for_all else failed)

    def _open(self, now: float, *, shut_for: frozenset[int] | None = None) -> Circuit:
        users = [each for each in self._tallies if each is not None]
        self._shared = Circuit(now, self.policy, shut_for=shut_for, users=users)
        self._own.clear()
        return self._shared

    def _experience(self, caller: int | None, now: float) -> "_Experience":
        tally = self._tallies[caller]
        return _Experience(tally.in_a_row, *tally.counts(now, self.policy))

    def _trips(self, known: "_Experience") -> bool:
        policy = self.policy
        if known.in_a_row >= policy.failure_threshold:
            return True
        attempts = known.attempts
        return attempts >= policy.min_attempts and known.failures >= policy.failure_ratio * attempts

    def _tally(self, caller: int | None) -> _Tally:
        tally = self._tallies.get(caller)
        if tally is None:
            if len(self._tallies) >= MAX_CALLERS:
                del self._tallies[min(self._tallies, key=lambda each: self._tallies[each].in_a_row)]
            tally = self._tallies[caller] = _Tally()
        return tally
