"""The limits that hold for a virtual key, as the Registry has them."""

from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

from conduit.internal.v1.quota_service_pb2 import (
    QUOTA_METRIC_CONCURRENT_REQUESTS,
    QUOTA_METRIC_REQUESTS,
    QUOTA_METRIC_TOKENS,
    QuotaMetric,
)
from conduit.v1.usage_limits_pb2 import UsageLimits
from conduit_kernel.errors import ServiceUnavailable
from conduit_kernel.snapshot import SnapshotState

Metric: TypeAlias = QuotaMetric.ValueType
# The field of the contract that limits a metric, and how errors name what it counts.
FIELDS: dict[Metric, tuple[str, str]] = {
    QUOTA_METRIC_REQUESTS: ("requests_per_minute", "requests"),
    QUOTA_METRIC_TOKENS: ("tokens_per_minute", "tokens"),
    QUOTA_METRIC_CONCURRENT_REQUESTS: ("concurrent_requests", "concurrent_requests"),
}


class Limit(NamedTuple):
    """The most that somebody may use of something."""

    # Such as `virtual-key:4` or `virtual-key-group:2`.
    owner: str
    # As people say it.
    label: str
    most: int
    # `virtual_key`, `group` or `all`.
    level: str = "virtual_key"


class Limits:
    """Knows the limits of virtual keys."""

    def __init__(self, state: SnapshotState) -> None:
        """Take the Registry's state."""
        self._state = state

    def of(self, virtual_key_id: int, metric: Metric) -> tuple[Limit, ...]:
        """Return all limits of a metric that hold for a virtual key; none if there are none."""
        return tuple(self._of(virtual_key_id, FIELDS[metric][0]))

    def must_be_known(self) -> None:
        """Raise ServiceUnavailable before the Registry has reported anything."""
        if not self._state.is_known:
            message = "Billing does not know the limits yet"
            raise ServiceUnavailable(message, service="billing", retry_after_ms="1000")

    def _of(self, virtual_key_id: int, field: str) -> Iterator[Limit]:
        entry = self._state.virtual_keys.get(virtual_key_id)
        if entry is not None:
            key = entry.virtual_key
            yield from _limit(key.usage_limits, field, f"virtual-key:{key.id}", "This virtual key")
            for group in self._state.groups_of(key):
                owner, label = f"virtual-key-group:{group.id}", f"The group {group.name!r}"
                level = "all" if group.covers_all else "group"
                yield from _limit(group.usage_limits, field, owner, label, level)


def _limit(
    limits: UsageLimits, field: str, owner: str, label: str, level: str = "virtual_key"
) -> Iterator[Limit]:
    if most := getattr(limits, field):
        yield Limit(owner, label, most, level)
