"""What routers tell each other of the circuits that they have opened for all callers."""

from collections.abc import Iterable, MutableMapping
from typing import NamedTuple

from conduit_kernel.breaker import Breaker
from conduit_kernel.breaker_policy import BreakerPolicy
from conduit_router.routing.health_view import Subject

# How much later than its owner a router probes a circuit that it only heard of.
ADOPTED_SECONDS = 5.0


class SharedCircuit(NamedTuple):
    """A circuit that a router has opened for all callers; all times are in seconds."""

    subject: Subject
    # How long it stays open. One that is being probed counts as open; of one that waits to be
    # probed nothing is left.
    remaining: float
    # How long ago it was opened, or opened again.
    age: float


class SharedCircuits:
    """Tells of the circuits that a router opened, and adopts those that others tell of."""

    def __init__(self, breakers: MutableMapping[Subject, Breaker], policy: BreakerPolicy) -> None:
        """Take the breakers of the router; asked for a new one, they make it."""
        self._breakers = breakers
        self._policy = policy
        # Of adopted ones that a probe of this router closed: when that began.
        self._disproved: dict[Subject, float] = {}

    def own(self, now: float) -> list[SharedCircuit]:
        """Return those that this router opened, not on the word of others alone."""
        found = list[SharedCircuit]()
        for subject, breaker in self._breakers.items():
            circuit = breaker.shared
            if circuit is not None and circuit.is_for_all and not circuit.is_adopted:
                standing = circuit.standing(now, self._policy)
                remaining = 0.0 if standing is None else max(0.0, standing.until - now)
                found.append(SharedCircuit(subject, remaining, now - circuit.opened_at))
        return found

    def adopt(self, circuits: Iterable[SharedCircuit], now: float) -> None:
        """Take those that other routers have opened, in place of what they told before.

        They are probed by those routers; by this one only if no word comes of that, such as where
        nobody asks there any more.
        """
        told = set[Subject]()
        for each in circuits:
            told.add(each.subject)
            if each.remaining > 0 and not self._is_disproved(each, now):
                self._adopt(each, now)
        for subject, breaker in self._breakers.items():
            if subject not in told and breaker.shared is not None and breaker.shared.is_adopted:
                breaker.recover(now)
        self._disproved = {each: self._disproved[each] for each in self._disproved.keys() & told}

    def disprove(self, subject: Subject, began: float) -> None:
        """Note that a probe, which began then, closed a circuit that others had opened."""
        self._disproved[subject] = began

    def _is_disproved(self, circuit: SharedCircuit, now: float) -> bool:
        # Who opened it has only not asked since; what is opened after the probe is news.
        began = self._disproved.get(circuit.subject)
        return began is not None and now - circuit.age < began

    def _adopt(self, circuit: SharedCircuit, now: float) -> None:
        breaker = self._breakers[circuit.subject]
        known = breaker.shared
        # Of two that opened it by themselves the one that probes first goes on telling.
        if (
            known is None
            or known.is_adopted
            or not known.is_for_all
            or circuit.remaining < known.until - now
        ):
            breaker.adopt(now, until=now + circuit.remaining + ADOPTED_SECONDS)
