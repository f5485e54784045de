"""What watchers of the configuration are told, and what that costs."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.support.registry import ENCRYPTION_KEY, numbered
from tests.unit.conduit_registry.conftest import AUTHOR, Edit

from conduit.internal.v1.snapshot_service_pb2 import WatchSnapshotResponse
from conduit_kernel.secrets import Vault
from conduit_registry import feed as module
from conduit_registry.feed import Feed
from conduit_registry.store import PROVIDER, Store
from conduit_registry.values import Provider, Step

Watch = AsyncIterator[WatchSnapshotResponse]


@pytest.fixture
def feed(store: Store) -> Feed:
    """Return a feed that hears of what this process changes."""
    feed = Feed(store)
    store.on_change(feed.announce)
    return feed


@pytest.fixture
def statements(engine: AsyncEngine) -> list[str]:
    """Return what is asked of the database from here on."""
    asked: list[str] = []
    event.listen(engine.sync_engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    return asked


async def fill(edit: Edit) -> None:
    """Make one of each; that is revision 5."""
    async with edit() as editor:
        await editor.create_provider(
            {"name": "Main", "provider_type": "OpenAI", "key_rotation_days": 30}
        )
        await editor.create_key(1, {"api_key": "sk-0123456789"})
        await editor.create_mapping({"model_alias": "fast", "provider_id": 1})
        await editor.create_chain({"model_alias": "fast", "providers": (Step(1, 0, None),)})
        await editor.create_virtual_key({"name": "ci"})


async def first(watch: Watch) -> WatchSnapshotResponse:
    """Return a watch's next message."""
    async with asyncio.timeout(5):
        return await anext(watch)


async def rename(edit: Edit, name: str) -> None:
    """Change the instance."""
    async with edit() as editor:
        await editor.update_provider(1, {"name": name})


async def test_a_stranger_is_told_everything(feed: Feed, edit: Edit) -> None:
    """Secrets sealed, hashes with their virtual keys."""
    await fill(edit)
    message = await first(feed.watch("", 0))
    snapshot = message.snapshot
    assert (message.revision, snapshot.revision) == (5, 5)
    assert snapshot.epoch
    counts = [
        len(things)
        for things in (
            snapshot.providers,
            snapshot.keys,
            snapshot.mappings,
            snapshot.fallback_chains,
            snapshot.virtual_keys,
        )
    ]
    assert counts == [1, 1, 1, 1, 1]
    assert snapshot.keys[0].secret.ciphertext
    assert snapshot.virtual_keys[0].hash


async def test_who_comes_back_is_told_what_it_missed(feed: Feed, edit: Edit) -> None:
    """What is gone by now among it, each kind by its id."""
    empty = await first(feed.watch("", 0))
    epoch = empty.snapshot.epoch
    await fill(edit)
    missed = await first(feed.watch(epoch, 0))
    assert [change.WhichOneof("change") for change in missed.changes] == [
        "provider",
        "key",
        "mapping",
        "fallback_chain",
        "virtual_key",
    ]
    async with edit() as editor:
        await editor.delete_chain(1)
        await editor.delete_virtual_key(1)
        await editor.delete_provider(1)
    gone = await first(feed.watch(epoch, 5))
    assert [
        (change.WhichOneof("change"), getattr(change, change.WhichOneof("change") or ""))
        for change in gone.changes
    ] == [
        ("deleted_fallback_chain_id", 1),
        ("deleted_virtual_key_id", 1),
        ("deleted_provider_id", 1),
        ("deleted_key_id", "key_1"),
        ("deleted_mapping_id", 1),
    ]
    nothing = await first(feed.watch(epoch, 8))
    assert (nothing.revision, len(nothing.changes)) == (8, 0)
    assert not nothing.HasField("snapshot")


@pytest.mark.parametrize(("epoch", "revision"), [("another", 5), ("", 5), (None, 6), (None, -1)])
async def test_who_knows_of_another_past_is_told_everything(
    feed: Feed, edit: Edit, epoch: str | None, revision: int
) -> None:
    """Of another database, or of a revision that has not been."""
    await fill(edit)
    known = (await first(feed.watch("", 0))).snapshot.epoch
    message = await first(feed.watch(known if epoch is None else epoch, revision))
    assert message.HasField("snapshot")


async def test_who_missed_too_much_is_told_everything(
    feed: Feed, edit: Edit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That is less than so many changes."""
    monkeypatch.setattr(module, "MAX_RESOURCES", 4)
    epoch = (await first(feed.watch("", 0))).snapshot.epoch
    await fill(edit)
    assert (await first(feed.watch(epoch, 0))).HasField("snapshot")
    assert len((await first(feed.watch(epoch, 1))).changes) == 4


async def test_each_change_is_told_as_it_comes(feed: Feed, edit: Edit) -> None:
    """One that came while nobody asked is in the next message, with those that followed."""
    await fill(edit)
    watch = feed.watch("", 0)
    await first(watch)
    for name in ("Second", "Third"):
        await rename(edit, name)
    message = await first(watch)
    assert (message.revision, [c.provider.name for c in message.changes]) == (7, ["Third"])
    waiting = asyncio.ensure_future(anext(watch))
    await asyncio.sleep(0)
    await rename(edit, "Fourth")
    async with asyncio.timeout(5):
        message = await waiting
    assert [change.provider.name for change in message.changes] == ["Fourth"]


async def test_silence_is_broken_by_signs_of_life(
    feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They tell the revision and nothing else."""
    monkeypatch.setattr(module, "HEARTBEAT_SECONDS", 0.01)
    watch = feed.watch("", 0)
    await first(watch)
    assert await first(watch) == WatchSnapshotResponse(revision=0)


async def test_a_closed_feed_ends_all_watches(feed: Feed) -> None:
    """Also those that begin later, after what there is."""
    watch = feed.watch("", 0)
    await first(watch)
    waiting = asyncio.ensure_future(anext(watch, None))
    await asyncio.sleep(0)
    feed.close()
    async with asyncio.timeout(5):
        assert await waiting is None
        assert len([message async for message in feed.watch("", 0)]) == 1


async def test_watchers_of_one_revision_share_what_is_read(
    feed: Feed, edit: Edit, statements: list[str]
) -> None:
    """A herd that comes at once costs what one does; another revision is read anew."""
    await fill(edit)
    statements.clear()
    one = await first(feed.watch("", 0))
    cost = len(statements)
    herd = await asyncio.gather(*(first(feed.watch("", 0)) for _ in range(20)))
    assert all(message is one for message in herd)
    assert len(statements) == cost
    await rename(edit, "Second")
    assert (await first(feed.watch("", 0))).snapshot.providers[0].name == "Second"


async def test_a_change_of_another_process_is_found_by_looking(
    feed: Feed, engine: AsyncEngine
) -> None:
    """Who watches hears of it then."""
    watch = feed.watch("", 0)
    await first(watch)
    elsewhere = Store(engine, lambda: 0.0, Vault(ENCRYPTION_KEY))
    async with elsewhere.change(AUTHOR) as changing:
        await changing.create(
            PROVIDER,
            numbered(Provider(name="Main", provider_type="OpenAI")),
        )
    waiting = asyncio.ensure_future(anext(watch))
    await feed.poll()
    async with asyncio.timeout(5):
        assert (await waiting).changes[0].provider.id == 1


async def test_an_older_database_in_its_place_is_told_whole(
    feed: Feed, edit: Edit, engine: AsyncEngine
) -> None:
    """A backup was put back: what watchers know of is no longer there."""
    await fill(edit)
    watch = feed.watch("", 0)
    await first(watch)
    async with engine.begin() as connection:
        await connection.exec_driver_sql("DELETE FROM audit_entries WHERE revision > 3")
        await connection.exec_driver_sql("DELETE FROM fallback_chains")
        await connection.exec_driver_sql("DELETE FROM virtual_keys")
        await connection.exec_driver_sql("UPDATE registry_state SET revision = 3")
    waiting = asyncio.ensure_future(anext(watch))
    await feed.poll()
    async with asyncio.timeout(5):
        message = await waiting
    assert (message.revision, len(message.snapshot.mappings)) == (3, 1)
    assert not message.snapshot.virtual_keys
