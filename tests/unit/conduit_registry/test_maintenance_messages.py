"""Maintenance as the API shows it."""

from conduit_registry.maintenance_messages import maintenance_window
from conduit_registry.values import MaintenanceWindow


def test_an_end_that_nobody_knows_is_unset() -> None:
    """One that is expected is a moment."""
    said = MaintenanceWindow(id=1, provider_id=2, message="x", created_at=1_000_000)
    told = maintenance_window(said)
    assert (told.id, told.provider_id, told.message) == (1, 2, "x")
    assert (told.created_at.seconds, told.HasField("expected_end")) == (1, False)
    said = MaintenanceWindow(message="x", expected_end=2_500_000)
    assert maintenance_window(said).expected_end.ToMilliseconds() == 2_500
