"""RPCs about the configuration as a whole."""

import asyncio
from collections.abc import Sequence

import pytest
from tests.support.registry import Api, Bench

from conduit.v1 import registry_requests_pb2 as pb
from conduit.v1.audit_entry_pb2 import (
    AUDIT_ACTION_CREATED,
    AUDIT_ACTION_EXPORTED,
    AUDIT_ACTION_IMPORTED,
)
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


async def test_a_page_of_the_catalog_that_there_is_not_is_refused(api: Api) -> None:
    """The error names the field."""
    error = await api.refused(pb.ListProviderTypesRequest(page_token="nonsense"))
    assert (error.reason, error.metadata["field"]) == ("INVALID_REQUEST", "pageToken")


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


async def test_all_problems_are_told_at_once_where_that_is_asked(api: Api) -> None:
    """Those of the document alone, and those beside what there is; nothing changes then."""
    await api.provider()
    before = await api.snapshot()
    text = """
providers:
- {name: Bad, providerType: OpenAI, weight: -1}
- {name: Main, providerType: Groq}
- {name: New, providerType: OpenAI, keys: [{name: A}]}
mappings:
- {modelAlias: a, provider: Bad}
- {modelAlias: a, provider: Main}
- {modelAlias: a, provider: Gone}
virtualKeys: [{name: ci}, {name: CI}]
"""
    request = pb.ImportConfigRequest(yaml=text, report_problems=True, keep_others=True)
    answer = await api(request)
    assert [each.path for each in answer.problems] == [
        "providers[0].weight",
        "providers[1].providerType",
        "providers[2].keys[0].apiKey",
        "mappings[2].provider",
        "virtualKeys[1].name",
        "virtualKeys[1].name",
    ]
    assert answer.problems[1].message.startswith("providerType is OpenAI and cannot change")
    assert not answer.changes
    assert await api.snapshot() == before


async def test_an_import_leaves_what_it_does_not_name_where_that_is_asked(api: Api) -> None:
    """The answer tells what that is."""
    await api.provider()
    text = "providers: [{name: New, providerType: OpenAI}]"
    request = pb.ImportConfigRequest(yaml=text, keep_others=True)
    for expected in (["created provider 'New'"], []):
        answer = await api(request)
        assert (list(answer.changes), list(answer.kept)) == (expected, ["provider 'Main'"])
    assert len((await api.snapshot()).providers) == 2


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


async def test_who_reads_or_replaces_all_of_it_is_in_the_audit_log(api: Api) -> None:
    """What an import changed stands before it; rehearsals and what changes nothing leave none."""
    text = "virtualKeys: [{name: ci}]"
    await api(pb.ImportConfigRequest(yaml=text, dry_run=True))
    await api(pb.ImportConfigRequest(yaml=text))
    await api(pb.ImportConfigRequest(yaml=(await api(pb.ExportConfigRequest())).yaml))
    entries = list((await api(pb.ListAuditEntriesRequest())).entries)[::-1]
    assert [(each.action, each.resource_kind) for each in entries] == [
        (AUDIT_ACTION_CREATED, "virtual_key"),
        (AUDIT_ACTION_IMPORTED, "configuration"),
        (AUDIT_ACTION_EXPORTED, "configuration"),
    ]
    assert dict(entries[1].changes) == {"changes": 1}
