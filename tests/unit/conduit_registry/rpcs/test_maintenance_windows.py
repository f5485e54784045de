"""RPCs about maintenance."""

from tests.support.registry import Api

from conduit.v1 import maintenance_window_requests_pb2 as pb
from conduit.v1.maintenance_window_pb2 import MaintenanceWindow, MaintenanceWindowSpec
from conduit.v1.registry_requests_pb2 import ListAuditEntriesRequest


async def begin(api: Api) -> MaintenanceWindow:
    """Begin maintenance of all of Conduit."""
    spec = MaintenanceWindowSpec(message="new disks")
    made = await api(pb.CreateMaintenanceWindowRequest(maintenance_window=spec))
    window: MaintenanceWindow = made.maintenance_window
    return window


async def test_maintenance_is_kept_until_it_is_ended(api: Api) -> None:
    """Routers know of it; the audit log has its beginning and its end."""
    made = await begin(api)
    assert (made.id, made.provider_id, made.message) == (1, 0, "new disks")
    assert made.HasField("created_at")
    assert (await api(pb.GetMaintenanceWindowRequest(id=1))).maintenance_window == made
    assert [*(await api.snapshot()).maintenance_windows] == [made]
    listed = await api(pb.ListMaintenanceWindowsRequest())
    assert [*listed.maintenance_windows] == [made]
    await api(pb.DeleteMaintenanceWindowRequest(id=1))
    assert not (await api.snapshot()).maintenance_windows
    assert not (await api(pb.ListMaintenanceWindowsRequest())).maintenance_windows
    told = (await api(ListAuditEntriesRequest())).entries
    assert [(each.resource_kind, each.resource_id) for each in told] == [
        ("maintenance_window", "1"),
        ("maintenance_window", "1"),
    ]


async def test_what_is_under_maintenance_is_so_once(api: Api) -> None:
    """Whoever begins it again is told which it is."""
    await begin(api)
    spec = MaintenanceWindowSpec(message="again")
    refused = await api.refused(pb.CreateMaintenanceWindowRequest(maintenance_window=spec))
    assert (refused.reason, refused.metadata["maintenance_window_id"]) == ("ALREADY_EXISTS", "1")


async def test_maintenance_is_of_instances_that_there_are(api: Api) -> None:
    """And what is over cannot be ended."""
    spec = MaintenanceWindowSpec(message="x", provider_id=9)
    refused = await api.refused(pb.CreateMaintenanceWindowRequest(maintenance_window=spec))
    assert refused.reason == "PROVIDER_NOT_FOUND"
    for request in (pb.DeleteMaintenanceWindowRequest(id=9), pb.GetMaintenanceWindowRequest(id=9)):
        gone = await api.refused(request)
        assert gone.reason == "MAINTENANCE_WINDOW_NOT_FOUND"
        assert gone.metadata["maintenance_window_id"] == "9"
