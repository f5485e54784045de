"""The circuits of routers, as these report them."""

from collections.abc import Mapping
from typing import NamedTuple

from conduit.v1.provider_health_pb2 import (
    CIRCUIT_STATE_CLOSED,
    CIRCUIT_STATE_HALF_OPEN,
    CIRCUIT_STATE_OPEN,
    CircuitState,
)

# A router with circuits that are not closed reports them more often.
REPORT_HOLDS_SECONDS = 30.0
# The most open first.
_ORDER = (CIRCUIT_STATE_OPEN, CIRCUIT_STATE_HALF_OPEN)


class _Report(NamedTuple):
    at: float
    circuits: Mapping[int, CircuitState.ValueType]


class RouterCircuits:
    """Keeps what each router reported last. All times are in seconds since 1970."""

    def __init__(self) -> None:
        self._reports: dict[str, _Report] = {}

    def report(
        self, router_id: str, circuits: Mapping[int, CircuitState.ValueType], now: float
    ) -> None:
        """Take the circuits of a router that are not closed, in place of those before."""
        if circuits:
            self._reports[router_id] = _Report(now, circuits)
        else:
            self._reports.pop(router_id, None)

    def state(self, provider_id: int, now: float) -> CircuitState.ValueType:
        """Return the most open circuit of an instance among the routers that reported lately."""
        self._forget(now)
        states = {report.circuits.get(provider_id) for report in self._reports.values()}
        return next((state for state in _ORDER if state in states), CIRCUIT_STATE_CLOSED)

    def _forget(self, now: float) -> None:
        """Forget the routers that ended without a word."""
        since = now - REPORT_HOLDS_SECONDS
        if any(report.at < since for report in self._reports.values()):
            self._reports = {n: r for n, r in self._reports.items() if r.at >= since}
