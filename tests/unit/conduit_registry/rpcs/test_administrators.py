"""RPCs about those who administer."""

import re
from typing import Any

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp
from tests.support.registry import NOW, Api, Bench

from conduit.v1 import administrator_requests_pb2 as pb
from conduit.v1.administrator_pb2 import Administrator, AdministratorSpec
from conduit.v1.registry_requests_pb2 import ListAuditEntriesRequest
from conduit.v1.role_pb2 import ROLE_AUDITOR, ROLE_OPERATOR, ROLE_OWNER, ROLE_VIEWER, Role
from conduit_kernel.rpc import error_of
from conduit_kernel.secrets import Vault


async def create(api: Api, name: str = "anna", role: Role.ValueType = ROLE_VIEWER) -> Administrator:
    """Make an administrator."""
    request = pb.CreateAdministratorRequest(administrator=AdministratorSpec(name=name, role=role))
    made: Administrator = (await api(request)).administrator
    return made


async def reason_for(api: Api, token: str) -> str:
    """Return why a token may not list administrators; empty if it may."""
    metadata = (("authorization", f"Bearer {token}"),)
    try:
        await api.stub.ListAdministrators(pb.ListAdministratorsRequest(), metadata=metadata)
    except grpc.RpcError as error:
        return error_of(error, "registry").reason
    return ""


async def test_the_token_is_shown_once(api: Api, bench: Bench) -> None:
    """What is kept is a hash, by which all services know it; the log has neither."""
    made = await create(api)
    assert re.fullmatch(r"condt_admin_[A-Za-z0-9_-]{43}", made.token)
    shown = [
        (await api(pb.GetAdministratorRequest(id=made.id))).administrator,
        *(await api(pb.ListAdministratorsRequest())).administrators,
        (await api(pb.UpdateAdministratorRequest(id=made.id))).administrator,
    ]
    for each in shown:
        assert (each.token_prefix, each.HasField("token")) == (made.token[:18], False)
    [known] = (await api.snapshot()).administrators
    assert known.hash == Vault(bench.settings.encryption_key).hash(made.token)
    assert not known.administrator.HasField("token")
    assert made.token not in str((await api(ListAuditEntriesRequest())).entries)


async def test_a_token_works_from_its_answer_on_until_it_is_replaced(api: Api) -> None:
    """The old one does not, from the answer on that has the new one."""
    made = await create(api, role=ROLE_AUDITOR)
    assert await reason_for(api, made.token) == ""
    rotated = (await api(pb.RotateAdministratorRequest(id=made.id))).administrator
    assert rotated.rotated_at.seconds == NOW
    assert await reason_for(api, made.token) == "ADMINISTRATOR_TOKEN_INVALID"
    assert await reason_for(api, rotated.token) == ""


async def test_a_replaced_token_is_taken_for_the_grace_time_that_was_asked_for(
    api: Api, bench: Bench
) -> None:
    """Not a second longer, and not beyond the next rotation."""
    first = (await create(api, role=ROLE_AUDITOR)).token
    request = pb.RotateAdministratorRequest(id=1, grace_seconds=60)
    rotated = (await api(request)).administrator
    second = rotated.token
    assert rotated.former_token_until.seconds == NOW + 60
    assert [await reason_for(api, each) for each in (first, second)] == ["", ""]
    third = (await api(request)).administrator.token
    refused = "ADMINISTRATOR_TOKEN_INVALID"
    found = [await reason_for(api, each) for each in (first, second, third)]
    assert found == [refused, "", ""]
    bench.clock.now += 60
    found = [await reason_for(api, each) for each in (second, third)]
    assert found == [refused, ""]


async def test_a_change_is_in_force_once_it_is_answered(api: Api) -> None:
    """Of the role, of the switch, of the date, and that somebody is gone."""
    made = await create(api, role=ROLE_AUDITOR)

    async def after(**fields: Any) -> str:  # noqa: ANN401 # of the spec
        spec = AdministratorSpec(**fields)
        await api(pb.UpdateAdministratorRequest(id=made.id, administrator=spec))
        return await reason_for(api, made.token)

    assert await after(role=ROLE_OPERATOR) == "ROLE_REQUIRED"
    assert await after(role=ROLE_OWNER) == ""
    assert await after(is_enabled=False) == "ADMINISTRATOR_TOKEN_INVALID"
    assert await after(is_enabled=True) == ""
    assert await after(expires_at=Timestamp(seconds=int(NOW))) == "ADMINISTRATOR_TOKEN_INVALID"
    mask = FieldMask(paths=["expires_at"])
    await api(pb.UpdateAdministratorRequest(id=made.id, update_mask=mask))
    assert await reason_for(api, made.token) == ""
    await api(pb.DeleteAdministratorRequest(id=made.id))
    assert await reason_for(api, made.token) == "ADMINISTRATOR_TOKEN_INVALID"


async def test_an_administrator_that_cannot_be_is_refused(api: Api) -> None:
    """The error names the field in the API's spelling."""
    await create(api)
    for spec, reason, field in (
        (AdministratorSpec(role=ROLE_VIEWER), "INVALID_REQUEST", "name"),
        (AdministratorSpec(name="berta"), "INVALID_REQUEST", "role"),
        (AdministratorSpec(name="ANNA", role=ROLE_VIEWER), "ALREADY_EXISTS", "name"),
    ):
        error = await api.refused(pb.CreateAdministratorRequest(administrator=spec))
        assert (error.reason, error.metadata["field"]) == (reason, field)
    berta = await create(api, "berta")
    renamed = AdministratorSpec(name="Anna")
    error = await api.refused(pb.UpdateAdministratorRequest(id=berta.id, administrator=renamed))
    assert (error.reason, error.metadata["administrator_id"]) == ("ALREADY_EXISTS", "1")


@pytest.mark.parametrize(
    "request_type",
    [
        pb.GetAdministratorRequest,
        pb.UpdateAdministratorRequest,
        pb.DeleteAdministratorRequest,
        pb.RotateAdministratorRequest,
    ],
)
async def test_who_is_not_there_is_not_found(api: Api, request_type: Any) -> None:  # noqa: ANN401 # a class of messages
    """Whatever is asked of them."""
    error = await api.refused(request_type(id=9))
    assert (error.reason, error.metadata["administrator_id"]) == ("ADMINISTRATOR_NOT_FOUND", "9")


async def test_the_log_says_who_changed_what(api: Api) -> None:
    """By the name and the id, which are nobody else's."""
    owner = await create(api, "olga", ROLE_OWNER)
    spec = AdministratorSpec(name="piet", role=ROLE_VIEWER)
    metadata = (("authorization", f"Bearer {owner.token}"),)
    await api.stub.CreateAdministrator(
        pb.CreateAdministratorRequest(administrator=spec), metadata=metadata
    )
    newest, first = (await api(ListAuditEntriesRequest())).entries
    assert (newest.actor, newest.resource_kind) == ("administrator/1 olga", "administrator")
    assert first.actor == "master-key"
    assert first.changes["role"]["to"] == "Owner"
