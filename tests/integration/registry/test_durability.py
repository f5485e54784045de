"""What the Registry keeps: through restarts, concurrency and changes of keys; and how safely."""

import asyncio
import contextlib
import json
from pathlib import Path

import asyncpg
import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from tests.support.credentials import admin_metadata, service_metadata_of
from tests.support.registry import (
    MASTER_KEY,
    METADATA,
    NOW,
    SERVICE_METADATA,
    Api,
    Bench,
)

from conduit.internal.v1.snapshot_service_pb2 import WatchSnapshotRequest
from conduit.v1.audit_entry_pb2 import (
    AUDIT_ACTION_CREATED,
    AUDIT_ACTION_DELETED,
    AUDIT_ACTION_UPDATED,
)
from conduit.v1.key_credential_pb2 import KeyCredentialSpec
from conduit.v1.key_credential_requests_pb2 import (
    CreateKeyCredentialRequest,
    RotateKeyCredentialRequest,
    UpdateKeyCredentialRequest,
)
from conduit.v1.provider_pb2 import ProviderSpec
from conduit.v1.provider_requests_pb2 import (
    DeleteProviderRequest,
    ListProvidersRequest,
    UpdateProviderRequest,
)
from conduit.v1.registry_requests_pb2 import ListAuditEntriesRequest
from conduit.v1.virtual_key_pb2 import VirtualKeySpec
from conduit.v1.virtual_key_requests_pb2 import CreateVirtualKeyRequest
from conduit_kernel.errors import ServiceUnavailable
from conduit_kernel.rpc import error_of
from conduit_kernel.secrets import Vault

CANARY = "canary-5f0c1d"
NEW_KEY = b"another encryption key 123456789"


def keep(api_key: str) -> CreateKeyCredentialRequest:
    """Ask for a key of the first instance."""
    return CreateKeyCredentialRequest(provider_id=1, key=KeyCredentialSpec(api_key=api_key))


async def test_a_restart_finds_everything(bench: Bench) -> None:
    """Byte for byte."""
    async with bench.registry() as api:
        await api.provider()
        await api(keep("sk-0123456789"))
        before = await api.snapshot()
    async with bench.registry() as api:
        assert await api.snapshot() == before


async def test_each_change_leaves_one_line_that_tells_who_did_what(api: Api) -> None:
    """From what to what, by whom, from where, in which request; newest first."""
    await api.provider("A", weight=70)
    await api(UpdateProviderRequest(id=1, provider=ProviderSpec(weight=30, name="B")))
    await api(keep("sk-0123456789"))
    await api(DeleteProviderRequest(id=1))
    entries = (await api(ListAuditEntriesRequest())).entries
    assert [entry.revision for entry in entries] == [4, 3, 2, 1]
    deleted, _, updated, created = entries
    assert created.action == AUDIT_ACTION_CREATED
    assert (updated.action, updated.resource_kind, updated.resource_id) == (
        AUDIT_ACTION_UPDATED,
        "provider",
        "1",
    )
    changes = {name: dict(change) for name, change in updated.changes.items()}
    assert changes == {"weight": {"from": 70, "to": 30}, "name": {"from": "A", "to": "B"}}
    assert (updated.actor, updated.request_id) == ("master-key", "req_test")
    assert updated.peer == "127.0.0.1"
    assert updated.occurred_at.seconds == NOW
    assert deleted.action == AUDIT_ACTION_DELETED


async def test_the_audit_log_comes_in_pages_and_by_what_it_is_about(bench: Bench) -> None:
    """Filters are part of what a token belongs to."""
    async with bench.registry() as api:
        for number in range(3):
            await api.provider(f"P{number}")
            bench.clock.now += 60
        await api(keep("sk-0123456789"))
        first = await api(ListAuditEntriesRequest(page_size=3))
        assert [entry.revision for entry in first.entries] == [4, 3, 2]
        request = ListAuditEntriesRequest(page_size=3, page_token=first.next_page_token)
        last = await api(request)
        assert ([entry.revision for entry in last.entries], last.next_page_token) == ([1], "")
        for request, revisions in (
            (ListAuditEntriesRequest(resource_kind="key"), [4]),
            (ListAuditEntriesRequest(resource_kind="provider", resource_id="2"), [2]),
            (ListAuditEntriesRequest(since=Timestamp(seconds=int(NOW) + 61)), [4, 3]),
            (ListAuditEntriesRequest(resource_kind="nonsense"), []),
        ):
            assert [entry.revision for entry in (await api(request)).entries] == revisions
        error = await api.refused(ListAuditEntriesRequest(since=Timestamp(seconds=-1)))
        assert error.metadata["field"] == "since"


async def test_parallel_writers_make_dense_revisions_that_appear_in_order(bench: Bench) -> None:
    """Of two processes on one database; no watcher ever sees a later one before an earlier."""
    async with bench.registry() as one, bench.registry() as other:
        watch = other.snapshots.WatchSnapshot(WatchSnapshotRequest(), metadata=SERVICE_METADATA)
        seen = [(await watch.read()).revision]
        await asyncio.gather(*((one, other)[i % 2].provider(f"P{i}") for i in range(20)))
        received: list[int] = []
        async with asyncio.timeout(10):
            while seen[-1] < 20:
                message = await watch.read()
                seen.append(message.revision)
                received += [change.provider.id for change in message.changes]
        watch.cancel()
        entries = (await one(ListAuditEntriesRequest())).entries
        providers = (await one(ListProvidersRequest())).providers
    assert sorted(entry.revision for entry in entries) == list(range(1, 21))
    assert sorted(provider.id for provider in providers) == list(range(1, 21))
    assert seen == sorted(set(seen))
    assert received == list(range(1, 21))


async def test_parallel_creations_of_one_name_leave_one(api: Api) -> None:
    """The others are told that it exists."""

    async def attempt() -> str:
        try:
            await api.provider("Same")
        except grpc.aio.AioRpcError as error:
            return error_of(error, "registry").reason
        return "created"

    outcomes = await asyncio.gather(*(attempt() for _ in range(10)))
    assert sorted(outcomes) == ["ALREADY_EXISTS"] * 9 + ["created"]


async def _dump(address: str, folder: Path) -> bytes:
    if not address:
        return b"".join(path.read_bytes() for path in folder.glob("registry.db*"))
    connection = await asyncpg.connect(address, timeout=10)
    tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    found = [await connection.fetch(f'SELECT * FROM "{table[0]}"') for table in tables]  # noqa: S608 # names from the catalog
    await connection.close(timeout=10)
    return "\n".join(str(tuple(row)) for rows in found for row in rows).encode()


async def test_no_secret_is_in_the_database(bench: Bench, database_url: str) -> None:
    """Neither a key, nor one that was replaced, nor a virtual key, nor the keys of this process."""
    async with bench.registry() as api:
        await api.provider()
        await api(keep(f"{CANARY}-first"))
        await api(keep(json.dumps({"accessKeyId": "AKIA5678", "secretAccessKey": CANARY})))
        key = KeyCredentialSpec(api_key=f"{CANARY}-second")
        request = RotateKeyCredentialRequest(provider_id=1, key_id="key_1", key=key, skip_test=True)
        await api(request)
        name = VirtualKeySpec(name="ci")
        virtual_key = (await api(CreateVirtualKeyRequest(virtual_key=name))).virtual_key
        running = await _dump(database_url, bench.settings.data_dir)
        audit = str(await api(ListAuditEntriesRequest()))
    stopped = await _dump(database_url, bench.settings.data_dir)
    assert b"master-key" in running
    for data in (running, stopped, audit.encode()):
        assert CANARY.encode() not in data
        assert virtual_key.key[12:].encode() not in data
        assert MASTER_KEY.encode() not in data
        assert bench.settings.encryption_key not in data


async def test_a_new_encryption_key_wraps_what_the_former_one_did(bench: Bench) -> None:
    """On the next start; after that the former one is not needed. Watchers are told."""
    async with bench.registry() as api:
        await api.provider()
        await api(keep("sk-0123456789"))
        before = await api.snapshot()
    former = (bench.settings.encryption_key,)
    async with bench.registry(encryption_key=NEW_KEY, former_encryption_keys=former) as api:
        after = await api.snapshot()
        [entry, *_] = (await api(ListAuditEntriesRequest())).entries
    assert after.revision == before.revision + 1
    assert entry.actor == "registry-rewrap"
    assert Vault(NEW_KEY).open(after.keys[0].secret, "key_1", "OpenAI") == "sk-0123456789"
    assert after.keys[0].secret.ciphertext == before.keys[0].secret.ciphertext


async def test_a_secret_of_a_lost_encryption_key_keeps_nothing_from_starting(bench: Bench) -> None:
    """The key can be given again."""
    async with bench.registry() as api:
        await api.provider()
        await api(keep("sk-0123456789"))
    lost = (b"some other former key 0123456789",)
    async with bench.registry(encryption_key=NEW_KEY, former_encryption_keys=lost) as api:
        key = KeyCredentialSpec(api_key="sk-new-value-1234")
        request = UpdateKeyCredentialRequest(provider_id=1, key_id="key_1", key=key)
        assert (await api(request)).key.masked_api_key == "…1234"
        found = await api.snapshot()
    assert Vault(NEW_KEY).open(found.keys[0].secret, "key_1", "OpenAI") == "sk-new-value-1234"


async def test_without_the_master_key_nothing_is_told(api: Api) -> None:
    """Neither to who has none, nor to who has a wrong one, nor to a service."""
    refused = {
        (): "MASTER_KEY_MISSING",
        SERVICE_METADATA: "MASTER_KEY_MISSING",
        admin_metadata("wrong"): "MASTER_KEY_INVALID",
    }
    for metadata, reason in refused.items():
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await api.stub.ListProviders(ListProvidersRequest(), metadata=metadata)
        assert error_of(caught.value, "registry").reason == reason


async def test_the_sealed_keys_are_for_services_alone(api: Api) -> None:
    """The holder of the master key is refused, and so is the token of another encryption key."""
    for metadata in ((), METADATA, service_metadata_of(NEW_KEY)):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await api.snapshots.WatchSnapshot(WatchSnapshotRequest(), metadata=metadata).read()
        assert error_of(caught.value, "registry").reason == "SERVICE_TOKEN_INVALID"


async def test_services_of_a_former_encryption_key_are_let_in(bench: Bench) -> None:
    """While the key is changed, the Registry restarts before those who follow it."""
    former = (bench.settings.encryption_key,)
    async with bench.registry(encryption_key=NEW_KEY, former_encryption_keys=former) as api:
        for metadata in (SERVICE_METADATA, service_metadata_of(NEW_KEY)):
            watch = api.snapshots.WatchSnapshot(WatchSnapshotRequest(), metadata=metadata)
            assert (await watch.read()).HasField("snapshot")
            watch.cancel()


async def test_a_database_out_of_reach_is_told_without_its_address(bench: Bench) -> None:
    """Its URL may hold a password."""
    url = "postgresql://conduit:hidden@127.0.0.1:9/conduit"
    with pytest.raises(ServiceUnavailable) as caught:
        async with bench.registry(database_url=url):
            pass
    assert "hidden" not in caught.value.message


async def test_writers_that_give_up_leave_the_way_free(api: Api) -> None:
    """Whenever it is that they give up."""

    async def give_up(number: int) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(number / 1000):
                await api.provider(f"P{number}")

    await asyncio.gather(*(give_up(number) for number in range(40)))
    async with asyncio.timeout(5):
        await api.provider("Last")
    entries = (await api(ListAuditEntriesRequest())).entries
    providers = (await api(ListProvidersRequest())).providers
    assert [entry.revision for entry in entries] == list(range(len(providers), 0, -1))


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_lost_connection_is_made_again(api: Api, database_url: str) -> None:
    """As when the database was restarted: the next call works, and watchers are told again."""
    await api.provider()
    watch = api.snapshots.WatchSnapshot(WatchSnapshotRequest(), metadata=SERVICE_METADATA)
    await watch.read()
    connection = await asyncpg.connect(database_url, timeout=10)
    await connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    await connection.close(timeout=10)
    await api.provider("Another")
    async with asyncio.timeout(5):
        message = await watch.read()
    watch.cancel()
    assert message.changes[0].provider.name == "Another"
