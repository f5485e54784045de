"""What other services tell for the audit log."""

from typing import Any

import grpc
import pytest
from google.protobuf.json_format import MessageToDict
from tests.support.registry import NOW, SERVICE_METADATA, Api, Bench

from conduit.internal.v1 import audit_service_pb2 as pb
from conduit.internal.v1.audit_record_pb2 import AuditRecord, RefusedLogins
from conduit.internal.v1.audit_service_pb2_grpc import AuditServiceStub
from conduit.v1.audit_entry_pb2 import AUDIT_ACTION_REFUSED, AUDIT_ACTION_UPDATED, AuditEntry
from conduit.v1.registry_requests_pb2 import ListAuditEntriesRequest, VerifyAuditLogRequest
from conduit_kernel.rpc import connect, error_of


def record(number: int, **fields: object) -> AuditRecord:
    """Return what a service did."""
    given: dict[str, Any] = {
        "id": f"record-{number}",
        "actor": "administrator/1 anna",
        "peer": "203.0.113.7",
        "request_id": "req_1",
        "action": AUDIT_ACTION_UPDATED,
        "resource_kind": "model_cost",
        "resource_id": str(number),
        "changes": b'{"n": {"from": 1, "to": 2}}',
        **fields,
    }
    made = AuditRecord(**given)
    made.occurred_at.FromSeconds(int(NOW) - 60)
    return made


async def told(api: Api, request: Any) -> str:  # noqa: ANN401 # one of two
    """Send a request; return the field of the error, or nothing."""
    channel = connect(f"127.0.0.1:{api.process.port}")
    async with channel:
        stub: Any = AuditServiceStub(channel)
        name = type(request).__name__.removesuffix("Request")
        try:
            await getattr(stub, name)(request, metadata=SERVICE_METADATA, timeout=10)
        except grpc.RpcError as error:
            return error_of(error, "registry").metadata["field"]
    return ""


async def entries(api: Api) -> list[AuditEntry]:
    """Return the audit log, oldest first, which is whole."""
    assert (await api(VerifyAuditLogRequest())).is_whole
    return list((await api(ListAuditEntriesRequest())).entries)[::-1]


async def test_a_record_is_one_line_however_often_it_is_told(api: Api) -> None:
    """In the order in which services tell, with their time; the chain has it as any other."""
    await api.provider()
    request = pb.RecordAuditRequest(records=[record(1), record(2), record(1)])
    assert await told(api, request) == ""
    assert await told(api, pb.RecordAuditRequest(records=[record(2), record(3)])) == ""
    own, *others = await entries(api)
    assert own.resource_kind == "provider"
    assert [(each.revision, each.resource_id) for each in others] == [(2, "1"), (3, "2"), (4, "3")]
    first = others[0]
    assert (first.actor, first.peer) == ("administrator/1 anna", "203.0.113.7")
    assert MessageToDict(first.changes) == {"n": {"from": 1, "to": 2}}
    assert first.occurred_at.ToSeconds() == int(NOW) - 60
    assert len(first.hash) == 64


async def test_a_clock_that_is_ahead_is_not_believed(api: Api) -> None:
    """Its lines would be kept for longer than others."""
    ahead = record(1)
    ahead.occurred_at.FromSeconds(int(NOW) + 3600)
    await told(api, pb.RecordAuditRequest(records=[ahead]))
    [entry] = await entries(api)
    assert entry.occurred_at.ToSeconds() == int(NOW)


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (pb.RecordAuditRequest(records=[AuditRecord()] * 1001), "records"),
        (pb.RecordAuditRequest(records=[record(1), record(2, id="")]), "records"),
        (pb.RecordAuditRequest(records=[record(1, changes=b"[]")]), "records"),
        (pb.RecordAuditRequest(records=[record(1, changes=b"{")]), "changes"),
        (pb.ReportRefusedLoginsRequest(logins=[RefusedLogins(count=1)] * 10_001), "logins"),
        (pb.ReportRefusedLoginsRequest(logins=[RefusedLogins(minute=1, count=0)]), "logins"),
        (pb.ReportRefusedLoginsRequest(logins=[RefusedLogins(minute=1, count=-1)]), "logins"),
        (pb.ReportRefusedLoginsRequest(logins=[RefusedLogins(minute=1, count=10**10)]), "logins"),
        (pb.ReportRefusedLoginsRequest(logins=[RefusedLogins(minute=-1, count=1)]), "logins"),
    ],
)
async def test_what_makes_no_sense_is_refused_as_a_whole(
    api: Api,
    request_: pb.RecordAuditRequest | pb.ReportRefusedLoginsRequest,
    field: str,
) -> None:
    """Nothing of it is written."""
    assert await told(api, request_) == field
    assert await entries(api) == []


async def test_refused_logins_of_all_services_are_one_line_of_their_minute(bench: Bench) -> None:
    """Also those of a minute that is not over when the Registry ends; the next one has them."""
    minute = int(NOW) // 60
    login = RefusedLogins(minute=minute, address="192.0.2.1", reason="MASTER_KEY_INVALID", count=40)
    async with bench.registry() as api:
        request = pb.ReportRefusedLoginsRequest(logins=[login])
        assert await told(api, request) == ""
        login.count = 2
        assert await told(api, pb.ReportRefusedLoginsRequest(logins=[login])) == ""
        assert await entries(api) == []
    async with bench.registry() as api:
        [entry] = await entries(api)
    assert (entry.action, entry.resource_kind, entry.actor, entry.peer) == (
        AUDIT_ACTION_REFUSED,
        "login",
        "anonymous",
        "192.0.2.1",
    )
    assert dict(entry.changes) == {"reason": "MASTER_KEY_INVALID", "count": 42}
    assert entry.occurred_at.ToSeconds() == minute * 60


async def test_refused_logins_of_a_clock_that_is_ahead_are_written(bench: Bench) -> None:
    """Of the minute that it is here: a time that never comes would keep them for ever."""
    login = RefusedLogins(minute=2**63 - 1, address="192.0.2.1", reason="R", count=2)
    async with bench.registry() as api:
        await told(api, pb.ReportRefusedLoginsRequest(logins=[login]))
    async with bench.registry() as api:
        [entry] = await entries(api)
        assert entry.occurred_at.ToSeconds() // 60 == int(NOW) // 60


async def test_the_registry_counts_its_own_callers_too(bench: Bench) -> None:
    """Whoever shows a wrong master key to its port."""
    async with bench.registry() as api:
        for _ in range(3):
            with pytest.raises(grpc.RpcError):
                await api.stub.ListAuditEntries(
                    ListAuditEntriesRequest(), metadata=(("x-master-key", "wrong"),)
                )
    async with bench.registry() as api:
        [entry] = await entries(api)
    assert (entry.peer, entry.changes["count"]) == ("127.0.0.1", 3)
