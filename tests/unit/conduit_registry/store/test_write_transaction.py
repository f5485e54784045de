"""What can be done to the Registry's tables, and what is noted of it."""

from dataclasses import replace

from tests.support.registry import NOW, Bench, numbered
from tests.unit.conduit_registry.conftest import AUTHOR

from conduit.v1.audit_entry_pb2 import (
    AUDIT_ACTION_CREATED,
    AUDIT_ACTION_DELETED,
    AUDIT_ACTION_ROTATED,
    AUDIT_ACTION_TESTED,
    AUDIT_ACTION_UPDATED,
)
from conduit_kernel.pagination import Page
from conduit_registry.audit_values import AuditEntry
from conduit_registry.store import (
    FALLBACK_CHAIN,
    KEY,
    MAPPING,
    PROVIDER,
    Store,
    WriteTransaction,
)
from conduit_registry.values import (
    ChangedResource,
    FallbackChain,
    Key,
    ModelMapping,
    Provider,
    Step,
)

MICRO = 1_000_000


async def add(changing: WriteTransaction, name: str = "Main") -> Provider:
    """Make an instance."""
    return await changing.create(PROVIDER, numbered(Provider(name=name, provider_type="OpenAI")))


async def add_key(changing: WriteTransaction, provider_id: int = 1) -> Key:
    """Make a key."""
    return await changing.create(KEY, numbered(Key(provider_id=provider_id)))


async def entries(store: Store) -> list[AuditEntry]:
    """Return the audit log, oldest first."""
    async with store.read() as reading:
        found = await reading.audit_page(Page(100, 0, ""))
    return found[::-1]


async def test_ids_are_given_once(store: Store) -> None:
    """Also after what had the last one is gone; each kind has its own."""
    async with store.change(AUTHOR) as changing:
        await changing.delete(PROVIDER, await add(changing))
        assert (await add(changing, "Again")).id == 2
        assert (await add_key(changing, 2)).id == 1


async def test_each_change_is_a_line_of_the_log(store: Store, bench: Bench) -> None:
    """What was and what is, in the API's spelling, by whom, and as what."""
    async with store.change(AUTHOR) as changing:
        made = await add(changing)
    bench.clock.now += 5
    async with store.change(AUTHOR) as changing:
        changed = await changing.update(PROVIDER, made, replace(made, weight=3, name="Other"))
        await changing.update(PROVIDER, changed, changed)
        key = await add_key(changing)
        await changing.update(
            KEY, key, replace(key, masked_api_key="…1"), AUDIT_ACTION_ROTATED, hidden="shown here"
        )
    assert (changed.created_at, changed.updated_at) == (NOW * MICRO, (NOW + 5) * MICRO)
    created, updated, _, rotated = await entries(store)
    assert [created.revision, updated.revision, rotated.revision] == [1, 2, 4]
    assert (created.action, created.actor, created.peer) == (
        AUDIT_ACTION_CREATED,
        AUTHOR.actor,
        AUTHOR.peer,
    )
    assert created.changes["name"] == {"from": None, "to": "Main"}
    assert updated.action == AUDIT_ACTION_UPDATED
    assert updated.changes == {
        "name": {"from": "Main", "to": "Other"},
        "weight": {"from": 1, "to": 3},
    }
    assert (rotated.action, rotated.resource_id) == (AUDIT_ACTION_ROTATED, "key_1")
    assert rotated.changes == {
        "maskedApiKey": {"from": "", "to": "…1"},
        "hidden": "shown here",
    }


async def test_with_an_instance_goes_what_cannot_be_without_it(store: Store) -> None:
    """One line names it all; a chain loses the step, and keeps its policy without any."""
    async with store.change(AUTHOR) as changing:
        main, other = await add(changing), await add(changing, "Other")
        await add_key(changing, other.id)
        await add_key(changing, main.id)
        await changing.create(
            MAPPING,
            numbered(
                ModelMapping(model_alias="fast", provider_id=main.id, actual_model_name="gpt-4o")
            ),
        )
        both = (Step(main.id, 0, None), Step(other.id, 1, None))
        for alias, steps in (("fast", both), ("slow", both[:1])):
            await changing.create(
                FALLBACK_CHAIN,
                numbered(FallbackChain(model_alias=alias, providers=steps)),
            )
        await changing.delete(PROVIDER, main)
    async with store.read() as reading:
        assert [each.id for each in await reading.every(KEY)] == [1]
        assert await reading.every(MAPPING) == []
        fast, slow = await reading.every(FALLBACK_CHAIN)
        assert (fast.providers, slow.providers) == (both[1:], ())
    *_, deleted = await entries(store)
    assert deleted.action == AUDIT_ACTION_DELETED
    assert deleted.changes["alsoAffected"] == [
        "key 2",
        "mapping 1",
        "fallback_chain 1",
        "fallback_chain 2",
    ]
    async with store.read() as reading:
        touched = await reading.changed_resources(deleted.revision - 1)
    assert touched == [
        ChangedResource("provider", main.id),
        ChangedResource("key", 2),
        ChangedResource("mapping", 1),
        ChangedResource("fallback_chain", 1),
        ChangedResource("fallback_chain", 2),
    ]


async def test_a_use_is_a_line_that_touches_nothing(store: Store) -> None:
    """Watchers have a new revision, and nothing to change."""
    async with store.change(AUTHOR) as changing:
        await add(changing)
        changing.note_use(AUDIT_ACTION_TESTED, 1, {"outcomes": {"key_1": "ok"}})
    _, used = await entries(store)
    assert used.revision == 2
    async with store.read() as reading:
        assert await reading.changed_resources(1) == []


async def test_models_keep_the_time_when_they_were_first_found(store: Store, bench: Bench) -> None:
    """Names that come twice are one; an attempt is remembered as it ended last."""
    async with store.change(AUTHOR) as changing:
        await add(changing)
        await changing.replace_discovered(1, ["a", "b", "a"])
        await changing.note_attempt(1, succeeded=False)
    bench.clock.now += 60
    async with store.change(AUTHOR) as changing:
        await changing.replace_discovered(1, ["c", "b"])
        await changing.note_attempt(1, succeeded=True)
    async with store.read() as reading:
        found = [(m.name, m.discovered_at - NOW * MICRO) for m in await reading.discovered(1)]
        assert found == [("b", 0), ("c", 60 * MICRO)]
        assert await reading.attempts() == {1: ((NOW + 60) * MICRO, True)}
        assert (await reading.state()).revision == 1


async def test_the_latest_use_of_a_key_stays(store: Store) -> None:
    """Whatever comes later of an earlier one; ids of no key are skipped, and nothing is told."""
    async with store.change(AUTHOR) as changing:
        await add(changing)
        await add_key(changing)
    for used_at, kept in ((20, 20), (10, 20), (30, 30)):
        async with store.change(AUTHOR) as changing:
            await changing.mark_used({1: used_at, 99: used_at, 10**18: used_at})
            assert changing.revision == changing.began_at
        async with store.read() as reading:
            assert (await reading.get(KEY, 1)).last_used == kept
