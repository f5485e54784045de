"""Thousands of changes within one transaction."""

from dataclasses import replace

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.support.registry import numbered
from tests.unit.conduit_registry.conftest import AUTHOR

from conduit_kernel.pagination import Page
from conduit_kernel.secrets import Vault
from conduit_registry.store import (
    ADMINISTRATOR,
    FALLBACK_CHAIN,
    KEY,
    MAPPING,
    PROVIDER,
    BulkTransaction,
    Store,
    WriteTransaction,
)
from conduit_registry.store.bulk_transaction import PIECE
from conduit_registry.values import FallbackChain, Key, ModelMapping, Provider, Step

MANY = 3 * PIECE


def provider(name: str) -> Provider:
    """Return an instance to be made."""
    return Provider(name=name, provider_type="OpenAI")


async def test_a_thing_costs_less_than_a_statement(store: Store, engine: AsyncEngine) -> None:
    """Nor is anything looked up for it."""
    seen: list[str] = []
    event.listen(
        engine.sync_engine, "before_cursor_execute", lambda *args: seen.append(str(args[2]))
    )
    async with store.change(AUTHOR, BulkTransaction) as changing:
        for i in range(MANY):
            made = await changing.create(PROVIDER, numbered(provider(f"p{i}")))
            assert await changing.named(PROVIDER, f"P{i}") == made
            assert await changing.get(PROVIDER, made.id) == made
    assert len(seen) < MANY / 4


async def test_it_does_what_single_changes_do(store: Store, vault: Vault) -> None:
    """Also to what it made itself, and to what goes with an instance; the log tells each change."""
    kinds: list[type[WriteTransaction]] = [WriteTransaction, BulkTransaction]
    told = []
    for kind in kinds:
        async with store.change(AUTHOR, kind) as changing:
            first = await changing.create(PROVIDER, numbered(provider("a")))
            second = await changing.create(PROVIDER, numbered(provider("b")))
            key = await changing.create(KEY, numbered(Key(provider_id=first.id)))
            mapping = ModelMapping(model_alias="m", provider_id=first.id, actual_model_name="x")
            await changing.create(MAPPING, numbered(mapping))
            steps = (Step(first.id, 1), Step(second.id, 2))
            chain = FallbackChain(model_alias="m", providers=steps)
            await changing.create(FALLBACK_CHAIN, numbered(chain))
            second = await changing.update(PROVIDER, second, replace(second, name="B", weight=3))
            assert await changing.mapping_like("m", first.id) is not None
            await changing.delete(PROVIDER, first)
            assert await changing.find(KEY, key.id) is None
            assert await changing.mapping_like("m", first.id) is None
            left = await changing.chain_of("m")
            assert left is not None
            assert [step.provider_id for step in left.providers] == [second.id]
            assert await changing.chains_with(second.id) == [left]
            # A name is free again at once.
            again = await changing.create(PROVIDER, numbered(provider("A")))
            assert await changing.every(PROVIDER) == [second, again]
            assert await changing.every(ADMINISTRATOR) == []
            assert await changing.named(ADMINISTRATOR, "a") is None
            for each in (second, again):
                await changing.delete(PROVIDER, each)
            assert await changing.every(PROVIDER) == []
            await changing.delete(FALLBACK_CHAIN, await changing.get(FALLBACK_CHAIN, left.id))
        async with store.read() as reading:
            entries = await reading.audit_page(Page(100, 0, ""))
            assert (await reading.verify_audit(vault)).problem == ""
            assert await reading.every(FALLBACK_CHAIN) == []
        told.append([(each.action, each.resource_kind) for each in entries[:11]])
    assert told[0] == told[1]


async def test_ids_go_on_where_they_were(store: Store) -> None:
    """Behind both kinds of transactions."""
    made: list[int] = []
    for kind in (BulkTransaction, WriteTransaction, BulkTransaction):
        async with store.change(AUTHOR, kind) as changing:
            made.append((await changing.create(PROVIDER, numbered(provider(f"{len(made)}")))).id)
    assert made == [1, 2, 3]


async def test_a_rehearsal_leaves_nothing(store: Store) -> None:
    """Neither things nor ids nor lines of the log."""
    async with store.rehearse(AUTHOR, BulkTransaction) as changing:
        for i in range(MANY):
            await changing.create(PROVIDER, numbered(provider(f"p{i}")))
    async with store.read() as reading:
        assert await reading.every(PROVIDER) == []
        assert await reading.audit_page(Page(100, 0, "")) == []
    async with store.change(AUTHOR) as changing:
        assert (await changing.create(PROVIDER, numbered(provider("a")))).id == 1
