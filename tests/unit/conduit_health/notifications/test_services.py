"""When a service of Conduit's own is told to be away."""

from conduit.v1 import notification_pb2 as pb
from conduit_health.notifications.services import AWAY_SECONDS, ServiceWatch

DEGRADED, RESTORED = pb.NOTIFICATION_KIND_SERVICE_DEGRADED, pb.NOTIFICATION_KIND_SERVICE_RESTORED


def report(watch: ServiceWatch, now: float, *, is_serving: bool) -> list[int]:
    """Report how the registry is; return the kinds of what is told."""
    return [each.kind for each in watch.report("registry", now, is_serving=is_serving)]


def tick(watch: ServiceWatch, now: float) -> list[int]:
    """Let time pass; return the kinds of what is told."""
    return [each.kind for each in watch.tick(now)]


def test_an_absence_that_lasts_is_told_once_and_its_end_too() -> None:
    """However often it is heard of in between."""
    watch = ServiceWatch()
    assert report(watch, 0, is_serving=True) == []
    assert report(watch, 1, is_serving=False) == []
    assert report(watch, 5, is_serving=False) == []
    assert tick(watch, 1 + AWAY_SECONDS - 0.1) == []
    assert tick(watch, 1 + AWAY_SECONDS) == [DEGRADED]
    assert tick(watch, 100) == []
    assert report(watch, 101, is_serving=True) == [RESTORED]
    assert tick(watch, 200) == []


def test_a_restart_is_not_told() -> None:
    """Nor a service that was never there: nobody runs it."""
    watch = ServiceWatch()
    assert report(watch, 0, is_serving=False) == []
    assert tick(watch, 100) == []
    assert report(watch, 101, is_serving=True) == []
    assert report(watch, 102, is_serving=False) == []
    assert report(watch, 105, is_serving=True) == []
    assert tick(watch, 200) == []
