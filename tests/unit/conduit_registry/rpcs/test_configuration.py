"""RPCs about the configuration as a whole."""

import asyncio
from collections.abc import Sequence

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from tests.support.registry import NOW, Api, Bench

from conduit.v1 import registry_requests_pb2 as pb
from conduit.v1.virtual_key_pb2 import VirtualKeySpec
from conduit.v1.virtual_key_requests_pb2 import CreateVirtualKeyRequest, ListVirtualKeysRequest
from conduit_registry.rpcs import configuration
from conduit_registry.rules import addresses


async def test_the_catalog_is_listed_in_pages_in_order_of_name(api: Api) -> None:
    """With what a type's key must be and what it can do."""
    names: list[str] = []
    token = ""
    while True:
        page = await api(pb.ListProviderTypesRequest(page_size=7, page_token=token))
        names += [each.name for each in page.provider_types]
        token = page.next_page_token
        if not token:
            break
    assert names == sorted(set(names), key=str.lower)
    everything = (await api(pb.ListProviderTypesRequest(page_size=1000))).provider_types
    assert [each.name for each in everything] == names
    openai = everything[names.index("OpenAI")]
    assert openai.auth.kind == "bearer"
    assert "chat" in {operation.name for operation in openai.operations}


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
    ):
        assert (await api.refused(other)).metadata["field"] == "pageToken"


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (pb.ListAuditEntriesRequest(resource_kind="a\0"), "resourceKind"),
        (pb.ListAuditEntriesRequest(resource_id="x" * 201), "resourceId"),
        (pb.ListAuditEntriesRequest(since=Timestamp(seconds=-1)), "since"),
        (pb.ListAuditEntriesRequest(page_size=1001), "pageSize"),
        (pb.ListProviderTypesRequest(page_token="nonsense"), "pageToken"),
    ],
)
async def test_a_question_that_makes_no_sense_is_refused(
    api: Api, request_: pb.ListAuditEntriesRequest, field: str
) -> None:
    """The error names the field."""
    error = await api.refused(request_)
    assert (error.reason, error.metadata["field"]) == ("INVALID_REQUEST", field)


async def test_the_document_leads_where_it_came_from(api: Api) -> None:
    """Importing what was exported changes nothing."""
    await api.provider()
    await api(CreateVirtualKeyRequest(virtual_key=VirtualKeySpec(name="ci")))
    text = (await api(pb.ExportConfigRequest())).yaml
    before = await api.snapshot()
    assert not (await api(pb.ImportConfigRequest(yaml=text))).changes
    assert await api.snapshot() == before


async def test_a_rehearsal_says_what_would_change(api: Api) -> None:
    """And shows no virtual key, because there is none."""
    text = "virtualKeys: [{name: ci}]"
    dry = await api(pb.ImportConfigRequest(yaml=text, dry_run=True))
    assert list(dry.changes) == ["created virtual key 'ci'"]
    assert not (await api(ListVirtualKeysRequest())).virtual_keys
    [line] = (await api(pb.ImportConfigRequest(yaml=text))).changes
    assert line.startswith("created virtual key 'ci': condt_")


async def test_addresses_that_cannot_be_looked_up_in_time_keep_no_import_waiting(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each waits for the system; together they have a time."""

    async def hang(_host: str) -> Sequence[str]:
        await asyncio.Event().wait()
        return []

    monkeypatch.setattr(configuration, "CHECK_SECONDS", 0.02)
    monkeypatch.setattr(addresses.Addresses.__init__, "__kwdefaults__", {"resolve": hang})
    text = "providers: [{name: a, providerType: OpenAI, baseUrl: 'https://slow.example'}]"
    async with bench.registry(allow_private_addresses=False) as api:
        error = await api.refused(pb.ImportConfigRequest(yaml=text))
    assert error.reason == "DEADLINE_EXCEEDED"
    assert error.message == "The addresses could not be checked within 0.02 s"


async def test_the_audit_log_is_verified_on_request(api: Api) -> None:
    """With what an auditor keeps elsewhere: the last revision and its hash."""
    await api.provider()
    found = await api(pb.VerifyAuditLogRequest())
    assert (found.is_whole, found.entries, found.last_revision) == (True, 1, 1)
    assert len(found.head_hash) == 64
    assert not found.HasField("problem")
