"""What makes right maintenance."""

from conduit.v1.maintenance_window_pb2 import MaintenanceWindowSpec
from conduit_kernel import limits
from conduit_registry.patches import MaintenanceWindowPatch
from conduit_registry.rules.fields import moment, required


def maintenance_window_fields(spec: MaintenanceWindowSpec) -> MaintenanceWindowPatch:
    """Read what a spec says of maintenance. InvalidRequest for what is not right."""
    required(spec.message or None, "message")
    given: MaintenanceWindowPatch = {
        "provider_id": limits.number_of(spec, "provider_id"),
        "message": limits.text_of(spec, "message"),
    }
    if spec.HasField("expected_end"):
        given["expected_end"] = moment(spec.expected_end, "expectedEnd")
    return given
