"""RPCs about groups of virtual keys."""

from typing import Any

import pytest
from tests.support.registry import Api

from conduit.v1 import virtual_key_group_requests_pb2 as pb
from conduit.v1 import virtual_key_requests_pb2 as key_pb
from conduit.v1.budget_pb2 import BUDGET_PERIOD_DAY, Budget
from conduit.v1.registry_requests_pb2 import ListAuditEntriesRequest
from conduit.v1.virtual_key_group_pb2 import VirtualKeyGroup, VirtualKeyGroupSpec
from conduit.v1.virtual_key_pb2 import VirtualKeySpec


async def create(api: Api, name: str = "search", **fields: Any) -> VirtualKeyGroup:  # noqa: ANN401 # a spec's
    """Make a group."""
    spec = VirtualKeyGroupSpec(name=name, **fields)
    request = pb.CreateVirtualKeyGroupRequest(virtual_key_group=spec)
    made: VirtualKeyGroup = (await api(request)).virtual_key_group
    return made


async def create_key(api: Api, name: str, group_id: int) -> int:
    """Make a virtual key of a group; return its id."""
    spec = VirtualKeySpec(name=name, group_id=group_id)
    made = await api(key_pb.CreateVirtualKeyRequest(virtual_key=spec))
    return int(made.virtual_key.id)


async def test_a_group_is_kept_as_it_was_made(api: Api) -> None:
    """Routers know it, and the audit log."""
    budget = Budget(limit_nano_usd=5_000, period=BUDGET_PERIOD_DAY, is_hard=True)
    made = await create(api, budgets=[budget], metadata={"owner": "anna"}, tags=["team=search"])
    assert (made.id, made.name, made.is_enabled, made.covers_all) == (1, "search", True, False)
    assert ([*made.budgets], dict(made.metadata)) == ([budget], {"owner": "anna"})
    assert (await api(pb.GetVirtualKeyGroupRequest(id=1))).virtual_key_group == made
    assert [*(await api(pb.ListVirtualKeyGroupsRequest())).virtual_key_groups] == [made]
    assert [*(await api.snapshot()).virtual_key_groups] == [made]
    (entry,) = (await api(ListAuditEntriesRequest())).entries
    assert (entry.resource_kind, entry.resource_id) == ("virtual_key_group", "1")


async def test_fields_are_changed_and_taken_back(api: Api) -> None:
    """By the mask, or as they are given; a stale change is refused."""
    made = await create(api, allowed_models=["gpt-*"], metadata={"a": "b"})
    spec = VirtualKeyGroupSpec(is_enabled=False)
    request = pb.UpdateVirtualKeyGroupRequest(id=1, virtual_key_group=spec, etag=made.etag)
    changed = (await api(request)).virtual_key_group
    assert (changed.is_enabled, [*changed.allowed_models]) == (False, ["gpt-*"])
    assert (await api.refused(request)).reason == "ETAG_MISMATCH"
    request = pb.UpdateVirtualKeyGroupRequest(id=1)
    request.update_mask.paths[:] = ["allowed_models", "metadata", "is_enabled"]
    changed = (await api(request)).virtual_key_group
    assert (changed.is_enabled, [*changed.allowed_models], dict(changed.metadata)) == (True, [], {})


async def test_names_are_each_groups_own(api: Api) -> None:
    """Without regard to case; that of a group may be a key's as well."""
    await create(api)
    await create(api, "other")
    spec = VirtualKeyGroupSpec(name="SEARCH")
    for request in (
        pb.CreateVirtualKeyGroupRequest(virtual_key_group=spec),
        pb.UpdateVirtualKeyGroupRequest(id=2, virtual_key_group=spec),
    ):
        assert (await api.refused(request)).reason == "ALREADY_EXISTS"
    await create_key(api, "search", 1)


async def test_one_group_covers_all_and_none_is_put_into_it(api: Api) -> None:
    """Keys are in it anyway; one that has keys cannot become it."""
    await create(api, "whole", covers_all=True)
    await create(api, "search")
    spec = VirtualKeyGroupSpec(covers_all=True)
    request = pb.UpdateVirtualKeyGroupRequest(id=2, virtual_key_group=spec)
    assert (await api.refused(request)).reason == "ALREADY_EXISTS"
    key = key_pb.CreateVirtualKeyRequest(virtual_key=VirtualKeySpec(name="ci", group_id=1))
    assert (await api.refused(key)).metadata["field"] == "groupId"
    await create_key(api, "ci", 2)
    await api(pb.DeleteVirtualKeyGroupRequest(id=1))
    assert (await api.refused(request)).reason == "STILL_IN_USE"


async def test_a_group_with_keys_is_not_removed(api: Api) -> None:
    """What its keys may spend would be anybody's guess; without keys it goes."""
    await create(api)
    number = await create_key(api, "ci", 1)
    refused = await api.refused(pb.DeleteVirtualKeyGroupRequest(id=1))
    assert (refused.reason, refused.metadata["virtual_key_group_id"]) == ("STILL_IN_USE", "1")
    update = key_pb.UpdateVirtualKeyRequest(id=number)
    update.update_mask.paths[:] = ["group_id"]
    assert not (await api(update)).virtual_key.HasField("group_id")
    await api(pb.DeleteVirtualKeyGroupRequest(id=1))
    assert not (await api.snapshot()).virtual_key_groups


@pytest.mark.parametrize(
    "request_",
    [
        pb.GetVirtualKeyGroupRequest(id=9),
        pb.UpdateVirtualKeyGroupRequest(id=9),
        pb.DeleteVirtualKeyGroupRequest(id=9),
        key_pb.CreateVirtualKeyRequest(virtual_key=VirtualKeySpec(name="ci", group_id=9)),
    ],
    ids=lambda each: type(each).__name__,
)
async def test_what_there_is_not_is_not_found(api: Api, request_: Any) -> None:  # noqa: ANN401 # of each RPC its own
    """Whatever is asked of it."""
    assert (await api.refused(request_)).reason == "VIRTUAL_KEY_GROUP_NOT_FOUND"
