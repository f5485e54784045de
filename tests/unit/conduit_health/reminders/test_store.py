"""What is kept of reminders."""

from sqlalchemy.ext.asyncio import AsyncEngine

from conduit_health.reminders.store import Reminder, ReminderStore


async def test_a_reminder_is_new_once(engine: AsyncEngine) -> None:
    """Whichever process asks; another day, or another number of days, is another one."""
    reminder = Reminder("key_1", 1000, 7)
    assert await ReminderStore(engine).add(reminder)
    other = ReminderStore(engine)
    assert not await other.add(reminder)
    assert await other.add(reminder._replace(days_left=1))
    assert await other.add(reminder._replace(due_at=1001))


async def test_old_ones_are_forgotten(engine: AsyncEngine) -> None:
    """By the day of which was reminded."""
    store, reminder = ReminderStore(engine), Reminder("key_1", 1000, 0)
    await store.add(reminder)
    await store.forget(1000)
    assert not await store.add(reminder)
    await store.forget(1001)
    assert await store.add(reminder)
