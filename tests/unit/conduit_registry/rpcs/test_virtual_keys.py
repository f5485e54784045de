"""RPCs about the keys that callers hold."""

import hashlib
import re
from typing import Any

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp
from tests.support.registry import NOW, Api, Bench

from conduit.v1 import virtual_key_requests_pb2 as pb
from conduit.v1.audit_entry_pb2 import AUDIT_ACTION_ROTATED
from conduit.v1.registry_requests_pb2 import ListAuditEntriesRequest
from conduit.v1.virtual_key_pb2 import VirtualKey, VirtualKeySpec
from conduit_kernel.secrets import Vault


async def create(api: Api, name: str = "ci", **fields: object) -> VirtualKey:
    """Make a virtual key."""
    given: dict[str, Any] = fields
    request = pb.CreateVirtualKeyRequest(virtual_key=VirtualKeySpec(name=name, **given))
    made: VirtualKey = (await api(request)).virtual_key
    return made


async def test_the_value_is_shown_once(api: Api, bench: Bench) -> None:
    """What is kept is a hash, by which routers know it; the log has neither."""
    made = await create(api)
    assert re.fullmatch(r"condt_[A-Za-z0-9_-]{43}", made.key)
    shown = [
        (await api(pb.GetVirtualKeyRequest(id=made.id))).virtual_key,
        *(await api(pb.ListVirtualKeysRequest())).virtual_keys,
        (await api(pb.UpdateVirtualKeyRequest(id=made.id))).virtual_key,
    ]
    for each in shown:
        assert (each.key_prefix, each.HasField("key")) == (made.key[:12], False)
    [known] = (await api.snapshot()).virtual_keys
    assert known.hash == Vault(bench.settings.encryption_key).hash(made.key)
    assert made.key not in str((await api(ListAuditEntriesRequest())).entries)


async def test_a_value_of_another_gateway_is_known_by_its_hash(api: Api) -> None:
    """It is shown to nobody, is no other key's, and is replaced by a rotation alone."""
    known_by = hashlib.sha256(b"sk-of-another-gateway").hexdigest()
    made = await create(api, "old", key_sha256=known_by)
    assert (made.is_imported, made.key_prefix, made.HasField("key")) == (True, "", False)
    [stored] = (await api.snapshot()).virtual_keys
    assert stored.hash.hex() == known_by
    spec = VirtualKeySpec(name="twin", key_sha256=known_by.upper())
    refused = await api.refused(pb.CreateVirtualKeyRequest(virtual_key=spec))
    assert (refused.reason, refused.metadata["field"]) == ("ALREADY_EXISTS", "keySha256")
    change = VirtualKeySpec(key_sha256=known_by)
    refused = await api.refused(pb.UpdateVirtualKeyRequest(id=made.id, virtual_key=change))
    assert (refused.reason, refused.metadata["field"]) == ("INVALID_REQUEST", "keySha256")
    everything = pb.UpdateVirtualKeyRequest(
        id=made.id, virtual_key=VirtualKeySpec(name="new"), update_mask=FieldMask(paths=["*"])
    )
    assert (await api(everything)).virtual_key.is_imported
    rotated = (await api(pb.RotateVirtualKeyRequest(id=made.id))).virtual_key
    assert rotated.key.startswith("condt_")
    assert not rotated.is_imported


async def test_fields_are_taken_back_by_the_mask(api: Api) -> None:
    """A key that no longer ends has no time of its end; a name cannot be taken back."""
    await create(api, expires_at=Timestamp(seconds=int(NOW)), allowed_models=["gpt-*"])
    request = pb.UpdateVirtualKeyRequest(id=1, virtual_key=VirtualKeySpec(is_enabled=False))
    changed = (await api(request)).virtual_key
    assert (changed.is_enabled, changed.expires_at.seconds) == (False, NOW)
    request.virtual_key.Clear()
    request.update_mask.paths[:] = ["expires_at", "allowed_models"]
    changed = (await api(request)).virtual_key
    assert not changed.HasField("expires_at")
    assert (list(changed.allowed_models), changed.is_enabled) == ([], False)
    request.update_mask.paths[:] = ["name"]
    assert (await api.refused(request)).metadata["field"] == "name"


async def test_a_stale_change_is_refused(api: Api) -> None:
    """By the etag that it no longer has; the value is no part of that."""
    made = await create(api)
    spec = VirtualKeySpec(name="CI")
    request = pb.UpdateVirtualKeyRequest(id=1, virtual_key=spec, etag=made.etag)
    assert (await api(request)).virtual_key.name == "CI"
    assert (await api.refused(request)).reason == "ETAG_MISMATCH"


async def test_they_are_listed_in_pages(api: Api) -> None:
    """In order of id."""
    for name in "abc":
        await create(api, name)
    page = await api(pb.ListVirtualKeysRequest(page_size=2))
    assert [each.name for each in page.virtual_keys] == ["a", "b"]
    last = await api(pb.ListVirtualKeysRequest(page_token=page.next_page_token))
    assert ([each.name for each in last.virtual_keys], last.next_page_token) == (["c"], "")


async def test_what_is_deleted_is_not_found(api: Api) -> None:
    """Whatever is asked of it; its name is free again."""
    await create(api)
    await api(pb.DeleteVirtualKeyRequest(id=1))
    for request in (
        pb.GetVirtualKeyRequest(id=1),
        pb.UpdateVirtualKeyRequest(id=1),
        pb.DeleteVirtualKeyRequest(id=1),
        pb.RotateVirtualKeyRequest(id=1),
    ):
        assert (await api.refused(request)).reason == "VIRTUAL_KEY_NOT_FOUND"
    assert (await create(api)).id == 2


async def test_of_a_replaced_value_its_hash_is_kept_for_the_grace_time(
    api: Api, bench: Bench
) -> None:
    """A day unless somebody says; routers know both, the log and the API neither."""
    made, vault = await create(api, allowed_models=["a"]), Vault(bench.settings.encryption_key)
    rotated = (await api(pb.RotateVirtualKeyRequest(id=1))).virtual_key
    assert rotated.key != made.key
    assert (rotated.key_prefix, list(rotated.allowed_models)) == (rotated.key[:12], ["a"])
    assert (rotated.rotated_at.seconds, rotated.former_key_until.seconds) == (NOW, NOW + 86_400)
    [known] = (await api.snapshot()).virtual_keys
    assert (known.hash, known.former_hash) == (vault.hash(rotated.key), vault.hash(made.key))
    [entry, _] = (await api(ListAuditEntriesRequest())).entries
    assert entry.action == AUDIT_ACTION_ROTATED
    assert made.key not in str(entry)
    assert rotated.key not in str(entry)
    assert not (await api(pb.GetVirtualKeyRequest(id=1))).virtual_key.HasField("key")


async def test_a_second_rotation_ends_the_first_ones_grace(api: Api, bench: Bench) -> None:
    """There is one former value at most; without a grace time there is none."""
    await create(api)
    second = (await api(pb.RotateVirtualKeyRequest(id=1))).virtual_key
    request = pb.RotateVirtualKeyRequest(id=1, grace_seconds=60)
    third = (await api(request)).virtual_key
    assert third.former_key_until.seconds == NOW + 60
    [known] = (await api.snapshot()).virtual_keys
    assert known.former_hash == Vault(bench.settings.encryption_key).hash(second.key)
    last = (await api(pb.RotateVirtualKeyRequest(id=1, grace_seconds=0))).virtual_key
    assert not last.HasField("former_key_until")
    [known] = (await api.snapshot()).virtual_keys
    assert known.former_hash == b""


async def test_the_grace_time_is_bounded(api: Api) -> None:
    """Thirty days; what is refused replaces nothing."""
    made = await create(api)
    for seconds in (-1, 2_592_001, 2**63 - 1):
        error = await api.refused(pb.RotateVirtualKeyRequest(id=1, grace_seconds=seconds))
        assert (error.reason, error.metadata["field"]) == ("INVALID_REQUEST", "graceSeconds")
    assert (await api(pb.GetVirtualKeyRequest(id=1))).virtual_key.key_prefix == made.key_prefix
