"""Statistics of attempts, read and added up."""

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from tests.support.billing import NOW

from conduit.internal.v1.call_tally_pb2 import CallTally
from conduit_billing.ledger.attempt_stats import (
    HourKey,
    HourSum,
    hour_buckets_of,
    hours_of,
    read_attempt_stats,
)
from conduit_billing.reports.duration_buckets import LEAST_BUCKET, MOST_BUCKET
from conduit_kernel.errors import InvalidRequest

HOUR = NOW // 3600


def tally(**fields: object) -> CallTally:
    """Return statistics of an hour."""
    given: dict[str, object] = {
        "id": "t1",
        "started_at": Timestamp(seconds=NOW),
        "provider_id": 1,
        "successes": 3,
        "failures": 1,
        "duration_buckets": {10: 3, 20: 1},
        "duration_ms_sum": 500,
        **fields,
    }
    return CallTally(**given)  # type: ignore[arg-type] # checked by protobuf


def test_statistics_are_added_up_by_the_hour_in_which_they_began() -> None:
    """And by instance."""
    read = [
        read_attempt_stats(each, "tallies[0]")
        for each in (
            tally(),
            tally(id="t2", started_at=Timestamp(seconds=NOW + 3599), failures=0),
            tally(id="t3", started_at=Timestamp(seconds=NOW + 3600)),
            tally(id="t4", provider_id=2, duration_buckets={}),
        )
    ]
    assert hours_of(read) == {
        HourKey(HOUR, 1): HourSum(6, 1, 1000),
        HourKey(HOUR + 1, 1): HourSum(3, 1, 500),
        HourKey(HOUR, 2): HourSum(3, 1, 500),
    }
    assert hour_buckets_of(read) == {
        (HourKey(HOUR, 1), 10): 6,
        (HourKey(HOUR, 1), 20): 2,
        (HourKey(HOUR + 1, 1), 10): 3,
        (HourKey(HOUR + 1, 1), 20): 1,
    }
    assert hours_of([]) == {}


def test_a_duration_outside_of_all_buckets_is_in_the_outermost() -> None:
    """Whatever a newer router counts; what falls together is added."""
    least, most = -(2**31), 2**31 - 1
    read = read_attempt_stats(tally(duration_buckets={least: 1, LEAST_BUCKET: 2, most: 4}), "t")
    assert read.buckets == {LEAST_BUCKET: 3, MOST_BUCKET: 4}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"id": ""}, "id"),
        ({"id": "x" * 101}, "id"),
        ({"id": "a\0"}, "id"),
        ({"started_at": Timestamp()}, "startedAt"),
        ({"started_at": Timestamp(seconds=-1)}, "startedAt"),
        ({"started_at": Timestamp(seconds=2**62)}, "startedAt"),
        ({"provider_id": 0}, "providerId"),
        ({"provider_id": -1}, "providerId"),
        ({"successes": -1}, "successes"),
        ({"failures": 10**9 + 1}, "failures"),
        ({"duration_ms_sum": -1}, "durationMsSum"),
        ({"duration_buckets": {5: -1}}, "durationBuckets[5]"),
        ({"duration_buckets": dict.fromkeys(range(1000), 1)}, "durationBuckets"),
    ],
)
def test_statistics_that_make_no_sense_are_refused(change: dict[str, object], field: str) -> None:
    """The error names the field, and which of a delivery's it is of."""
    with pytest.raises(InvalidRequest) as caught:
        read_attempt_stats(tally(**change), "tallies[7]")
    assert caught.value.metadata["field"] == f"tallies[7].{field}"
