"""Maintenance: of all of Conduit, and of instances, which are passed over."""

from conduit.v1.maintenance_window_pb2 import MaintenanceWindow
from conduit_kernel.errors import UnderMaintenance
from conduit_router.routing.table import RoutingTable

# All of Conduit, among the instances that are under maintenance.
WHOLE = 0
# When to come back where nobody knows how long it takes, and at most where somebody does: it may
# be over sooner.
USUAL_SECONDS = 60.0
MAX_SECONDS = 3_600.0


def check_maintenance(table: RoutingTable, now: float) -> None:
    """Check that calls are taken, at a moment in seconds since 1970. UnderMaintenance if not."""
    window = table.maintenance.get(WHOLE)
    if window is not None:
        raise UnderMaintenance(window.message, retry_after_ms=str(int(_wait(window, now) * 1000)))


def is_resting(table: RoutingTable, provider_id: int) -> bool:
    """Return whether an instance gets no new calls."""
    return WHOLE in table.maintenance or provider_id in table.maintenance


def of_instances(message: str) -> UnderMaintenance:
    """Return the error of a call that only instances under maintenance could serve."""
    return UnderMaintenance(message, retry_after_ms=str(int(USUAL_SECONDS * 1000)))


def _wait(window: MaintenanceWindow, now: float) -> float:
    if not window.HasField("expected_end"):
        return USUAL_SECONDS
    left = window.expected_end.ToMicroseconds() / 1_000_000 - now
    # One that takes longer than was expected is nearly over, as far as anybody knows.
    return min(left, MAX_SECONDS) if left > 0 else USUAL_SECONDS
