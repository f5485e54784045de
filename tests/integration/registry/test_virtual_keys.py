"""Virtual keys over gRPC."""

import re
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from tests.support.registry import NOW, Api, Bench

from conduit.v1 import virtual_key_requests_pb2 as pb
from conduit.v1.budget_pb2 import BUDGET_PERIOD_TOTAL, Budget
from conduit.v1.registry_requests_pb2 import ListAuditEntriesRequest
from conduit.v1.virtual_key_pb2 import VirtualKeySpec
from conduit_kernel.secrets import Vault

TOTAL = Budget(limit_nano_usd=5_000, period=BUDGET_PERIOD_TOTAL)


def create(**fields: object) -> pb.CreateVirtualKeyRequest:
    """Ask for a virtual key."""
    given: dict[str, Any] = fields
    return pb.CreateVirtualKeyRequest(virtual_key=VirtualKeySpec(**given))


async def test_the_value_of_a_virtual_key_is_shown_once(api: Api, bench: Bench) -> None:
    """What is kept is a hash, by which routers know it."""
    made = (await api(create(name="ci", allowed_models=["gpt-*"]))).virtual_key
    assert re.fullmatch(r"condt_[A-Za-z0-9_-]{43}", made.key)
    assert made.key_prefix == made.key[:12]
    got = (await api(pb.GetVirtualKeyRequest(id=made.id))).virtual_key
    assert not got.HasField("key")
    assert (got.name, got.allowed_models) == ("ci", ["gpt-*"])
    [known] = (await api.snapshot()).virtual_keys
    assert known.hash == Vault(bench.settings.encryption_key).hash(made.key)
    assert not known.virtual_key.HasField("key")
    [entry] = (await api(ListAuditEntriesRequest())).entries
    assert made.key not in str(entry)


async def test_an_update_changes_the_given_fields_alone(api: Api) -> None:
    """What is unset stays as it is."""
    made = (await api(create(name="ci"))).virtual_key
    spec = VirtualKeySpec(expires_at=Timestamp(seconds=int(NOW) + 60))
    changed = (await api(pb.UpdateVirtualKeyRequest(id=made.id, virtual_key=spec))).virtual_key
    assert (changed.name, changed.is_enabled) == ("ci", True)
    assert changed.expires_at.seconds == NOW + 60


async def test_a_virtual_key_that_cannot_be_is_refused_and_nothing_changes(api: Api) -> None:
    """The error names the field in the API's spelling."""
    await api(create(name="ci"))
    for request, reason, field in (
        (create(), "INVALID_REQUEST", "name"),
        (create(name=" "), "INVALID_REQUEST", "name"),
        (create(name="CI"), "ALREADY_EXISTS", "name"),
        (create(name="a", budget_nano_usd=-1), "INVALID_REQUEST", "budget"),
        (create(name="a", budget_nano_usd=5, budgets=[TOTAL]), "INVALID_REQUEST", "budgets"),
        (create(name="a", allowed_models=[""]), "INVALID_REQUEST", "allowedModels"),
        (create(name="a", expires_at=Timestamp(seconds=-1)), "INVALID_REQUEST", "expiresAt"),
    ):
        error = await api.refused(request)
        assert (error.reason, error.metadata["field"]) == (reason, field)
    assert len((await api(pb.ListVirtualKeysRequest())).virtual_keys) == 1


async def test_a_deleted_virtual_key_is_not_found(api: Api) -> None:
    """Whatever is asked of it."""
    made = (await api(create(name="ci"))).virtual_key
    await api(pb.DeleteVirtualKeyRequest(id=made.id))
    for request in (
        pb.GetVirtualKeyRequest(id=made.id),
        pb.UpdateVirtualKeyRequest(id=made.id),
        pb.DeleteVirtualKeyRequest(id=made.id),
    ):
        error = await api.refused(request)
        assert error.message == "Virtual key with ID 1 not found"
        assert error.reason == "VIRTUAL_KEY_NOT_FOUND"
    assert not (await api(pb.ListVirtualKeysRequest())).virtual_keys
