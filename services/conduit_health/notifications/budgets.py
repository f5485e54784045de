"""Tells administrators of budgets of which a share is spent, as Billing reports them."""

from collections.abc import Iterable

from conduit.v1 import notification_pb2 as pb
from conduit.v1.budget_pb2 import BudgetNotification
from conduit_health.notifications.hub import NotificationHub
from conduit_health.reminders.store import Reminder, ReminderStore

# Of what has no end: later than any end, and never forgotten.
NO_END = 253_402_300_799
_NANO = 1_000_000_000


class BudgetAlerts:
    """Posts each report once, over restarts and all processes of Health and Billing."""

    def __init__(self, store: ReminderStore, hub: NotificationHub) -> None:
        """Take what was told before, and who tells."""
        self._store = store
        self._hub = hub

    async def take(self, budgets: Iterable[BudgetNotification]) -> None:
        """Post what is new. ServiceUnavailable without database."""
        for budget in budgets:
            # With another limit it is another budget.
            subject = f"budget {budget.level} {budget.owner_id} {budget.period}"
            subject += f" {budget.limit_nano_usd} {budget.percent}"
            ends_at = budget.resets_at.seconds if budget.HasField("resets_at") else NO_END
            if await self._store.add(Reminder(subject, ends_at, 0)):
                self._hub.post(_notification(budget))


def _notification(budget: BudgetNotification) -> pb.Notification:
    which = f"{budget.period}'s" if budget.period in {"day", "week", "month"} else budget.period
    owner = f"the virtual key {budget.owner_name!r}"
    if budget.level != "virtual_key":
        owner = f"the group {budget.owner_name!r}"
    used, limit = (f"${each / _NANO:.6g}" for each in (budget.used_nano_usd, budget.limit_nano_usd))
    message = f"{budget.percent} % of the {which} budget of {owner} is spent: {used} of {limit}"
    return pb.Notification(
        kind=pb.NOTIFICATION_KIND_BUDGET_THRESHOLD_REACHED, message=message, budget=budget
    )
