"""Requests go on while a large configuration changes: 10,000 mappings, 1,000 instances and keys."""

import asyncio
import itertools
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from math import inf
from pathlib import Path

from tests.integration.router.conftest import METADATA, NOWHERE, body
from tests.support.pauses import Ticker, garbage_as_in_a_process, slowness
from tests.support.router_edge import RouterEdge
from tests.support.scripted_registry import ScriptedRegistry, serve_registry
from tests.support.snapshots import (
    ENCRYPTION_KEY,
    VIRTUAL_KEY,
    key,
    mapping,
    provider,
    snapshot,
    virtual_key,
)

from conduit.internal.v1.snapshot_pb2 import Snapshot, SnapshotChange
from conduit.v1 import router_requests_pb2 as pb
from conduit.v1.model_mapping_pb2 import ModelMapping
from conduit_kernel.secrets import Vault
from conduit_kernel.settings import Settings
from conduit_providers.catalog import load_catalog
from conduit_router import bootstrap
from conduit_router.process import RouterProcess

MAPPINGS, PROVIDERS, CALLERS = 10_000, 1_000, 10_000
# Of this thread's own time, on a machine that does nothing else; the Registry and the providers,
# which are not the router, have their share in it.
LONGEST_PAUSE_SECONDS = 0.02
# Of a configuration that is told anew as a whole, which happens when the Registry has started over.
LONGEST_RELOAD_SECONDS = 0.04
# The best of these counts, for each change.
# A neighbour on the same processor makes a round slow; the best one tells what the code takes.
ROUNDS = 8
CALLS_AT_A_TIME = 3


def large(base_url: str) -> Snapshot:
    """Return a configuration in which each instance serves ten aliases."""
    keys = [key(i, i) for i in range(1, PROVIDERS + 1)]
    vault = Vault(ENCRYPTION_KEY)
    for each in keys:
        each.secret.CopyFrom(vault.seal("sk-simulator-good", each.credential.id))
    return snapshot(
        [provider(i, base_url) for i in range(1, PROVIDERS + 1)],
        keys=keys,
        mappings=[echo(i) for i in range(1, MAPPINGS + 1)],
        virtual_keys=[virtual_key(VIRTUAL_KEY, CALLERS)]
        + [virtual_key(f"condt_{i}", i) for i in range(1, CALLERS)],
    )


def echo(number: int, **fields: object) -> ModelMapping:
    """Return a mapping of the simulator's model."""
    alias = f"alias-{number}"
    return mapping(
        number, number % PROVIDERS + 1, model_alias=alias, actual_model_name="echo", **fields
    )


def changes(base_url: str) -> dict[str, Sequence[SnapshotChange]]:
    """Return what is done to it, by name."""
    return {
        "a mapping": [SnapshotChange(mapping=echo(5, weight=3))],
        "a provider": [SnapshotChange(provider=provider(5, base_url, weight=3))],
        "a key": [SnapshotChange(key=key(6, 6))],
        "a virtual key": [SnapshotChange(virtual_key=virtual_key("condt_new", 7))],
        "a thousand mappings": [
            SnapshotChange(mapping=echo(i, weight=2)) for i in range(1000, 2000)
        ],
    }


@asynccontextmanager
async def routing(registry: ScriptedRegistry, folder: Path) -> AsyncIterator[RouterProcess]:
    """Run a router that follows a Registry."""
    targets = dict.fromkeys(("health", "billing"), NOWHERE)
    settings = Settings(
        data_dir=folder,
        master_key="master",
        encryption_key=ENCRYPTION_KEY,
        grpc_port=0,
        allow_private_addresses=True,
        targets={**targets, "registry": f"127.0.0.1:{registry.port}"},
    )
    process = await bootstrap.start(settings, load_catalog(), with_server=False)
    try:
        await in_force(process, 1)
        yield process
    finally:
        await process.drain(0.5)


async def in_force(process: RouterProcess, revision: int) -> None:
    """Return once calls are served by a revision."""
    async with asyncio.timeout(20):
        while process.revision < revision:  # noqa: ASYNC110 # it has no event
            await asyncio.sleep(0.005)


@asynccontextmanager
async def calling(process: RouterProcess) -> AsyncIterator[list[str]]:
    """Make calls all the time; return the aliases that were answered."""
    edge, answered, numbers = RouterEdge(process.stub, "master"), list[str](), itertools.count(10)

    async def call() -> None:
        while True:
            alias = f"alias-{next(numbers) % MAPPINGS + 1}"
            await edge.Chat(pb.ChatRequest(json=body(alias)), METADATA)
            answered.append(alias)

    async with asyncio.TaskGroup() as group:
        calls = [group.create_task(call()) for _ in range(CALLS_AT_A_TIME)]
        yield answered
        for each in calls:
            each.cancel()


def limit_of(name: str) -> float:
    """Return how long what is done may hold calls up, in seconds."""
    return LONGEST_RELOAD_SECONDS if name == "everything" else LONGEST_PAUSE_SECONDS


async def test_calls_go_on_while_a_large_configuration_changes(
    upstream: str, tmp_path: Path
) -> None:
    """No change holds them up for longer than 20 ms, nor everything told anew for twice as long."""
    source = large(upstream)
    best: dict[str, float] = {}
    async with (
        serve_registry(source, ENCRYPTION_KEY) as registry,
        routing(registry, tmp_path) as process,
        calling(process) as answered,
    ):
        with garbage_as_in_a_process():
            everything = {**changes(upstream), "everything": ()}
            for _, (name, told) in itertools.product(range(ROUNDS), everything.items()):
                if best.get(name, inf) < limit_of(name):
                    continue
                slow, before = slowness(), len(answered)
                async with Ticker() as ticker:
                    revision = registry.change(*told) if told else registry.replace(source)
                    await in_force(process, revision)
                    # Whatever follows from it is done meanwhile.
                    await asyncio.sleep(0.1)
                assert len(answered) > before
                pause = ticker.longest / max(slow, slowness())
                best[name] = min(best.get(name, pause), pause)
    report = ", ".join(f"{name} {pause * 1000:.1f} ms" for name, pause in best.items())
    sys.stdout.write(f"longest pauses: {report}; {len(answered)} calls\n")
    assert {name: pause for name, pause in best.items() if pause >= limit_of(name)} == {}
