"""A Registry with 10,000 mappings, 1,000 instances and 10,000 virtual keys."""

import asyncio
import dataclasses
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from tests.support.pauses import Ticker, garbage_as_in_a_process, slowness
from tests.support.registry import ENCRYPTION_KEY, NOW, SERVICE_METADATA, Api, Bench

from conduit.internal.v1.snapshot_service_pb2 import WatchSnapshotRequest
from conduit.v1.model_mapping_pb2 import ModelMappingSpec
from conduit.v1.model_mapping_requests_pb2 import CreateModelMappingRequest
from conduit.v1.provider_requests_pb2 import DeleteProviderRequest
from conduit.v1.registry_requests_pb2 import ExportConfigRequest, ImportConfigRequest
from conduit_kernel.database import open_database
from conduit_kernel.rpc.server import MAX_LARGE_MESSAGE_BYTES
from conduit_kernel.secrets import Vault
from conduit_registry.bootstrap import MIGRATIONS
from conduit_registry.store import KEY, MAPPING, PROVIDER, VIRTUAL_KEY, Kind, tables
from conduit_registry.values import Key, ModelMapping, Provider, Resource, VirtualKey

MAPPINGS, PROVIDERS, CALLERS = 10_000, 1_000, 10_000
# Of this thread's own time, on a machine that does nothing else.
LONGEST_PAUSE_SECONDS = 0.02


def resources(providers: int, mappings: int, callers: int) -> dict[Kind[Any], list[Resource]]:
    """Return a configuration in which each instance has one key and as many mappings."""
    sealed = Vault(ENCRYPTION_KEY).seal("sk-1", "key_1")
    return {
        PROVIDER: [
            Provider(id=i, name=f"provider-{i}", provider_type="OpenAI")
            for i in range(1, providers + 1)
        ],
        KEY: [
            Key(
                id=i,
                provider_id=i,
                encryption_key_id=sealed.encryption_key_id,
                wrapped_data_key=sealed.wrapped_data_key,
                ciphertext=sealed.ciphertext,
            )
            for i in range(1, providers + 1)
        ],
        MAPPING: [
            ModelMapping(
                id=i, model_alias=f"alias-{i}", provider_id=i % providers + 1, actual_model_name="m"
            )
            for i in range(1, mappings + 1)
        ],
        VIRTUAL_KEY: [
            VirtualKey(id=i, name=f"caller-{i}", hash=i.to_bytes(32, "big"))
            for i in range(1, callers + 1)
        ],
    }


@asynccontextmanager
async def filled(
    bench: Bench, providers: int, mappings: int, callers: int = 0
) -> AsyncIterator[Api]:
    """Run a Registry on a database that has a configuration."""
    engine = await open_database(bench.settings, "registry", MIGRATIONS)
    now = int(NOW * 1_000_000)
    async with engine.begin() as connection:
        for kind, values in resources(providers, mappings, callers).items():
            rows = [dataclasses.asdict(each) for each in values]
            for row in rows:
                row |= {"created_at": now, "updated_at": now}
                if kind in {PROVIDER, VIRTUAL_KEY}:
                    row["folded_name"] = row["name"]
            if rows:
                await connection.execute(sa.insert(kind.row), rows)
            counter = tables.CounterRow
            last = sa.update(counter).where(counter.kind == kind.name).values(last_id=len(rows))
            await connection.execute(last)
    await engine.dispose()
    async with bench.registry() as api:
        yield api


@contextmanager
def statements() -> Iterator[list[str]]:
    """Return what is asked of databases as long as this lasts."""
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        seen.append(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_everything_is_told_without_a_pause(bench: Bench) -> None:
    """A router that starts holds up no other; changes reach those that know the rest meanwhile."""
    async with filled(bench, PROVIDERS, MAPPINGS, CALLERS) as api:
        with garbage_as_in_a_process():
            # Neighbours only ever make a pause longer.
            pause = min([await _longest_pause(api, known) for known in range(3)])
    sys.stdout.write(f"longest pause {pause * 1000:.1f} ms\n")
    assert pause < LONGEST_PAUSE_SECONDS


async def _longest_pause(api: Api, known: int) -> float:
    slow = slowness()
    async with Ticker() as ticker:
        first = api.snapshots.WatchSnapshot(WatchSnapshotRequest(), metadata=SERVICE_METADATA)
        everything = await first.read()
        changing = CreateModelMappingRequest(
            mapping=ModelMappingSpec(
                model_alias=f"new-{known}", provider_id=5, actual_model_name="m"
            )
        )
        await api(changing)
        second = api.snapshots.WatchSnapshot(WatchSnapshotRequest(), metadata=SERVICE_METADATA)
        latecomer = asyncio.ensure_future(second.read())
        [told] = (await first.read()).changes
        assert told.mapping.model_alias == f"new-{known}"
        assert not latecomer.done()
        assert len((await latecomer).snapshot.mappings) == MAPPINGS + known + 1
        first.cancel()
        second.cancel()
    counts = (len(everything.snapshot.providers), len(everything.snapshot.virtual_keys))
    assert counts == (PROVIDERS, CALLERS)
    assert everything.ByteSize() < MAX_LARGE_MESSAGE_BYTES / 10
    return ticker.longest / max(slow, slowness())


async def test_removal_of_an_instance_costs_no_statement_for_each_mapping(bench: Bench) -> None:
    """Nor for each key: there may be thousands."""
    async with filled(bench, 2, 600) as api:
        with statements() as seen:
            await api(DeleteProviderRequest(id=1))
        left = (await api.snapshot()).mappings
    assert {mapping.provider_id for mapping in left} == {2}
    # Of 600, with those of the loops beside it.
    assert len(seen) < 60


async def test_document_that_changes_nothing_costs_no_statement_for_each_thing(
    bench: Bench,
) -> None:
    """It is what most of a document does that comes again after a change."""
    async with filled(bench, 150, 300, 150) as api:
        document = (await api(ExportConfigRequest())).yaml
        with statements() as seen:
            assert not (await api(ImportConfigRequest(yaml=document))).changes
    assert len(seen) < 40


async def test_watcher_that_was_away_costs_no_statement_for_each_change(bench: Bench) -> None:
    """Keys are told with what their instances say of rotation, which is read for all at once."""
    async with filled(bench, 150, 0) as api:
        known = await api.snapshot()
        document = (await api(ExportConfigRequest())).yaml
        changed = document.replace("    name: ''\n", "    name: changed\n")
        assert len((await api(ImportConfigRequest(yaml=changed))).changes) == len(known.keys)
        request = WatchSnapshotRequest(epoch=known.epoch, revision=known.revision)
        with statements() as seen:
            watch = api.snapshots.WatchSnapshot(request, metadata=SERVICE_METADATA)
            message = await watch.read()
            watch.cancel()
    assert len(message.changes) == len(known.keys)
    assert len(seen) < 20
