"""Which limits hold for a virtual key."""

import pytest

from conduit.internal.v1.quota_service_pb2 import (
    QUOTA_METRIC_CONCURRENT_REQUESTS,
    QUOTA_METRIC_REQUESTS,
    QUOTA_METRIC_TOKENS,
)
from conduit.internal.v1.snapshot_pb2 import Snapshot, SnapshotVirtualKey
from conduit.v1.usage_limits_pb2 import UsageLimits
from conduit.v1.virtual_key_pb2 import VirtualKey
from conduit_billing.quotas.limits import Limit, Limits
from conduit_kernel.errors import ServiceUnavailable
from conduit_kernel.snapshot import SnapshotState


def test_each_metric_has_its_own_limit() -> None:
    """A key that has none of a metric, and one that is unknown, are not limited."""
    limits = UsageLimits(requests_per_minute=3, concurrent_requests=2)
    key = SnapshotVirtualKey(virtual_key=VirtualKey(id=4, usage_limits=limits))
    known = Limits(SnapshotState.of(Snapshot(epoch="e", virtual_keys=[key])))
    known.must_be_known()
    owner = "virtual-key:4", "This virtual key"
    assert known.of(4, QUOTA_METRIC_REQUESTS) == (Limit(*owner, 3),)
    assert known.of(4, QUOTA_METRIC_CONCURRENT_REQUESTS) == (Limit(*owner, 2),)
    assert known.of(4, QUOTA_METRIC_TOKENS) == known.of(5, QUOTA_METRIC_REQUESTS) == ()


def test_before_the_registry_was_heard_nobody_knows_them() -> None:
    """To deal out what a limit may not have would be wrong."""
    with pytest.raises(ServiceUnavailable):
        Limits(SnapshotState()).must_be_known()
