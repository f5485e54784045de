"""The configuration as a follower holds it: what it says, what changed, and how it is stored."""

import asyncio

from tests.support.snapshots import key, mapping, provider, snapshot, snapshot_of, virtual_key

from conduit.internal.v1.snapshot_pb2 import Snapshot, SnapshotChange
from conduit.internal.v1.snapshot_service_pb2 import WatchSnapshotResponse
from conduit.v1.fallback_chain_pb2 import FallbackChain, FallbackProvider
from conduit_kernel.snapshot import PIECE, Changes, SnapshotState


def large() -> Snapshot:
    """Return a configuration of several pieces."""
    numbers = range(1, 2 * PIECE + 2)
    return snapshot(
        [provider(1), provider(2)],
        keys=[key(2, 1), key(10, 1), key(9, 1), key(3, 2)],
        mappings=[mapping(i, i % 2 + 1, model_alias=f"alias-{i % 7}") for i in numbers],
        chains=[
            FallbackChain(id=1, model_alias="chained", providers=[FallbackProvider(provider_id=2)])
        ],
        virtual_keys=[virtual_key(f"condt_{i}", i) for i in numbers],
    )


def test_captured_state_is_that_of_the_moment() -> None:
    """What changes before it is serialized is not in it."""
    state = SnapshotState.of(large())
    before = snapshot_of(state)
    serialize = state.capture()
    change = SnapshotChange(deleted_mapping_id=1)
    state.apply(WatchSnapshotResponse(revision=8, changes=[change]))
    assert Snapshot.FromString(serialize()) == before
    assert snapshot_of(state) != before


async def test_many_changes_of_one_message_are_taken_in_slices() -> None:
    """Others run meanwhile; at the end it is what taking them at one go gives."""
    source = large()
    changes = [SnapshotChange(mapping=each) for each in source.mappings]
    changes += [SnapshotChange(virtual_key=each) for each in source.virtual_keys]
    message = WatchSnapshotResponse(revision=9, changes=changes)
    state, at_one_go, seen = SnapshotState(), SnapshotState(), set[int]()

    async def watch() -> None:
        while True:
            seen.add(len(state.mappings) + len(state.virtual_keys))
            await asyncio.sleep(0)

    watching = asyncio.create_task(watch())
    assert await state.apply_in_slices(message)
    watching.cancel()
    at_one_go.apply(message)
    assert snapshot_of(state) == snapshot_of(at_one_go)
    assert len(seen) >= len(changes) // PIECE


async def test_snapshot_taken_in_slices_is_the_snapshot() -> None:
    """Others run meanwhile, and see the former state until the new one is whole."""
    state = SnapshotState.of(snapshot([provider(7)]))
    state.take_changes()
    source = large()
    message = WatchSnapshotResponse(revision=7, snapshot=source)
    taking = asyncio.create_task(state.apply_in_slices(message))
    await asyncio.sleep(0)
    assert not taking.done()
    assert set(state.providers) == {7}
    assert await taking
    assert snapshot_of(state) == snapshot_of(SnapshotState.of(source)) == source
    assert state.take_changes().is_everything


def test_things_are_found_by_what_they_belong_to() -> None:
    """In order of id, which is not that of the letters."""
    state = SnapshotState.of(large())
    assert [k.credential.id for k in state.keys_of(1)] == ["key_2", "key_9", "key_10"]
    assert [m.id for m in state.mappings_of("alias-3")][:3] == [3, 10, 17]
    assert state.aliases_of(2) == {f"alias-{i}" for i in range(7)} | {"chained"}
    moved = SnapshotChange(key=key(9, 2))
    state.apply(WatchSnapshotResponse(revision=8, changes=[moved]))
    assert [k.credential.id for k in state.keys_of(1)] == ["key_2", "key_10"]
    assert [k.credential.id for k in state.keys_of(2)] == ["key_3", "key_9"]


def test_changes_name_what_they_concern() -> None:
    """Both where a thing was and where it is now; each once."""
    state = SnapshotState.of(large())
    assert state.take_changes().is_everything
    assert not state.take_changes()
    changes = [
        SnapshotChange(key=key(9, 2)),
        SnapshotChange(mapping=mapping(3, 1, model_alias="other")),
        SnapshotChange(deleted_fallback_chain_id=1),
        SnapshotChange(deleted_virtual_key_id=5),
        SnapshotChange(deleted_virtual_key_id=99_999),
    ]
    state.apply(WatchSnapshotResponse(revision=8, changes=changes))
    assert state.take_changes() == Changes(
        provider_ids={1, 2},
        aliases={"alias-3", "other", "chained"},
        virtual_key_ids={5, 99_999},
    )
