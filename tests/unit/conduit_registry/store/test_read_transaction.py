"""What can be asked of the Registry's tables."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.support.registry import numbered
from tests.unit.conduit_registry.conftest import AUTHOR

from conduit.v1.audit_entry_pb2 import AUDIT_ACTION_CREATED, AUDIT_ACTION_DELETED
from conduit_kernel.not_found_errors import KeyNotFound, MappingNotFound, ProviderNotFound
from conduit_kernel.pagination import Page
from conduit_registry.audit_values import EVERY_ENTRY, AuditFilter
from conduit_registry.store import (
    FALLBACK_CHAIN,
    KEY,
    MAPPING,
    PROVIDER,
    VIRTUAL_KEY,
    ReadTransaction,
    Store,
)
from conduit_registry.values import (
    ChangedResource,
    FallbackChain,
    Key,
    ModelMapping,
    Provider,
    Step,
    VirtualKey,
)

FIRST = Page(2, 0, "")


@pytest.fixture
async def reading(store: Store) -> AsyncIterator[ReadTransaction]:
    """Return a reader of two instances with a few things; that is revision 8."""
    async with store.change(AUTHOR) as changing:
        for name in ("Straße", "Other"):
            await changing.create(PROVIDER, numbered(Provider(name=name, provider_type="OpenAI")))
        for provider_id in (2, 1):
            await changing.create(KEY, numbered(Key(provider_id=provider_id)))
        for provider_id in (1, 2):
            await changing.create(
                MAPPING,
                numbered(
                    ModelMapping(
                        model_alias="fast", provider_id=provider_id, actual_model_name="gpt-4o"
                    )
                ),
            )
        await changing.create(
            FALLBACK_CHAIN,
            numbered(FallbackChain(model_alias="fast", providers=(Step(2, 1, None),))),
        )
        await changing.create(VIRTUAL_KEY, numbered(VirtualKey(name="CI", hash=b"h")))
        await changing.replace_discovered(1, ["b", "B", "a"])
        await changing.note_attempt(1, succeeded=True)
    async with store.read() as reader:
        yield reader


async def test_what_is_not_there_is_told_by_its_kind(reading: ReadTransaction) -> None:
    """Also a number that no column can hold."""
    assert (await reading.get(PROVIDER, 1)).name == "Straße"
    for number in (0, -1, 3, 1 << 63, 10**18):
        assert await reading.find(PROVIDER, number) is None
        with pytest.raises(ProviderNotFound):
            await reading.get(PROVIDER, number)
    with pytest.raises(MappingNotFound):
        await reading.get(MAPPING, 9)


async def test_a_key_of_another_instance_is_not_there(reading: ReadTransaction) -> None:
    """The error is that of a key that does not exist."""
    assert (await reading.key_of(2, 1)).id == 1
    for provider_id, number in ((1, 1), (2, 9), (2, 1 << 64)):
        with pytest.raises(KeyNotFound):
            await reading.key_of(provider_id, number)


async def test_lists_are_in_order_of_id_and_of_what_was_asked_for(reading: ReadTransaction) -> None:
    """By columns, by ids of which some may not exist, and by pages of one more than fits."""
    assert [each.id for each in await reading.every(KEY)] == [1, 2]
    assert [each.id for each in await reading.every(KEY, provider_id=1, is_enabled=True)] == [2]
    assert [each.id for each in await reading.some(MAPPING, [2, 9, 1])] == [1, 2]
    assert await reading.some(MAPPING, []) == []
    assert [each.id for each in await reading.page(MAPPING, FIRST)] == [1, 2]
    assert [each.id for each in await reading.page(MAPPING, Page(1, 1, ""))] == [2]
    assert await reading.page(MAPPING, FIRST, model_alias="slow") == []


async def test_things_are_found_by_what_makes_them_unique(reading: ReadTransaction) -> None:
    """Names without regard to case; aliases with."""
    for name in ("Straße", "STRASSE", "strasse"):
        found = await reading.named(PROVIDER, name)
        assert found is not None
        assert found.id == 1
    assert await reading.named(VIRTUAL_KEY, "ci") is not None
    assert await reading.named(PROVIDER, "nobody") is None
    mapping = await reading.mapping_like("fast", 2)
    assert mapping is not None
    assert mapping.id == 2
    assert await reading.mapping_like("FAST", 2) is None
    assert await reading.chain_of("fast") is not None
    assert await reading.chain_of("slow") is None
    assert [each.id for each in await reading.chains_with(2)] == [1]
    assert await reading.chains_with(1) == []


async def test_discovered_models_are_in_order_of_their_characters(reading: ReadTransaction) -> None:
    """Databases would go by their locale."""
    assert [model.name for model in await reading.discovered(1)] == ["B", "a", "b"]
    assert await reading.discovered(2) == []
    assert [succeeded for _, succeeded in (await reading.attempts()).values()] == [True]


async def test_changes_are_named_once_each_however_often_they_happened(store: Store) -> None:
    """Also what is gone by now, with what went with it; nothing after the last one."""
    async with store.change(AUTHOR) as changing:
        made = await changing.create(PROVIDER, numbered(Provider(name="a", provider_type="OpenAI")))
        await changing.create(KEY, numbered(Key(provider_id=1)))
        await changing.delete(PROVIDER, made)
    async with store.read() as reading:
        provider, key = ChangedResource("provider", 1), ChangedResource("key", 1)
        assert await reading.changed_resources(0) == [provider, key]
        assert await reading.changed_resources(1) == [key, provider]
        assert await reading.changed_resources(2) == [provider, key]
        assert await reading.changed_resources(3) == []


async def test_the_audit_log_is_newest_first_and_goes_by_what_was_asked_for(
    reading: ReadTransaction, store: Store
) -> None:
    """By kind, by id as people know it, and by time."""

    async def revisions(page: Page[int] = FIRST, **asked: object) -> list[int]:
        wanted = EVERY_ENTRY._replace(**asked)  # type: ignore[arg-type] # whichever a test names
        return [entry.revision for entry in await reading.audit_page(page, wanted)]

    assert await revisions() == [8, 7, 6]
    assert await revisions(Page(2, 7, "")) == [6, 5, 4]
    assert await revisions(resource_kind="key") == [4, 3]
    assert await revisions(resource_kind="key", resource_id="key_1") == [3]
    assert await revisions(since=store.now() + 1) == []
    assert await revisions(since=store.now(), until=store.now()) == []
    assert await revisions(until=store.now() + 1) == [8, 7, 6]
    assert await revisions(action=AUDIT_ACTION_DELETED) == []
    assert await revisions(actor=AUTHOR.actor) == [8, 7, 6]
    assert await revisions(actor=AUTHOR.actor[:-1]) == []
    [entry] = await reading.audit_page(FIRST, AuditFilter("key", "key_1"))
    assert (entry.actor, entry.request_id, entry.action) == (
        AUTHOR.actor,
        AUTHOR.request_id,
        AUDIT_ACTION_CREATED,
    )


async def test_all_of_many_are_read_in_pieces(
    store: Store, engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each piece begins behind the one before; a last one that is full is followed by none."""
    monkeypatch.setattr("conduit_registry.store.read_transaction.PIECE", 2)
    async with store.change(AUTHOR) as changing:
        for name in "abcd":
            await changing.create(VIRTUAL_KEY, numbered(VirtualKey(name=name, hash=name.encode())))
    statements: list[str] = []
    event.listen(
        engine.sync_engine, "before_cursor_execute", lambda *given: statements.append(given[2])
    )
    async with store.read() as reading:
        pieces = [len(piece) async for piece in reading.pieces(VIRTUAL_KEY)]
        assert pieces == [2, 2]
        numbers = [1, 2, 3, 4]
        assert [each.id for each in await reading.every(VIRTUAL_KEY)] == numbers
        before = len(statements)
        assert [each.id for each in await reading.some(VIRTUAL_KEY, numbers)] == numbers
        assert len(statements) - before == 2
