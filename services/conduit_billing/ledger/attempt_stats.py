"""Statistics of attempts: read and checked on the way in, added up by hour."""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from conduit.internal.v1.call_tally_pb2 import CallTally
from conduit_billing.money import MAX_QUANTITY
from conduit_billing.reports.duration_buckets import LEAST_BUCKET, MOST_BUCKET
from conduit_billing.timestamps import DAY_MICROS, HOUR_MICROS, micros_of
from conduit_billing.validation import at_most, bounded, refuse, text

# What is delivered later than this is left out, so that its id need not be kept for ever.
RETENTION_MICROS = 30 * DAY_MICROS
_MAX_COUNT = 10**9


class AttemptStats(NamedTuple):
    """Checked sums of attempts at an instance; as `conduit.internal.v1.CallTally`."""

    id: str
    started_at: int
    provider_id: int
    successes: int
    failures: int
    buckets: dict[int, int]
    duration_ms_sum: int


class HourKey(NamedTuple):
    """The key of an hour's sums."""

    hour: int
    provider_id: int


class HourSum(NamedTuple):
    """Statistics added up."""

    successes: int = 0
    failures: int = 0
    duration_ms_sum: int = 0


def read_attempt_stats(stats: CallTally, field: str) -> AttemptStats:
    """Return statistics that came as `field`. InvalidRequest if they make no sense."""
    if not stats.id:
        refuse(f"{field}.id", "is required")
    at_most(f"{field}.durationBuckets", len(stats.duration_buckets), MOST_BUCKET - LEAST_BUCKET)
    return AttemptStats(
        text(f"{field}.id", stats.id, 100),
        bounded(f"{field}.startedAt", micros_of(stats.started_at), 1, 10**16),
        bounded(f"{field}.providerId", stats.provider_id, 1, MAX_QUANTITY),
        bounded(f"{field}.successes", stats.successes, 0, _MAX_COUNT),
        bounded(f"{field}.failures", stats.failures, 0, _MAX_COUNT),
        _read_buckets(stats, f"{field}.durationBuckets"),
        bounded(f"{field}.durationMsSum", stats.duration_ms_sum, 0, MAX_QUANTITY),
    )


def hours_of(stats: Iterable[AttemptStats]) -> dict[HourKey, HourSum]:
    """Add statistics up by the hour in which they began."""
    hours: dict[HourKey, HourSum] = {}
    for each in stats:
        key = HourKey(each.started_at // HOUR_MICROS, each.provider_id)
        old = hours.get(key, HourSum())
        hours[key] = HourSum(
            old.successes + each.successes,
            old.failures + each.failures,
            old.duration_ms_sum + each.duration_ms_sum,
        )
    return hours


def hour_buckets_of(stats: Iterable[AttemptStats]) -> Counter[tuple[HourKey, int]]:
    """Add the buckets of statistics up by hour."""
    counts: Counter[tuple[HourKey, int]] = Counter()
    for each in stats:
        key = HourKey(each.started_at // HOUR_MICROS, each.provider_id)
        for bucket, count in each.buckets.items():
            counts[key, bucket] += count
    return counts


def _read_buckets(stats: CallTally, field: str) -> dict[int, int]:
    # A duration outside of all buckets is as good as the outermost.
    buckets: Counter[int] = Counter()
    for bucket, count in stats.duration_buckets.items():
        inside = min(max(bucket, LEAST_BUCKET), MOST_BUCKET)
        buckets[inside] += bounded(f"{field}[{bucket}]", count, 0, _MAX_COUNT)
    return dict(buckets)
