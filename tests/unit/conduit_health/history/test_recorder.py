"""What of an instance's past is kept."""

from conduit.v1.provider_health_pb2 import (
    HEALTH_STATUS_HEALTHY,
    HEALTH_STATUS_UNHEALTHY,
    HealthStatus,
)
from conduit_health.history.recorder import MAX_WAITING, HistoryPoint, HistoryRecorder

HEALTHY, UNHEALTHY = HEALTH_STATUS_HEALTHY, HEALTH_STATUS_UNHEALTHY


def at(
    seconds: float, status: HealthStatus.ValueType = HEALTHY, provider_id: int = 1
) -> HistoryPoint:
    """Return a moment."""
    return HistoryPoint(provider_id, seconds, status, 100, "", is_probe=False)


def test_a_change_is_kept_at_once_and_the_rest_once_a_minute() -> None:
    """A thousand calls a second leave one record a minute, and none of the turns is missed."""
    recorder = HistoryRecorder()
    for millis in range(0, 120_000, 100):
        recorder.offer(at(millis / 1000))
    recorder.offer(at(120, UNHEALTHY))
    recorder.offer(at(120.5, HEALTHY))
    assert [(each.at, each.status) for each in recorder.drain()] == [
        (0, HEALTHY),
        (60, HEALTHY),
        (120, UNHEALTHY),
        (120.5, HEALTHY),
    ]


def test_a_clock_that_was_set_back_stops_no_history() -> None:
    """And reports that come a little late make no more of it."""
    recorder = HistoryRecorder()
    for seconds in (10**6, 10**6 - 30, 5, 3, 70):
        recorder.offer(at(seconds))
    assert [each.at for each in recorder.drain()] == [10**6, 5, 70]


def test_instances_do_not_hide_each_other() -> None:
    """The minute is each instance's own."""
    recorder = HistoryRecorder()
    recorder.offer(at(0, provider_id=1))
    recorder.offer(at(1, provider_id=2))
    assert len(recorder.drain()) == 2


def test_what_could_not_be_stored_waits_in_its_place_and_within_bounds() -> None:
    """While the database is away the newest are held, in order, and no more than there is room."""
    recorder = HistoryRecorder()
    for number in range(MAX_WAITING + 5):
        recorder.offer(at(number * 60))
    taken = recorder.drain()
    assert len(taken) == MAX_WAITING
    recorder.offer(at(10**7))
    recorder.restore(taken)
    again = recorder.drain()
    assert len(again) == MAX_WAITING
    assert again == [*taken[1:], at(10**7)]
