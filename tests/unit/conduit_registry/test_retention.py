"""What the Registry forgets, and what it keeps all the same."""

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.support.registry import Bench
from tests.unit.conduit_registry.conftest import AUTHOR, Edit

from conduit.v1.audit_entry_pb2 import AUDIT_ACTION_TESTED
from conduit_kernel.pagination import Page
from conduit_registry.feed import Feed
from conduit_registry.retention import Retention
from conduit_registry.store import Store

DAY = 86_400


async def changed(edit: Edit, times: int) -> None:
    """Make an instance, and change it so many times."""
    async with edit() as editor:
        await editor.create_provider({"name": "Main", "provider_type": "OpenAI"})
    for number in range(times):
        async with edit() as editor:
            await editor.update_provider(1, {"weight": 10 + number})


async def audited(store: Store) -> list[int]:
    """Return the revisions of the audit log's lines."""
    async with store.read() as reading:
        found = await reading.audit_page(Page(99, 0, ""))
    return [entry.revision for entry in found]


async def test_the_last_changes_are_kept_and_the_audit_log_whole(store: Store, edit: Edit) -> None:
    """Who knows one of the last revisions gets what changed since, all others everything."""
    await changed(edit, 4)
    await Retention(store, audit_days=0, kept_changes=2).forget()
    feed = Feed(store)
    async with store.read() as reading:
        epoch = (await reading.state()).epoch
        known = [await reading.changed_resources(after) is not None for after in range(6)]
    assert known == [False, False, False, True, True, True]
    for after, is_whole in ((2, True), (3, False)):
        message = await anext(feed.watch(epoch, after))
        assert (message.revision, message.HasField("snapshot")) == (5, is_whole)
        assert bool(message.changes) is not is_whole
    assert await audited(store) == [5, 4, 3, 2, 1]


async def test_the_audit_log_goes_back_as_many_days_as_is_set(
    store: Store, edit: Edit, bench: Bench
) -> None:
    """No more, and no less; what watchers may ask for stays."""
    await changed(edit, 1)
    bench.clock.now += DAY
    async with edit() as editor:
        await editor.update_provider(1, {"weight": 3})
    bench.clock.now += 2 * DAY
    await Retention(store, audit_days=3).forget()
    assert await audited(store) == [3, 2, 1]
    bench.clock.now += 1
    await Retention(store, audit_days=3).forget()
    assert await audited(store) == [3]
    async with store.read() as reading:
        assert await reading.changed_resources(0) is not None


async def test_nothing_is_a_change_by_being_forgotten(store: Store, edit: Edit) -> None:
    """No watcher is woken, and no line is written."""
    await changed(edit, 1)
    heard: list[int] = []
    store.on_change(heard.append)
    await Retention(store, audit_days=1).forget()
    assert heard == []
    assert await audited(store) == [2, 1]


async def test_each_revision_has_its_row(store: Store, edit: Edit, engine: AsyncEngine) -> None:
    """By which what is forgotten is known, also after uses, which touch nothing."""
    await changed(edit, 1)
    async with store.change(AUTHOR) as changing:
        changing.note_use(AUDIT_ACTION_TESTED, 1, {})
    async with engine.connect() as connection:
        rows = await connection.execute(sa.text("SELECT revision FROM changes ORDER BY revision"))
        assert [row.revision for row in rows] == [1, 2, 3]
