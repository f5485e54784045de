"""Configurations for tests, small enough to read."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from conduit.internal.v1.snapshot_pb2 import Snapshot, SnapshotKey, SnapshotVirtualKey
from conduit.v1.fallback_chain_pb2 import FallbackChain
from conduit.v1.key_credential_pb2 import KeyCredential
from conduit.v1.model_mapping_pb2 import ModelMapping
from conduit.v1.provider_pb2 import Provider
from conduit.v1.virtual_key_pb2 import VirtualKey
from conduit_kernel.secrets import Vault
from conduit_kernel.snapshot import Changes, SnapshotState
from conduit_providers.auth.secret_files import NO_FILES
from conduit_providers.catalog import Catalog, load_catalog
from conduit_router.routing.compile import Compiler
from conduit_router.routing.table import EMPTY_TABLE, RoutingTable, TableChange
from conduit_router.routing.updates import TableDraft

ENCRYPTION_KEY = bytes(range(32))
VIRTUAL_KEY = "condt_test"
ALIAS = "gpt"


def provider(number: int, base_url: str = "http://127.0.0.1:1/v1", **fields: object) -> Provider:
    """Return an enabled instance of OpenAI."""
    values: dict[str, object] = {
        "name": f"provider-{number}",
        "provider_type": "OpenAI",
        "is_enabled": True,
        "weight": 1,
        "priority": 1,
        **fields,
    }
    return Provider(id=number, base_url=base_url, **values)  # type: ignore[arg-type] # checked by protobuf


def key(number: int, provider_id: int, *, is_enabled: bool = True) -> SnapshotKey:
    """Return a key whose value is `sk-<number>`."""
    name = f"key_{number}"
    return SnapshotKey(
        credential=KeyCredential(
            id=name,
            provider_id=provider_id,
            is_enabled=is_enabled,
            provider_account_group=f"group-{provider_id}",
        ),
        secret=Vault(ENCRYPTION_KEY).seal(f"sk-{number}", name),
    )


def mapping(number: int, provider_id: int, **fields: object) -> ModelMapping:
    """Return an enabled mapping of the alias."""
    values: dict[str, object] = {
        "model_alias": ALIAS,
        "actual_model_name": f"model-{provider_id}",
        "is_enabled": True,
        **fields,
    }
    return ModelMapping(id=number, provider_id=provider_id, **values)  # type: ignore[arg-type] # checked by protobuf


def virtual_key(value: str = VIRTUAL_KEY, number: int = 1, **fields: object) -> SnapshotVirtualKey:
    """Return an enabled virtual key."""
    values: dict[str, object] = {"name": f"caller-{number}", "is_enabled": True, **fields}
    return SnapshotVirtualKey(
        virtual_key=VirtualKey(id=number, **values),  # type: ignore[arg-type] # checked by protobuf
        hash=Vault(ENCRYPTION_KEY).hash(value),
    )


def snapshot(
    providers: Sequence[Provider],
    keys: Sequence[SnapshotKey] | None = None,
    mappings: Sequence[ModelMapping] | None = None,
    chains: Sequence[FallbackChain] = (),
    virtual_keys: Sequence[SnapshotVirtualKey] | None = None,
) -> Snapshot:
    """Return a configuration; by default each instance has one key and one mapping."""
    return Snapshot(
        epoch="test",
        revision=7,
        providers=providers,
        keys=[key(p.id, p.id) for p in providers] if keys is None else keys,
        mappings=[mapping(p.id, p.id) for p in providers] if mappings is None else mappings,
        fallback_chains=chains,
        virtual_keys=[virtual_key()] if virtual_keys is None else virtual_keys,
    )


@cache
def _catalog() -> Catalog:
    return load_catalog()


def compiled(source: Snapshot) -> RoutingTable:
    """Return the table of a configuration."""
    return compile_table(SnapshotState.of(source), Compiler(_catalog(), Vault(ENCRYPTION_KEY), {}))


def compile_table(state: SnapshotState, compiler: Compiler) -> RoutingTable:
    """Return the table of a state, compiled at one go. Keys in files are unreadable."""
    draft = TableDraft(EMPTY_TABLE, state, compiler)
    changes = Changes(is_everything=True)
    for pieces in (
        draft.instances(changes),
        draft.finish_instances(NO_FILES),
        draft.routes(changes),
        draft.callers(changes),
    ):
        for _ in pieces:
            pass
    return draft.finish().after


def snapshot_of(state: SnapshotState) -> Snapshot:
    """Return a state as one message."""
    return Snapshot.FromString(state.capture()())


def save_snapshot(path: Path, source: Snapshot) -> None:
    """Store a configuration as a router's last one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(source.SerializeToString())


def first(table: RoutingTable) -> TableChange:
    """Return the change that a first table is."""
    return TableChange(EMPTY_TABLE, table, frozenset(table.instances), frozenset(table.routes))
