"""RPCs about the audit log."""

from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from tests.support.registry import NOW, Api

from conduit.v1 import registry_requests_pb2 as pb
from conduit.v1.administrator_pb2 import AdministratorSpec
from conduit.v1.administrator_requests_pb2 import CreateAdministratorRequest
from conduit.v1.audit_entry_pb2 import AUDIT_ACTION_CREATED, AUDIT_ACTION_DELETED
from conduit.v1.provider_pb2 import ProviderSpec
from conduit.v1.provider_requests_pb2 import CreateProviderRequest, DeleteProviderRequest
from conduit.v1.role_pb2 import ROLE_OPERATOR


async def test_the_audit_log_has_pages_of_one_question(api: Api) -> None:
    """A token of one filter is no token of another."""
    for name in ("A", "B", "C"):
        await api.provider(name)
    first = await api(pb.ListAuditEntriesRequest(page_size=2, resource_kind="provider"))
    assert [entry.revision for entry in first.entries] == [3, 2]
    token = first.next_page_token
    last = await api(
        pb.ListAuditEntriesRequest(page_size=2, page_token=token, resource_kind="provider")
    )
    assert ([entry.revision for entry in last.entries], last.next_page_token) == ([1], "")
    since = Timestamp(seconds=int(NOW))
    for other in (
        pb.ListAuditEntriesRequest(page_token=token),
        pb.ListAuditEntriesRequest(page_token=token, resource_kind="key"),
        pb.ListAuditEntriesRequest(page_token=token, resource_kind="provider", resource_id="1"),
        pb.ListAuditEntriesRequest(page_token=token, resource_kind="provider", since=since),
        pb.ListAuditEntriesRequest(page_token=token, resource_kind="provider", until=since),
        pb.ListAuditEntriesRequest(page_token=token, resource_kind="provider", actor="a"),
        pb.ListAuditEntriesRequest(
            page_token=token, resource_kind="provider", action=AUDIT_ACTION_CREATED
        ),
    ):
        assert (await api.refused(other)).metadata["field"] == "pageToken"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"resource_kind": "a\0"}, "resourceKind"),
        ({"resource_id": "x" * 201}, "resourceId"),
        ({"actor": "x" * 301}, "actor"),
        ({"action": 99}, "action"),
        ({"since": Timestamp(seconds=-1)}, "since"),
        ({"until": Timestamp(nanos=-1)}, "until"),
        ({"page_size": 1001}, "pageSize"),
    ],
)
async def test_a_question_that_makes_no_sense_is_refused(
    api: Api, given: dict[str, Any], field: str
) -> None:
    """The error names the field."""
    error = await api.refused(pb.ListAuditEntriesRequest(**given))
    assert (error.reason, error.metadata["field"]) == ("INVALID_REQUEST", field)


async def test_lines_are_asked_for_by_who_did_what_and_when(api: Api) -> None:
    """An administrator by their id alone: names change, and `1` is not the beginning of `10`."""
    spec = AdministratorSpec(name="anna", role=ROLE_OPERATOR)
    token = (await api(CreateAdministratorRequest(administrator=spec))).administrator.token
    as_anna = (("authorization", f"Bearer {token}"),)
    provider = ProviderSpec(name="Main", provider_type="OpenAI")
    await api.stub.CreateProvider(CreateProviderRequest(provider=provider), metadata=as_anna)
    await api(DeleteProviderRequest(id=1))

    async def found(**asked: Any) -> list[int]:  # noqa: ANN401 # whichever a test names
        answer = await api(pb.ListAuditEntriesRequest(**asked))
        return [each.revision for each in answer.entries]

    assert await found(actor="administrator/1") == [2]
    assert await found(actor="administrator/1 anna") == [2]
    assert await found(actor="administrator/1 an") == []
    assert await found(actor="administrator/") == []
    assert await found(actor="master-key") == [3, 1]
    assert await found(actor="master%") == []
    assert await found(action=AUDIT_ACTION_CREATED) == [2, 1]
    assert await found(action=AUDIT_ACTION_DELETED, actor="administrator/1") == []
    now = Timestamp(seconds=int(NOW))
    assert await found(until=now) == []
    assert await found(since=now) == [3, 2, 1]


async def test_the_audit_log_is_verified_on_request(api: Api) -> None:
    """With what an auditor keeps elsewhere: the last revision and its hash."""
    await api.provider()
    found = await api(pb.VerifyAuditLogRequest())
    assert (found.is_whole, found.entries, found.last_revision) == (True, 1, 1)
    assert len(found.head_hash) == 64
    assert not found.HasField("problem")
