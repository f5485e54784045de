"""Administrators are told of budgets of which a share is spent."""

from google.protobuf.timestamp_pb2 import Timestamp
from sqlalchemy.ext.asyncio import AsyncEngine

from conduit.v1 import notification_pb2 as pb
from conduit.v1.budget_pb2 import BudgetNotification
from conduit_health.notifications.budgets import BudgetAlerts
from conduit_health.notifications.hub import NotificationHub
from conduit_health.reminders.store import ReminderStore

NOW = 1_795_435_200.0
NANO = 1_000_000_000


def budget(percent: int = 75, **fields: object) -> BudgetNotification:
    """Return what Billing reports of a key's month."""
    given = {"level": "virtual_key", "owner_id": 4, "owner_name": "bot", "period": "month"} | fields
    made = BudgetNotification(
        percent=percent,
        limit_nano_usd=5 * NANO,
        used_nano_usd=4 * NANO,
        **given,  # type: ignore[arg-type] # its fields
    )
    if made.period == "month":
        made.resets_at.CopyFrom(Timestamp(seconds=int(NOW) + 1_000))
    return made


class Process:
    """A process of Health, on a database that others may have."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.store = ReminderStore(engine)
        hub = NotificationHub(lambda: NOW)
        self.alerts = BudgetAlerts(self.store, hub)
        self.queue = hub.subscribe()

    async def posted(self, *budgets: BudgetNotification) -> list[str]:
        """Take a report; return the words that were posted."""
        await self.alerts.take(budgets)
        found = []
        while not self.queue.empty():
            notification = self.queue.get_nowait()
            assert notification is not None
            assert notification.kind == pb.NOTIFICATION_KIND_BUDGET_THRESHOLD_REACHED
            found.append(notification.message)
        return found


async def test_each_share_is_told_once_whoever_reports_and_whatever_restarts(
    engine: AsyncEngine,
) -> None:
    """A report is made again where its answer was lost."""
    one, other = Process(engine), Process(engine)
    words = "75 % of the month's budget of the virtual key 'bot' is spent: $4 of $5"
    assert await one.posted(budget()) == [words]
    assert await one.posted(budget()) == await other.posted(budget()) == []
    assert len(await other.posted(budget(), budget(90))) == 1


async def test_another_period_limit_or_owner_is_told_anew(engine: AsyncEngine) -> None:
    """Each is another budget."""
    process = Process(engine)
    later, raised = budget(), budget()
    later.resets_at.seconds += 1
    raised.limit_nano_usd += 1
    group = budget(level="group", owner_name="team", period="total")
    told = await process.posted(budget(), later, raised, budget(owner_id=5), group)
    assert len(told) == 5
    assert told[-1] == "75 % of the total budget of the group 'team' is spent: $4 of $5"


async def test_what_has_no_end_is_never_forgotten(engine: AsyncEngine) -> None:
    """It would be told again."""
    process = Process(engine)
    assert await process.posted(budget(period="total"))
    await process.store.forget(NOW + 3_000_000_000)
    assert await process.posted(budget(period="total")) == []
