"""What makes right maintenance."""

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from conduit.v1.maintenance_window_pb2 import MaintenanceWindowSpec
from conduit_kernel.errors import InvalidRequest
from conduit_registry.rules.maintenance_windows import maintenance_window_fields


def test_only_what_a_spec_gives_is_read() -> None:
    """Unset means all of Conduit, and that nobody knows how long it takes."""
    spec = MaintenanceWindowSpec(message="new disks")
    assert maintenance_window_fields(spec) == {"provider_id": 0, "message": "new disks"}
    spec = MaintenanceWindowSpec(
        provider_id=7, message="new disks", expected_end=Timestamp(seconds=1_700_000_000)
    )
    assert maintenance_window_fields(spec) == {
        "provider_id": 7,
        "message": "new disks",
        "expected_end": 1_700_000_000_000_000,
    }


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        (MaintenanceWindowSpec(), "message"),
        (MaintenanceWindowSpec(message=""), "message"),
        (MaintenanceWindowSpec(message="x" * 501), "message"),
        (MaintenanceWindowSpec(message="two\nlines"), "message"),
        (MaintenanceWindowSpec(message="x", provider_id=-1), "providerId"),
    ],
)
def test_what_callers_are_told_is_one_line(spec: MaintenanceWindowSpec, field: str) -> None:
    """And there has to be something."""
    with pytest.raises(InvalidRequest) as refused:
        maintenance_window_fields(spec)
    assert refused.value.metadata["field"] == field
