"""Maintenance as the API shows it."""

from conduit.v1 import maintenance_window_pb2 as pb
from conduit_registry.policy_messages import timestamp
from conduit_registry.values import MaintenanceWindow


def maintenance_window(value: MaintenanceWindow) -> pb.MaintenanceWindow:
    """Return maintenance as the API shows it."""
    return pb.MaintenanceWindow(
        id=value.id,
        provider_id=value.provider_id,
        message=value.message,
        expected_end=timestamp(value.expected_end),
        created_at=timestamp(value.created_at),
    )
