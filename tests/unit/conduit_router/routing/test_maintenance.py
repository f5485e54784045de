"""Maintenance as routers hold to it."""

import msgspec
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from tests.support.snapshots import compiled, provider, snapshot

from conduit.internal.v1.snapshot_pb2 import Snapshot, SnapshotChange
from conduit.internal.v1.snapshot_service_pb2 import WatchSnapshotResponse
from conduit.v1.maintenance_window_pb2 import MaintenanceWindow
from conduit_kernel.errors import UnderMaintenance
from conduit_kernel.snapshot import SnapshotState
from conduit_router.routing.maintenance import (
    MAX_SECONDS,
    USUAL_SECONDS,
    check_maintenance,
    is_resting,
)
from conduit_router.routing.table import EMPTY_TABLE, RoutingTable

NOW = 1_000.0


def table(*windows: MaintenanceWindow) -> RoutingTable:
    """Return a table with maintenance under way."""
    under_way = {each.provider_id: each for each in windows}
    return msgspec.structs.replace(EMPTY_TABLE, maintenance=under_way)


@pytest.mark.parametrize(
    ("end", "seconds"),
    [
        (None, USUAL_SECONDS),
        (NOW + 90.0, 90.0),
        (NOW + 0.25, 0.25),
        (NOW + 10 * MAX_SECONDS, MAX_SECONDS),
        (NOW, USUAL_SECONDS),
        (NOW - 5.0, USUAL_SECONDS),
        (253_402_300_799.0, MAX_SECONDS),
    ],
)
def test_whoever_is_refused_is_told_when_to_come_back(end: float | None, seconds: float) -> None:
    """Within bounds, whatever an operator expects; also where it takes longer than expected."""
    window = MaintenanceWindow(message="new disks")
    if end is not None:
        window.expected_end.CopyFrom(Timestamp(seconds=int(end), nanos=int(end % 1 * 1e9)))
    with pytest.raises(UnderMaintenance, match="new disks") as refused:
        check_maintenance(table(window), NOW)
    assert int(refused.value.metadata["retry_after_ms"]) == int(seconds * 1000)


def test_that_of_an_instance_is_no_concern_of_others() -> None:
    """That of all of Conduit is everybody's."""
    one = table(MaintenanceWindow(provider_id=1, message="x"))
    check_maintenance(one, NOW)
    assert (is_resting(one, 1), is_resting(one, 2)) == (True, False)
    assert is_resting(table(MaintenanceWindow(message="x")), 2)
    assert not is_resting(EMPTY_TABLE, 2)


def test_an_instance_under_maintenance_is_no_candidate() -> None:
    """The reason is what its operator says; another one serves the alias alone."""
    given = snapshot([provider(1), provider(2)])
    given.maintenance_windows.add(id=1, provider_id=1, message="new disks")
    route = compiled(given).routes["gpt"]
    assert [each.provider_id for each in route.candidates] == [2]
    assert [(each.provider_id, each.detail) for each in route.rejections] == [(1, "new disks")]


def test_changes_reach_the_aliases_of_their_instance() -> None:
    """When maintenance begins, and when it ends."""
    state = SnapshotState.of(snapshot([provider(1)]))
    state.take_changes()
    window = MaintenanceWindow(id=4, provider_id=1, message="x")
    for change in (
        SnapshotChange(maintenance_window=window),
        SnapshotChange(deleted_maintenance_window_id=4),
    ):
        state.apply(WatchSnapshotResponse(revision=9, changes=[change]))
        assert state.take_changes().aliases == {"gpt"}
    assert state.maintenance() == {}
    state.apply(WatchSnapshotResponse(revision=10, changes=[change]))
    kept = Snapshot(maintenance_windows=[window])
    assert Snapshot.FromString(SnapshotState.of(kept).capture()()).maintenance_windows == [window]
