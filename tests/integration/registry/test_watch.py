"""What watchers of the Registry are told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tests.support.registry import SERVICE_METADATA, Api, Bench
from tests.support.snapshots import snapshot_of

from conduit.internal.v1.snapshot_service_pb2 import WatchSnapshotRequest, WatchSnapshotResponse
from conduit.v1.fallback_chain_pb2 import FallbackChainSpec, FallbackProvider
from conduit.v1.fallback_chain_requests_pb2 import CreateFallbackChainRequest
from conduit.v1.key_credential_pb2 import KeyCredentialSpec
from conduit.v1.key_credential_requests_pb2 import CreateKeyCredentialRequest
from conduit.v1.model_mapping_pb2 import ModelMappingSpec
from conduit.v1.model_mapping_requests_pb2 import CreateModelMappingRequest
from conduit.v1.provider_pb2 import ProviderSpec
from conduit.v1.provider_requests_pb2 import DeleteProviderRequest, UpdateProviderRequest
from conduit.v1.virtual_key_pb2 import VirtualKeySpec
from conduit.v1.virtual_key_requests_pb2 import CreateVirtualKeyRequest
from conduit_kernel.secrets import Vault
from conduit_kernel.snapshot import SnapshotState

SECRET = "sk-canary-0123456789"


class Watcher:
    """Follows a Registry by hand."""

    def __init__(self, api: Api, state: SnapshotState) -> None:
        self.state = state
        request = WatchSnapshotRequest(epoch=state.epoch, revision=state.revision)
        self.call = api.snapshots.WatchSnapshot(request, metadata=SERVICE_METADATA)

    async def next(self) -> WatchSnapshotResponse:
        """Return the next message, applied."""
        async with asyncio.timeout(5):
            message = await self.call.read()
        assert isinstance(message, WatchSnapshotResponse)
        self.state.apply(message)
        return message

    async def until(self, revision: int) -> None:
        """Read on until this revision is known."""
        while self.state.revision < revision:
            await self.next()


@asynccontextmanager
async def watching(api: Api, state: SnapshotState | None = None) -> AsyncIterator[Watcher]:
    """Watch for as long as this lasts."""
    watcher = Watcher(api, state or SnapshotState())
    try:
        yield watcher
    finally:
        watcher.call.cancel()


async def fill(api: Api) -> None:
    """Make one of each; that is revision 5."""
    await api.provider()
    await api(CreateKeyCredentialRequest(provider_id=1, key=KeyCredentialSpec(api_key=SECRET)))
    mapping = ModelMappingSpec(model_alias="gpt-4", provider_id=1)
    await api(CreateModelMappingRequest(mapping=mapping))
    chain = FallbackChainSpec(model_alias="gpt-4", providers=[FallbackProvider(provider_id=1)])
    await api(CreateFallbackChainRequest(fallback_chain=chain))
    await api(CreateVirtualKeyRequest(virtual_key=VirtualKeySpec(name="ci")))


async def test_the_changes_lead_where_the_snapshot_is(api: Api, bench: Bench) -> None:
    """Who watched from the start and who comes at the end know the same; the secret opens."""
    async with watching(api) as early:
        assert (await early.next()).HasField("snapshot")
        await fill(api)
        await early.until(5)
        async with watching(api) as late:
            await late.next()
        assert snapshot_of(late.state) == snapshot_of(early.state)
    [key] = late.state.keys.values()
    assert Vault(bench.settings.encryption_key).open(key.secret, "key_1", "OpenAI") == SECRET


async def test_a_watcher_that_comes_back_gets_what_it_missed(api: Api) -> None:
    """Changes only, also of what was made and deleted meanwhile; with a strange epoch all."""
    async with watching(api) as watcher:
        await watcher.next()
    state = watcher.state
    await fill(api)
    await api(DeleteProviderRequest(id=1))
    async with watching(api, state) as again:
        message = await again.next()
        assert not message.HasField("snapshot")
        assert message.revision == 6
    assert (state.providers, state.keys, state.mappings) == ({}, {}, {})
    # A chain keeps its policy when its last instance is gone.
    assert [list(chain.providers) for chain in state.fallback_chains.values()] == [[]]
    assert list(state.virtual_keys) == [1]
    for epoch, revision in (("another", 6), (state.epoch, 7), (state.epoch, -1), ("", 0)):
        stranger = SnapshotState()
        stranger.epoch, stranger.revision = epoch, revision
        async with watching(api, stranger) as back:
            assert (await back.next()).HasField("snapshot")
        assert snapshot_of(stranger) == snapshot_of(state)


async def test_a_restarted_registry_goes_on_with_the_same_epoch(bench: Bench) -> None:
    """So that routers need not begin again."""
    async with bench.registry() as api:
        await fill(api)
        async with watching(api) as watcher:
            await watcher.next()
    async with bench.registry() as api, watching(api, watcher.state) as again:
        message = await again.next()
        assert (message.revision, message.HasField("snapshot")) == (5, False)
        await api.provider("Another")
        assert (await again.next()).changes[0].provider.name == "Another"


async def test_a_change_in_one_process_is_told_by_another(bench: Bench) -> None:
    """Within the poll's second, or sooner where the database tells."""
    async with bench.registry() as one, bench.registry() as other, watching(other) as watcher:
        await watcher.next()
        await one.provider()
        assert (await watcher.next()).changes[0].provider.id == 1


async def test_a_change_is_told_at_once(api: Api) -> None:
    """Many watchers hear of it well before the next poll."""
    watchers = [Watcher(api, SnapshotState()) for _ in range(50)]
    await asyncio.gather(*(watcher.next() for watcher in watchers))
    await api.provider()
    async with asyncio.timeout(0.9):
        await asyncio.gather(*(watcher.until(1) for watcher in watchers))
    for watcher in watchers:
        watcher.call.cancel()


async def test_a_watcher_that_does_not_read_delays_nobody(api: Api) -> None:
    """Writers go on, and when it reads at last it gets to where everything is."""
    await api.provider()
    async with watching(api) as slow:
        await slow.next()
        text = "x" * 2000
        for number in range(100):
            spec = ProviderSpec(description=f"{number}{text}"[:2000], weight=number)
            async with asyncio.timeout(5):
                await api(UpdateProviderRequest(id=1, provider=spec))
        await slow.until(101)
        assert slow.state.providers[1].weight == 99


async def test_watches_end_at_once_when_the_registry_drains(bench: Bench) -> None:
    """They do not use up the time that calls under way have."""
    async with bench.registry() as api, watching(api) as watcher:
        await watcher.next()
        began = asyncio.get_running_loop().time()
        draining = asyncio.create_task(api.process.drain(5.0))
        while isinstance(await watcher.call.read(), WatchSnapshotResponse):
            pass
        await draining
        assert asyncio.get_running_loop().time() - began < 2


async def test_silence_is_broken_by_signs_of_life(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They tell the revision and nothing else."""
    monkeypatch.setattr("conduit_registry.feed.HEARTBEAT_SECONDS", 0.05)
    async with watching(api) as watcher:
        await watcher.next()
        message = await watcher.next()
    assert message == WatchSnapshotResponse(revision=0)


async def test_a_change_of_another_process_on_the_same_database_is_told(bench: Bench) -> None:
    """Within two looks at it, on SQLite as on PostgreSQL, though a look is cheap while it rests."""
    async with bench.registry() as here, bench.registry() as there, watching(here) as watcher:
        await watcher.next()
        for number in range(3):
            made = await there.provider(name=f"Provider {number}")
            async with asyncio.timeout(5):
                while made.id not in watcher.state.providers:
                    await watcher.next()
