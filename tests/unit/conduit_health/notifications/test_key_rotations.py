"""Administrators are reminded of keys that are to be replaced."""

import dataclasses

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.support.snapshots import key, provider, snapshot

from conduit.internal.v1.snapshot_pb2 import Snapshot
from conduit.v1 import notification_pb2 as pb
from conduit.v1.provider_pb2 import ProviderSecurity
from conduit_health.notifications.hub import NotificationHub, Queue
from conduit_health.notifications.key_rotations import KeyRotationReminders
from conduit_health.reminders.store import ReminderStore
from conduit_kernel.snapshot import SnapshotState

DAY = 86_400
DUE_AT = 1_795_435_200


@dataclasses.dataclass
class Clock:
    """Stands still until a test moves it."""

    now: float = DUE_AT - 60 * DAY

    def __call__(self) -> float:
        """Return seconds since 1970."""
        return self.now


@dataclasses.dataclass
class Reminding:
    """A process that reminds, and what it posted."""

    reminders: KeyRotationReminders
    queue: Queue

    async def posted(self) -> list[tuple[str, int]]:
        """Look for what is due; return the keys of which was reminded, and the days left."""
        await self.reminders.post_due()
        return [
            (each.key_rotation.key_id, each.key_rotation.days_left) for each in self.notifications()
        ]

    def notifications(self) -> list[pb.Notification]:
        """Return what was posted and not looked at."""
        found = []
        while not self.queue.empty():
            notification = self.queue.get_nowait()
            assert notification is not None
            found.append(notification)
        return found


def configuration(days: int = 90, due_at: int = DUE_AT, *, is_enabled: bool = True) -> Snapshot:
    """Return an instance with a policy, and a key that is due."""
    made = key(1, 1, is_enabled=is_enabled)
    if days:
        made.credential.rotation_due_at.FromSeconds(due_at)
    rules = ProviderSecurity(key_rotation_days=days)
    return snapshot([provider(1, name="Main", security=rules)], keys=[made])


@pytest.fixture
def clock() -> Clock:
    """Return a clock long before."""
    return Clock()


def process(engine: AsyncEngine, clock: Clock, source: Snapshot) -> Reminding:
    """Return a process that knows a configuration."""
    hub = NotificationHub(clock)
    reminders = KeyRotationReminders(SnapshotState.of(source), ReminderStore(engine), hub, clock)
    return Reminding(reminders, hub.subscribe())


async def test_each_reminder_is_posted_once_whatever_restarts(
    engine: AsyncEngine, clock: Clock
) -> None:
    """Two weeks, one, and a day before, and on the day."""
    expected = {-14: 14, -7: 7, -1: 1, 0: 0}
    for day in range(-20, 20):
        clock.now = DUE_AT + day * DAY
        first, second = (process(engine, clock, configuration()) for _ in range(2))
        posted = [*await first.posted(), *await first.posted(), *await second.posted()]
        wanted = [("key_1", expected[day])] if day in expected else []
        assert posted == wanted, day


async def test_a_reminder_says_which_key_and_until_when(engine: AsyncEngine, clock: Clock) -> None:
    """For people and for machines."""
    clock.now = DUE_AT - 6.5 * DAY
    reminding = process(engine, clock, configuration())
    await reminding.reminders.post_due()
    [told] = reminding.notifications()
    assert told.message == "The key key_1 of Main is to be replaced by 2026-11-23"
    assert (told.kind, told.provider_id, told.provider_name) == (
        pb.NOTIFICATION_KIND_KEY_ROTATION_DUE,
        1,
        "Main",
    )
    assert told.key_rotation.due_at.seconds == DUE_AT
    clock.now = DUE_AT
    await reminding.reminders.post_due()
    [told] = reminding.notifications()
    assert told.message == "The key key_1 of Main is to be replaced now"


async def test_a_rotated_key_is_reminded_of_anew(engine: AsyncEngine, clock: Clock) -> None:
    """At the times of its new value."""
    clock.now = DUE_AT
    assert await process(engine, clock, configuration()).posted() == [("key_1", 0)]
    rotated = configuration(due_at=DUE_AT + 90 * DAY)
    assert await process(engine, clock, rotated).posted() == []
    clock.now = DUE_AT + 76 * DAY
    assert await process(engine, clock, rotated).posted() == [("key_1", 14)]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (configuration(days=0), []),
        (configuration(is_enabled=False), []),
        (configuration(days=7), [("key_1", 1)]),
        (configuration(days=1), [("key_1", 0)]),
    ],
    ids=["no policy", "disabled", "weekly", "daily"],
)
async def test_nobody_is_reminded_without_need(
    engine: AsyncEngine, clock: Clock, source: Snapshot, expected: list[tuple[str, int]]
) -> None:
    """Of shorter policies only by what is less than they are."""
    posted = []
    for day in (-7, -6, -1, 0):
        clock.now = DUE_AT + day * DAY
        posted += await process(engine, clock, source).posted()
    assert posted[:1] == expected
