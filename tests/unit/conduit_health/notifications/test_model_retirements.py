"""Administrators are reminded of mapped models that are turned off."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.support.snapshots import mapping, provider, snapshot

from conduit.internal.v1.snapshot_pb2 import Snapshot
from conduit.v1 import notification_pb2 as pb
from conduit_health.notifications.hub import NotificationHub, Queue
from conduit_health.notifications.model_retirements import ModelRetirementReminders
from conduit_health.reminders.store import ReminderStore
from conduit_kernel.snapshot import SnapshotState
from conduit_providers.catalog import load_catalog

CATALOG = load_catalog()
MODEL = "tts-1"
DAY = CATALOG.find("OpenAI").retires_on(MODEL) or date.max


def configuration(
    model: str = MODEL, *, is_enabled: bool = True, provider_type: str = "OpenAI"
) -> Snapshot:
    """Return an instance with a mapping."""
    made = mapping(7, 1, model_alias="speech", actual_model_name=model, is_enabled=is_enabled)
    one = provider(1, "https://a.example", name="Main", provider_type=provider_type)
    return snapshot([one], keys=[], mappings=[made])


class Process:
    """A process that reminds, on some day of the model's."""

    def __init__(self, engine: AsyncEngine, source: Snapshot, days: float) -> None:
        moment = datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC) + timedelta(days=days)
        hub = NotificationHub(moment.timestamp)
        self.reminders = ModelRetirementReminders(
            SnapshotState.of(source), CATALOG, ReminderStore(engine), hub, moment.timestamp
        )
        self.queue: Queue = hub.subscribe()

    async def posted(self) -> list[pb.Notification]:
        """Look for what is due; return what was posted."""
        await self.reminders.post_due()
        found = []
        while not self.queue.empty():
            notification = self.queue.get_nowait()
            assert notification is not None
            found.append(notification)
        return found


async def test_each_reminder_is_posted_once_whatever_restarts(engine: AsyncEngine) -> None:
    """Sixty days before, two weeks, a day, and on the day."""
    expected = {-60: 60, -14: 14, -1: 1, 0: 0}
    for day in (-61, -60, -59, -15, -14, -13, -2, -1, 0, 1):
        first, second = (Process(engine, configuration(), day) for _ in range(2))
        posted = [*await first.posted(), *await first.posted(), *await second.posted()]
        left = [each.model_retirement.days_left for each in posted]
        assert left == ([expected[day]] if day in expected else []), day


async def test_a_reminder_says_which_model_and_until_when(engine: AsyncEngine) -> None:
    """For people and for machines."""
    [told] = await Process(engine, configuration(), -30).posted()
    assert told.message == f"The model tts-1 of Main, mapped as speech, is turned off on {DAY}"
    assert (told.kind, told.provider_id) == (pb.NOTIFICATION_KIND_MODEL_RETIRING, 1)
    assert told.model_retirement == pb.ModelRetirementNotification(
        mapping_id=7,
        model_alias="speech",
        actual_model_name=MODEL,
        retires_on=DAY.isoformat(),
        days_left=60,
    )
    [told] = await Process(engine, configuration(), 2).posted()
    assert told.message.endswith(f"is turned off since {DAY}")


@pytest.mark.parametrize(
    ("source", "days"),
    [
        (configuration("gpt-9-that-stays"), 0),
        (configuration(is_enabled=False), 0),
        (configuration(provider_type="Gone"), 0),
        (configuration(), 8),
    ],
    ids=["it stays", "disabled", "no such type any more", "long ago"],
)
async def test_nobody_is_reminded_without_need(
    engine: AsyncEngine, source: Snapshot, days: int
) -> None:
    """Nor for ever."""
    assert await Process(engine, source, days).posted() == []
