"""Notifications handed to all who watch."""

import asyncio

import pytest
from tests.integration.health.conftest import NOW, Clock
from tests.unit.conduit_health.conftest import drained

from conduit.v1.notification_pb2 import (
    NOTIFICATION_KIND_ANNOUNCEMENT,
    NOTIFICATION_KIND_PROVIDER_UNHEALTHY,
    Notification,
)
from conduit_health.notifications import hub as module
from conduit_health.notifications.hub import NotificationHub, kind_name


@pytest.fixture
def hub(clock: Clock) -> NotificationHub:
    """Return a hub without notifications."""
    return NotificationHub(clock)


def post(hub: NotificationHub, message: str) -> int:
    """Post a notification; return its number."""
    kind = NOTIFICATION_KIND_ANNOUNCEMENT
    return hub.post(Notification(kind=kind, message=message)).id


def test_numbers_grow_whatever_the_clock_does(hub: NotificationHub, clock: Clock) -> None:
    """Also over a restart, which knows no number from before, and when the clock goes back."""
    numbers = [post(hub, "a"), post(hub, "b")]
    clock.now -= 3600
    numbers.append(post(hub, "c"))
    clock.now += 3601
    numbers.append(post(NotificationHub(clock), "d"))
    assert numbers == sorted(set(numbers))
    assert max(numbers) < 2**53


def test_a_notification_has_its_time(hub: NotificationHub) -> None:
    """To the millisecond."""
    posted = hub.post(Notification(kind=NOTIFICATION_KIND_ANNOUNCEMENT))
    assert posted.occurred_at.ToMilliseconds() == NOW * 1000


def test_all_who_watch_hear_of_what_comes_from_then_on(hub: NotificationHub) -> None:
    """Those who have left do not."""
    post(hub, "before")
    with hub.watching() as first:
        post(hub, "one")
        with hub.watching() as second:
            post(hub, "two")
            assert drained(second) == ["two"]
        post(hub, "three")
        assert drained(first) == ["one", "two", "three"]
        assert drained(second) == []


def test_who_comes_back_hears_what_it_missed(hub: NotificationHub) -> None:
    """As far as it is kept, and then what comes."""
    seen = post(hub, "seen")
    post(hub, "missed")
    with hub.watching(seen) as queue:
        post(hub, "new")
        assert drained(queue) == ["missed", "new"]
    with hub.watching(2**62) as queue:
        assert drained(queue) == []


async def test_a_close_ends_all_watches_those_to_come_as_well(hub: NotificationHub) -> None:
    """After what waited."""
    with hub.watching() as queue:
        number = post(hub, "last")
        hub.close()
        async with asyncio.timeout(5):
            assert (await queue.get()) is not None
            assert (await queue.get()) is None
    with hub.watching(number - 1) as late:
        async with asyncio.timeout(5):
            assert (await late.get()) is not None
            assert (await late.get()) is None


def test_who_reads_too_slowly_loses_the_oldest(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And keeps nobody waiting."""
    monkeypatch.setattr(module, "MAX_WAITING", 2)
    hub = NotificationHub(clock)
    with hub.watching() as slow:
        for number in range(4):
            post(hub, str(number))
        assert drained(slow) == ["2", "3"]


def test_kinds_have_the_names_that_they_have_in_json() -> None:
    """As the API spells enums."""
    assert kind_name(NOTIFICATION_KIND_PROVIDER_UNHEALTHY) == "ProviderUnhealthy"
