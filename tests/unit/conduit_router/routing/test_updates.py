"""The table follows the configuration: what a change concerns is compiled, and nothing else."""

import asyncio
import itertools
import os
import random
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.snapshots import (
    ALIAS,
    ENCRYPTION_KEY,
    compile_table,
    key,
    mapping,
    provider,
    snapshot,
    snapshot_of,
    virtual_key,
)

from conduit.internal.v1.snapshot_pb2 import SnapshotChange, SnapshotKey
from conduit.internal.v1.snapshot_service_pb2 import WatchSnapshotResponse
from conduit.v1.fallback_chain_pb2 import FallbackChain, FallbackProvider
from conduit_kernel.secrets import Vault
from conduit_kernel.snapshot import SnapshotState
from conduit_providers import auth
from conduit_providers.auth.secret_files import SecretFiles
from conduit_providers.catalog import Catalog, load_catalog
from conduit_router.routing.compile import Compiler
from conduit_router.routing.table import Candidate, RoutingTable, TableChange
from conduit_router.routing.updates import TableUpdater

CATALOG: Catalog = load_catalog()
VAULT = Vault(ENCRYPTION_KEY)
STRANGE = Vault(bytes(32))
# Texts of keys: values, and references of which the second leads nowhere.
TEXTS = ("sk-1", "sk-2", "env:SET", "env:UNSET")
TYPES = ("OpenAI", "Ollama", "Bedrock", "NoSuchType")
NETWORKS = ("10.0.0.0/8", "10.0.0.0/99")


def compiler() -> Compiler:
    """Return a compiler that knows nothing yet."""
    return Compiler(CATALOG, VAULT, {"SET": "sk-set"})


def sealed(number: int, provider_id: int, text: str, vault: Vault = VAULT) -> SnapshotKey:
    """Return a key with a text of its own."""
    entry = key(number, provider_id)
    entry.secret.CopyFrom(vault.seal(text, entry.credential.id))
    return entry


def change_in(draw: random.Random) -> SnapshotChange:
    """Return any change of a small world, so that changes meet each other."""
    number, provider_id = draw.randint(1, 6), draw.randint(1, 5)
    alias = draw.choice((ALIAS, "large", "small"))
    made: tuple[Callable[[], SnapshotChange], ...] = (
        lambda: SnapshotChange(
            provider=provider(
                provider_id,
                draw.choice(("", "https://one.example/v1")),
                provider_type=draw.choice(TYPES),
                is_enabled=draw.random() < 0.8,
                priority=draw.randint(1, 3),
                weight=draw.randint(0, 3),
                security={"allowed_ips": draw.sample(NETWORKS, draw.choice((0, 0, 0, 1)))},
            )
        ),
        lambda: SnapshotChange(deleted_provider_id=provider_id),
        lambda: SnapshotChange(
            key=sealed(number, provider_id, draw.choice(TEXTS), draw.choice((VAULT, STRANGE)))
        ),
        lambda: SnapshotChange(key=key(number, provider_id, is_enabled=False)),
        lambda: SnapshotChange(deleted_key_id=f"key_{number}"),
        lambda: SnapshotChange(
            mapping=mapping(number, provider_id, model_alias=alias, is_enabled=draw.random() < 0.8)
        ),
        lambda: SnapshotChange(
            mapping=mapping(
                number,
                provider_id,
                model_alias=alias,
                weight=draw.randint(0, 2),
                priority=draw.randint(1, 3),
                capabilities=["tools"],
            )
        ),
        lambda: SnapshotChange(deleted_mapping_id=number),
        lambda: SnapshotChange(
            fallback_chain=FallbackChain(
                id=number,
                model_alias=alias,
                is_enabled=draw.random() < 0.7,
                providers=[
                    FallbackProvider(provider_id=i, priority=draw.randint(1, 3))
                    for i in draw.sample(range(1, 7), draw.randint(0, 4))
                ],
            )
        ),
        lambda: SnapshotChange(deleted_fallback_chain_id=number),
        # A value may pass from one virtual key to another.
        lambda: SnapshotChange(
            virtual_key=virtual_key(f"condt_{number}", number, is_enabled=draw.random() < 0.5)
        ),
        lambda: SnapshotChange(deleted_virtual_key_id=number),
    )
    return draw.choice(made)()


def response(state: SnapshotState, *changes: SnapshotChange) -> WatchSnapshotResponse:
    """Return the next message of a Registry."""
    return WatchSnapshotResponse(revision=state.revision + 1, changes=changes)


def described(table: RoutingTable) -> dict[str, object]:
    """Return all that a table says, in its order, for comparison with another one."""
    return {
        "revision": table.revision,
        "routes": [
            (r.alias, [_candidate(c) for c in r.candidates], list(r.rejections), r.created)
            for r in table.routes.values()
        ],
        "aliases": list(table.routes),
        "instances": {i: (made.provider, _keys(made.keys)) for i, made in table.instances.items()},
        "unusable": table.unusable,
        "callers": {h: _fields(caller) for h, caller in table.callers.items()},
        "hashes": table.hashes,
    }


def _candidate(candidate: Candidate) -> list[object]:
    return [candidate.instance.provider, _keys(candidate.instance.keys), *_fields(candidate)[1:]]


def _keys(keys: object) -> list[object]:
    assert isinstance(keys, tuple)
    return [
        (k.key_id, k.account_group, k.provider_name, {o: t.target for o, t in k.targets.items()})
        for k in keys
    ]


def _fields(struct: object) -> list[object]:
    return [getattr(struct, name) for name in type(struct).__struct_fields__]  # type: ignore[attr-defined] # a msgspec.Struct


@pytest.mark.parametrize("seed", range(30))
async def test_updated_table_is_the_table_of_the_state(seed: int) -> None:
    """After any changes, in any portions, it is what a compilation of everything gives."""
    draw = random.Random(seed)  # noqa: S311 # a test that can be repeated
    state = SnapshotState.of(snapshot([provider(1), provider(2)]))
    seen: list[TableChange] = []
    updater = TableUpdater(state, compiler(), [seen.append])
    await updater.update()
    for _ in range(25):
        for _ in range(draw.randint(1, 3)):
            changes = [change_in(draw) for _ in range(draw.randint(1, 3))]
            state.apply(response(state, *changes))
        await updater.update()
        whole = compile_table(SnapshotState.of(snapshot_of(state)), compiler())
        assert described(updater.table) == described(whole)
        # Where nothing is said to have changed, nothing has.
        last = seen[-1]
        for alias in (last.before.routes.keys() | last.after.routes.keys()) - last.aliases:
            assert last.before.routes[alias] is last.after.routes[alias]
        instances = last.before.instances.keys() | last.after.instances.keys()
        for number in instances - last.provider_ids:
            assert last.before.instances[number] is last.after.instances[number]


@pytest.mark.parametrize("seed", range(20))
async def test_changes_during_an_update_are_part_of_it(seed: int) -> None:
    """What comes between two slices of the work is in the table that comes of it."""
    draw = random.Random(seed)  # noqa: S311 # a test that can be repeated
    state = SnapshotState.of(snapshot([provider(i) for i in range(1, 6)]))
    # Each look at this clock is later than a slice lasts.
    hours = itertools.count(0, 3600)
    updater = TableUpdater(state, compiler(), [], timer=lambda: float(next(hours)))
    for _ in range(5):
        state.apply(response(state, *(change_in(draw) for _ in range(4))))
        update = asyncio.create_task(updater.update())
        for _ in range(draw.randint(1, 12)):
            await asyncio.sleep(0)
            if not update.done():
                state.apply(response(state, change_in(draw)))
        await update
        whole = compile_table(SnapshotState.of(snapshot_of(state)), compiler())
        assert described(updater.table) == described(whole)


async def test_update_that_fails_loses_no_change() -> None:
    """The next one makes up for it."""
    state = SnapshotState.of(snapshot([provider(1)]))
    hours = itertools.count(0, 3600)
    updater = TableUpdater(state, compiler(), [], timer=lambda: float(next(hours)))
    await updater.update()
    state.apply(response(state, SnapshotChange(provider=provider(1, name="renamed"))))
    update = asyncio.create_task(updater.update())
    await asyncio.sleep(0)
    update.cancel()
    await asyncio.gather(update, return_exceptions=True)
    assert updater.table.instances[1].provider.name == "provider-1"
    await updater.update()
    assert updater.table.instances[1].provider.name == "renamed"


async def test_change_that_a_subscriber_fails_on_is_handed_out_again() -> None:
    """To all of them, until none fails."""
    state = SnapshotState.of(snapshot([provider(1)]))
    seen: list[TableChange] = []

    def fail_once(change: TableChange) -> None:
        seen.append(change)
        if len(seen) == 1:
            raise OSError("once")

    last: list[TableChange] = []
    updater = TableUpdater(state, compiler(), [fail_once, last.append])
    with pytest.raises(OSError, match="once"):
        await updater.update()
    await updater.update()
    assert [c.provider_ids for c in seen] == [{1}, {1}]
    assert [c.aliases for c in last] == [{ALIAS}]


async def test_key_outlives_changes_that_do_not_concern_it() -> None:
    """Its tokens and what is prepared for it stay, unless its value or its address changes."""
    state = SnapshotState.of(snapshot([provider(1)], keys=[key(1, 1), key(2, 1)]))
    updater = TableUpdater(state, compiler(), [])
    await updater.update()
    before = updater.table.instances[1]
    state.apply(response(state, SnapshotChange(provider=provider(1, description="new"))))
    state.apply(response(state, SnapshotChange(key=sealed(2, 1, "sk-other"))))
    await updater.update()
    after = updater.table.instances[1]
    assert after is not before
    assert after.keys[0] is before.keys[0]
    assert after.keys[1] is not before.keys[1]
    state.apply(
        response(state, SnapshotChange(provider=provider(1, "https://elsewhere.example/v1")))
    )
    await updater.update()
    assert updater.table.instances[1].keys[0] is not before.keys[0]


async def test_modules_of_types_are_imported_beside_the_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Some bring large libraries: while they are imported, requests go on."""
    name = "conduit_providers.auth.aws_sigv4"
    monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.delattr(auth, "aws_sigv4", raising=False)
    threads: list[threading.Thread] = []

    class Finder:
        """Sees what is imported, and by whom."""

        @staticmethod
        def find_spec(wanted: str, *_: object) -> None:
            if wanted == name:
                threads.append(threading.current_thread())

    monkeypatch.setattr(sys, "meta_path", [Finder, *sys.meta_path])
    source = snapshot([provider(1, "", provider_type="Bedrock", settings={"region": "eu-west-1"})])
    updater = TableUpdater(SnapshotState.of(source), compiler(), [])
    await updater.update()
    assert len(threads) == 1
    assert threads[0] is not threading.main_thread()


@pytest.fixture
def pipe(tmp_path: Path) -> Iterator[Path]:
    """Make a pipe that nobody ever writes to."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    yield path
    path.unlink()


async def test_keys_in_files_are_read(tmp_path: Path) -> None:
    """A file with a key is a key; once it is there if it was missing at first."""
    path = tmp_path / "secret"
    state = SnapshotState.of(snapshot([provider(1)], keys=[sealed(1, 1, f"file:{path}")]))
    updater = TableUpdater(state, compiler(), [], secret_files=SecretFiles([tmp_path]))
    await updater.update()
    [why] = updater.table.instances[1].rejections
    assert why.detail == f"The key file {path} cannot be read: No such file or directory"
    await updater.retry_files()
    assert updater.changed.is_set()
    path.write_text("sk-file\n")
    await updater.update()
    assert updater.table.instances[1].rejections == ()
    assert [k.key_id for k in updater.table.instances[1].keys] == ["key_1"]
    updater.changed.clear()
    await updater.retry_files()
    assert not updater.changed.is_set()


async def test_files_outside_the_folders_are_no_keys(tmp_path: Path) -> None:
    """The alias says why, and the key is sent nowhere."""
    path = tmp_path / "secret"
    path.write_text("sk-file")
    state = SnapshotState.of(snapshot([provider(1)], keys=[sealed(1, 1, f"file:{path}")]))
    updater = TableUpdater(state, compiler(), [], secret_files=SecretFiles([tmp_path / "other"]))
    await updater.update()
    assert updater.table.instances[1].keys == ()
    [why] = updater.table.instances[1].rejections
    assert "folders of CONDUIT_SECRET_DIRS" in why.detail


async def test_pipe_is_no_key_and_holds_nobody_up(pipe: Path) -> None:
    """The other keys and instances are there at once."""
    keys = [sealed(1, 1, f"file:{pipe}"), key(2, 1), key(3, 2)]
    state = SnapshotState.of(snapshot([provider(1), provider(2)], keys=keys))
    updater = TableUpdater(state, compiler(), [], secret_files=SecretFiles([pipe.parent]))
    async with asyncio.timeout(1):
        await updater.update()
    assert {k.key_id for i in (1, 2) for k in updater.table.instances[i].keys} == {
        "key_2",
        "key_3",
    }
    [why] = updater.table.instances[1].rejections
    assert why.detail == f"The key file {pipe} cannot be read: it is no regular file"
