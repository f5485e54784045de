"""The circuit of an instance: closed, open after failures in a row, half-open to find out."""

from conduit.v1.provider_health_pb2 import (
    CIRCUIT_STATE_CLOSED,
    CIRCUIT_STATE_HALF_OPEN,
    CIRCUIT_STATE_OPEN,
    CircuitState,
)

FAILURE_THRESHOLD = 5
OPEN_SECONDS = 60.0
# A half-open circuit is tried anew when a try brought no word for so long.
HALF_OPEN_SECONDS = 30.0


class Circuit:
    """Counts failures in a row. All times are in seconds since 1970."""

    def __init__(self) -> None:
        self.failures = 0
        self._opened_at: float | None = None
        self._tried_at = 0.0

    def succeed(self) -> None:
        """Take note that the instance works."""
        self.failures = 0
        self._opened_at = None

    def fail(self, at: float, count: int) -> None:
        """Take note of failures; one is enough to open a half-open circuit again."""
        self.failures += count
        if self.failures >= FAILURE_THRESHOLD and self.state(at) != CIRCUIT_STATE_OPEN:
            self._opened_at = at

    def state(self, now: float) -> CircuitState.ValueType:
        """Return how it is at a moment."""
        if self._opened_at is None:
            return CIRCUIT_STATE_CLOSED
        if now - self._opened_at < OPEN_SECONDS:
            return CIRCUIT_STATE_OPEN
        return CIRCUIT_STATE_HALF_OPEN

    def wants_try(self, now: float) -> bool:
        """Tell whether somebody should find out now; asking again soon gives False."""
        if self.state(now) != CIRCUIT_STATE_HALF_OPEN:
            return False
        if now - self._tried_at < HALF_OPEN_SECONDS:
            return False
        self._tried_at = now
        return True
