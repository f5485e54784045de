"""Requests go on while a large configuration changes: what an update takes of the event loop."""

import asyncio
import sys
import time
from collections.abc import Iterator

import pytest
from tests.support.pauses import (
    Ticker,
    garbage_as_in_a_process,
    in_one_of_three_tries,
    slowness,
)
from tests.support.snapshots import (
    ALIAS,
    ENCRYPTION_KEY,
    key,
    mapping,
    provider,
    snapshot,
    virtual_key,
)

from conduit.internal.v1.ledger_service_pb2_grpc import LedgerServiceStub
from conduit.internal.v1.snapshot_pb2 import Snapshot, SnapshotChange
from conduit.internal.v1.snapshot_service_pb2 import WatchSnapshotResponse
from conduit.v1.fallback_chain_pb2 import FallbackChain, FallbackProvider
from conduit_kernel.rpc import connect
from conduit_kernel.secrets import Vault
from conduit_kernel.snapshot import SnapshotState
from conduit_providers.catalog import load_catalog
from conduit_router.accounting.prices import PriceList
from conduit_router.control_plane.price_watch import PriceWatch
from conduit_router.routing.compile import Compiler
from conduit_router.routing.updates import TableUpdater

MAPPINGS, PROVIDERS, CALLERS = 10_000, 1_000, 10_000
# Of one instance, and of one alias.
KEYS, SIBLINGS = 5_000, 6_000
# Of this thread's own time, on a machine that does nothing else.
LONGEST_PAUSE_SECONDS = 0.02


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    """Look for garbage as a worker does, apart from what it has had since its start."""
    with garbage_as_in_a_process():
        yield


@pytest.fixture(scope="module")
def large() -> Snapshot:
    """Return a configuration as large as they get: each instance serves ten aliases."""
    return snapshot(
        [provider(i) for i in range(1, PROVIDERS + 1)],
        mappings=[
            mapping(i, i % PROVIDERS + 1, model_alias=f"alias-{i}") for i in range(1, MAPPINGS + 1)
        ],
        virtual_keys=[virtual_key(f"condt_{i}", i) for i in range(1, CALLERS + 1)],
    )


async def longest_pause(
    state: SnapshotState,
    message: WatchSnapshotResponse,
    updater: TableUpdater,
    prices: PriceWatch | None = None,
) -> tuple[float, float]:
    """Return for how many seconds at most nothing else could run, and when a change was in force.

    The state is also serialized for the disk, and models are counted for their prices.
    """
    slow = slowness()
    async with Ticker() as ticker:
        began = time.perf_counter()
        await state.apply_in_slices(message)
        serialize = state.capture()
        await updater.update()
        took = time.perf_counter() - began
        await asyncio.to_thread(serialize)
        if prices is not None:
            await prices.count()
    return ticker.longest / max(slow, slowness()), took


def report(text: str) -> None:
    """Show what was measured: with `pytest -s`, or of a test that fails."""
    sys.stdout.write(f"{text}\n")


CHANGES = {
    "mapping": SnapshotChange(mapping=mapping(5, 7, model_alias="alias-5", weight=3)),
    "new_mapping": SnapshotChange(mapping=mapping(90_000, 7, model_alias="brand-new")),
    "provider": SnapshotChange(provider=provider(5, priority=3)),
    "key": SnapshotChange(key=key(5, 5)),
    "virtual_key": SnapshotChange(virtual_key=virtual_key("condt_new", 5)),
    "chain": SnapshotChange(
        fallback_chain=FallbackChain(
            id=1,
            model_alias="alias-5",
            is_enabled=True,
            providers=[FallbackProvider(provider_id=i) for i in range(1, 101)],
        )
    ),
    "removal": SnapshotChange(deleted_mapping_id=5),
}


@in_one_of_three_tries
async def test_change_of_one_thing_holds_no_request_up(large: Snapshot) -> None:
    """Among 10,000 mappings, 1,000 instances and 10,000 virtual keys, and it is soon in force."""
    state = SnapshotState.of(large)
    updater = TableUpdater(state, Compiler(load_catalog(), Vault(ENCRYPTION_KEY), {}), [])
    await updater.update()
    for name, change in CHANGES.items():
        message = WatchSnapshotResponse(revision=state.revision + 1, changes=[change])
        pause, took = await longest_pause(state, message, updater)
        report(f"{name}: longest pause {pause * 1000:.1f} ms, in force after {took * 1000:.1f} ms")
        assert updater.table.revision == message.revision
        assert pause < LONGEST_PAUSE_SECONDS, name
        assert took < 3.0, name


@in_one_of_three_tries
async def test_whole_configuration_is_compiled_in_slices(large: Snapshot) -> None:
    """A first one, and one that takes the place of another."""
    state = SnapshotState()
    prices = PriceWatch(LedgerServiceStub(connect("127.0.0.1:1")), PriceList(), ())
    compiler = Compiler(load_catalog(), Vault(ENCRYPTION_KEY), {})
    updater = TableUpdater(state, compiler, [prices.apply])
    for name in ("first", "again"):
        message = WatchSnapshotResponse(revision=large.revision, snapshot=large)
        pause, took = await longest_pause(state, message, updater, prices)
        report(f"{name}: longest pause {pause * 1000:.1f} ms, in force after {took * 1000:.1f} ms")
        assert pause < LONGEST_PAUSE_SECONDS
        assert len(updater.table.routes) == MAPPINGS


@in_one_of_three_tries
async def test_everything_that_one_instance_serves_changes_in_slices() -> None:
    """An instance that serves 10,000 aliases is no more of a pause."""
    source = snapshot(
        [provider(1)],
        mappings=[mapping(i, 1, model_alias=f"alias-{i}") for i in range(1, MAPPINGS + 1)],
    )
    state = SnapshotState.of(source)
    updater = TableUpdater(state, Compiler(load_catalog(), Vault(ENCRYPTION_KEY), {}), [])
    await updater.update()
    change = SnapshotChange(provider=provider(1, weight=7))
    message = WatchSnapshotResponse(revision=state.revision + 1, changes=[change])
    pause, _ = await longest_pause(state, message, updater)
    report(f"an instance of 10,000 aliases: longest pause {pause * 1000:.1f} ms")
    assert pause < LONGEST_PAUSE_SECONDS
    assert {r.candidates[0].weight for r in updater.table.routes.values()} == {7}


@in_one_of_three_tries
async def test_instance_of_thousands_of_keys_is_compiled_in_slices() -> None:
    """The first time, and when one of the keys changes: the others are not opened again."""
    keys = [key(i, 1) for i in range(1, KEYS + 1)]
    state = SnapshotState()
    updater = TableUpdater(state, Compiler(load_catalog(), Vault(ENCRYPTION_KEY), {}), [])
    first = WatchSnapshotResponse(revision=7, snapshot=snapshot([provider(1)], keys=keys))
    one = key(5, 1)
    one.credential.provider_account_group = "another"
    change = WatchSnapshotResponse(revision=8, changes=[SnapshotChange(key=one)])
    for name, message in (("first", first), ("one key", change)):
        pause, took = await longest_pause(state, message, updater)
        report(f"{name}: longest pause {pause * 1000:.1f} ms, in force after {took * 1000:.1f} ms")
        assert pause < LONGEST_PAUSE_SECONDS
        assert len(updater.table.instances[1].keys) == KEYS
    assert updater.table.instances[1].keys[4].account_group == "another"


@in_one_of_three_tries
async def test_alias_of_thousands_of_mappings_is_compiled_in_slices() -> None:
    """The first time, when one mapping changes, and when a chain leaves most of them out."""
    state = SnapshotState()
    updater = TableUpdater(state, Compiler(load_catalog(), Vault(ENCRYPTION_KEY), {}), [])
    everything = snapshot([provider(i) for i in range(1, SIBLINGS + 1)])
    first = WatchSnapshotResponse(revision=7, snapshot=everything)
    change = WatchSnapshotResponse(
        revision=8, changes=[SnapshotChange(mapping=mapping(5, 5, weight=3))]
    )
    chain = FallbackChain(
        id=1, model_alias=ALIAS, is_enabled=True, providers=[FallbackProvider(provider_id=5)]
    )
    chained = WatchSnapshotResponse(revision=9, changes=[SnapshotChange(fallback_chain=chain)])
    for message, candidates in ((first, SIBLINGS), (change, SIBLINGS), (chained, 1)):
        pause, took = await longest_pause(state, message, updater)
        report(f"longest pause {pause * 1000:.1f} ms, in force after {took * 1000:.1f} ms")
        assert pause < LONGEST_PAUSE_SECONDS
        assert len(updater.table.routes[ALIAS].candidates) == candidates
    assert len(updater.table.routes[ALIAS].rejections) == SIBLINGS - 1
