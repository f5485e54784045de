"""Who has logged in, as bridges tell and owners see."""

from typing import Any

import grpc
import pytest
from google.protobuf.json_format import MessageToDict
from google.protobuf.timestamp_pb2 import Timestamp
from tests.support.registry import METADATA, NOW, SERVICE_METADATA, Api, Bench

from conduit.internal.v1 import login_service_pb2 as pb
from conduit.internal.v1.login_service_pb2_grpc import LoginServiceStub
from conduit.v1.administrator_session_pb2 import (
    AdministratorSession,
    EndAdministratorSessionsRequest,
    ListAdministratorSessionsRequest,
)
from conduit.v1.audit_entry_pb2 import AuditAction, AuditEntry
from conduit.v1.registry_requests_pb2 import ListAuditEntriesRequest, VerifyAuditLogRequest
from conduit.v1.role_pb2 import ROLE_OPERATOR, ROLE_UNSPECIFIED, Role
from conduit_kernel.rpc import connect, error_of
from conduit_registry.rpcs.logins import MAX_SECONDS


async def told(api: Api, request: Any, metadata: Any = SERVICE_METADATA) -> Any:  # noqa: ANN401 # of three
    """Send a request of a bridge's; return the answer."""
    async with connect(f"127.0.0.1:{api.process.port}") as channel:
        stub: Any = LoginServiceStub(channel)
        name = type(request).__name__.removesuffix("Request")
        return await getattr(stub, name)(request, metadata=metadata, timeout=10)


async def log_in(
    api: Api, subject: str = "sub-1", role: Role.ValueType = ROLE_OPERATOR
) -> AdministratorSession:
    """Begin a session."""
    request = pb.BeginSessionRequest(
        subject=subject,
        name=f"{subject} anna",
        role=role,
        seconds=3600,
        address="203.0.113.7",
        request_id="req_login",
    )
    session: AdministratorSession = (await told(api, request)).session
    return session


def reference(session: AdministratorSession) -> pb.SessionReference:
    """Name a session."""
    return pb.SessionReference(id=session.id, created_at=session.created_at)


async def listed(api: Api) -> list[AdministratorSession]:
    """Return what auditors see."""
    return list((await api(ListAdministratorSessionsRequest())).administrator_sessions)


async def entries(api: Api) -> list[AuditEntry]:
    """Return the audit log, oldest first, which is whole."""
    assert (await api(VerifyAuditLogRequest())).is_whole
    return list((await api(ListAuditEntriesRequest())).entries)[::-1]


async def test_logins_and_logouts_are_lines_of_the_audit_log(api: Api) -> None:
    """With who, from where and by which request; the login's line says the role."""
    session = await log_in(api)
    assert session.expires_at.seconds == NOW + 3600
    ending = pb.EndSessionRequest(
        reference=reference(session), address="203.0.113.8", request_id="req_out"
    )
    await told(api, ending)
    # Once is enough.
    await told(api, ending)
    into, out = await entries(api)
    assert [AuditAction.Name(each.action) for each in (into, out)] == [
        "AUDIT_ACTION_LOGGED_IN",
        "AUDIT_ACTION_LOGGED_OUT",
    ]
    assert (into.actor, into.peer, into.request_id) == (
        *("login/sub-1 anna", "203.0.113.7", "req_login"),
    )
    assert (out.actor, out.peer, out.request_id) == ("login/sub-1 anna", "203.0.113.8", "req_out")
    assert MessageToDict(into.changes)["role"] == {"from": None, "to": "Operator"}
    assert into.resource_kind == out.resource_kind == "administrator_session"


async def test_a_session_is_found_until_it_ends(api: Api, bench: Bench) -> None:
    """By its id and its beginning; in time it ends by itself."""
    one, two = await log_in(api), await log_in(api)
    for each in (one, two):
        assert (await told(api, pb.FindSessionRequest(reference=reference(each)))).session == each
    other = reference(one)
    other.created_at.FromMicroseconds(1)
    assert not (await told(api, pb.FindSessionRequest(reference=other))).HasField("session")
    await told(api, pb.EndSessionRequest(reference=reference(one)))
    assert not (await told(api, pb.FindSessionRequest(reference=reference(one)))).HasField(
        "session"
    )
    assert await listed(api) == [two]
    bench.clock.now += 3600
    assert await listed(api) == []
    assert not (await told(api, pb.FindSessionRequest(reference=reference(two)))).HasField(
        "session"
    )


async def test_owners_end_all_of_a_persons_sessions(api: Api) -> None:
    """The log says who did; followers hear of each."""
    berta = await log_in(api, "sub-2")
    anna = [await log_in(api), await log_in(api)]
    assert list((await api.snapshot()).administrator_sessions) == [berta, *anna]
    ended = await api(EndAdministratorSessionsRequest(subject="sub-1"))
    assert list(ended.administrator_sessions) == anna
    assert list((await api.snapshot()).administrator_sessions) == [berta]
    last = (await entries(api))[-1]
    assert (last.actor, last.resource_kind) == ("master-key", "administrator_session")
    assert (await api(EndAdministratorSessionsRequest(ids=[berta.id, 99]))).administrator_sessions
    assert await listed(api) == []


async def test_sessions_survive_a_restart(bench: Bench) -> None:
    """As the database has them; so does it that they have ended."""
    async with bench.registry() as first:
        one, two = await log_in(first), await log_in(first)
        await told(first, pb.EndSessionRequest(reference=reference(one)))
    async with bench.registry() as again:
        assert await listed(again) == [two]


async def test_whoever_has_no_role_any_more_loses_all_sessions(api: Api) -> None:
    """They are known, but nobody here."""
    await log_in(api)
    request = pb.BeginSessionRequest(subject="sub-1", name="x", role=ROLE_UNSPECIFIED, seconds=60)
    assert not (await told(api, request)).HasField("session")
    assert await listed(api) == []


@pytest.mark.parametrize(
    "request_",
    [
        pb.BeginSessionRequest(role=ROLE_OPERATOR, seconds=60),
        pb.BeginSessionRequest(subject="sub-1", role=ROLE_OPERATOR),
        pb.BeginSessionRequest(subject="sub-1", role=ROLE_OPERATOR, seconds=-1),
        pb.BeginSessionRequest(subject="sub-1", role=ROLE_OPERATOR, seconds=MAX_SECONDS + 1),
        pb.FindSessionRequest(
            reference=pb.SessionReference(id=1, created_at=Timestamp(seconds=-1))
        ),
    ],
)
async def test_nonsense_of_a_bridge_is_refused(api: Api, request_: Any) -> None:  # noqa: ANN401 # of two
    """Nobody is let in by it, or for ever."""
    with pytest.raises(grpc.RpcError) as refused:
        await told(api, request_)
    assert error_of(refused.value, "registry").reason == "INVALID_REQUEST"
    assert await listed(api) == []


async def test_no_administrator_begins_sessions(api: Api) -> None:
    """Not even the holder of the master key: whoever it was would be somebody else."""
    request = pb.BeginSessionRequest(subject="sub-1", role=ROLE_OPERATOR, seconds=60)
    with pytest.raises(grpc.RpcError) as refused:
        await told(api, request, METADATA)
    assert error_of(refused.value, "registry").reason == "SERVICE_TOKEN_INVALID"
