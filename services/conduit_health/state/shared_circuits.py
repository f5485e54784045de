"""The circuits that routers have opened for all callers, for the other routers to know."""

from collections.abc import Iterable
from typing import NamedTuple

from conduit.internal.v1.outcome_pb2 import SharedCircuit
from conduit_health.state.circuit import REPORT_HOLDS_SECONDS


class _Report(NamedTuple):
    at: float
    circuits: tuple[SharedCircuit, ...]

    @property
    def names(self) -> set[tuple[int, str, str]]:
        """Return what the circuits are of."""
        return {(each.provider_id, each.model, each.key_id) for each in self.circuits}


class SharedCircuits:
    """Keeps what each router reported last. All times are in seconds since 1970."""

    def __init__(self) -> None:
        self._reports: dict[str, _Report] = {}

    def report(self, router_id: str, circuits: Iterable[SharedCircuit], now: float) -> bool:
        """Take a router's circuits in place of those before; return whether they are others."""
        new = _Report(now, tuple(circuits))
        old = self._reports.pop(router_id, _Report(now, ()))
        if new.circuits:
            self._reports[router_id] = new
        return old.names != new.names

    def for_router(self, router_id: str, now: float) -> list[SharedCircuit]:
        """Return the circuits of the other routers that reported lately, as they are now."""
        since = now - REPORT_HOLDS_SECONDS
        self._reports = {n: each for n, each in self._reports.items() if each.at >= since}
        return [
            _aged(circuit, now - report.at)
            for name, report in self._reports.items()
            if name != router_id
            for circuit in report.circuits
        ]


def _aged(circuit: SharedCircuit, seconds: float) -> SharedCircuit:
    passed = int(seconds * 1000)
    aged = SharedCircuit(
        provider_id=circuit.provider_id, model=circuit.model, key_id=circuit.key_id
    )
    aged.remaining.FromMilliseconds(max(0, circuit.remaining.ToMilliseconds() - passed))
    aged.age.FromMilliseconds(circuit.age.ToMilliseconds() + passed)
    return aged
