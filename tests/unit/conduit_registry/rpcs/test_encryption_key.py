"""RPCs about the encryption key."""

from pathlib import Path

import grpc
import pytest
from tests.support.key_files import key_file
from tests.support.registry import ENCRYPTION_KEY, Bench

from conduit.internal.v1.snapshot_service_pb2 import WatchSnapshotRequest
from conduit.v1 import key_credential_requests_pb2 as key_pb
from conduit.v1 import registry_requests_pb2 as pb
from conduit.v1 import virtual_key_requests_pb2 as virtual_pb
from conduit.v1.audit_entry_pb2 import AUDIT_ACTION_ROTATED
from conduit.v1.key_credential_pb2 import KeyCredentialSpec
from conduit.v1.virtual_key_pb2 import VirtualKeySpec
from conduit_kernel.rpc import service_metadata
from conduit_kernel.secrets import Vault, key_id, service_token

NEW = bytes(range(1, 33))


async def test_the_key_files_key_is_used_from_the_answer_on(bench: Bench, tmp_path: Path) -> None:
    """For what is stored and for what comes; the log says who changed it, and not to what."""
    file = key_file(tmp_path, ENCRYPTION_KEY)
    async with bench.registry(key_file=file.path) as api:
        number = (await api.provider()).id
        for name in "ab":
            spec = KeyCredentialSpec(api_key=f"sk-{name}-1234567890", name=name)
            await api(key_pb.CreateKeyCredentialRequest(provider_id=number, key=spec))
        assert await api(pb.RewrapKeysRequest()) == pb.RewrapKeysResponse(
            encryption_key_id=key_id(ENCRYPTION_KEY), is_done=True
        )
        key_file(tmp_path, NEW, ENCRYPTION_KEY)
        done = await api(pb.RewrapKeysRequest())
        assert done == pb.RewrapKeysResponse(
            encryption_key_id=key_id(NEW), rewrapped=2, is_done=True
        )
        later = virtual_pb.CreateVirtualKeyRequest(virtual_key=VirtualKeySpec(name="later"))
        made = (await api(later)).virtual_key
        snapshot = await api.snapshot()
        sealed = [each.secret.encryption_key_id for each in snapshot.keys]
        assert sealed == [key_id(NEW)] * 2
        assert snapshot.virtual_keys[0].hash == Vault(NEW).hash(made.key)
        entries = (await api(pb.ListAuditEntriesRequest())).entries
        [line] = [each for each in entries if each.action == AUDIT_ACTION_ROTATED]
        assert (line.actor, line.resource_kind) == ("master-key", "configuration")
        assert (await api(pb.VerifyAuditLogRequest())).is_whole
        # A process that began by now shows the new key's token; older ones still show theirs.
        for key in (NEW, ENCRYPTION_KEY):
            watch = api.snapshots.WatchSnapshot(
                WatchSnapshotRequest(), metadata=service_metadata(service_token(key))
            )
            assert (await watch.read()).revision
            watch.cancel()
        wrong = api.snapshots.WatchSnapshot(
            WatchSnapshotRequest(), metadata=service_metadata(service_token(bytes(32)))
        )
        with pytest.raises(grpc.RpcError):
            await wrong.read()


async def test_a_change_that_broke_off_is_finished_by_the_next_start(
    bench: Bench, tmp_path: Path
) -> None:
    """The file has the new key before anything is sealed with it, so that nothing is lost."""
    async with bench.registry() as api:
        number = (await api.provider()).id
        spec = KeyCredentialSpec(api_key="sk-1234567890")
        await api(key_pb.CreateKeyCredentialRequest(provider_id=number, key=spec))
    file = key_file(tmp_path, NEW, ENCRYPTION_KEY)
    async with bench.registry(key_file=file.path) as api:
        [key] = (await api.snapshot()).keys
        assert key.secret.encryption_key_id == key_id(NEW)
        assert Vault(NEW).open(key.secret, "key_1", "OpenAI") == "sk-1234567890"
