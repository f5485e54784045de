"""What all RPCs of the Registry stand on."""

import pytest
from tests.support.registry import METADATA, SERVICE_METADATA, Api, Bench

from conduit.v1.provider_pb2 import Provider, ProviderSpec
from conduit.v1.provider_requests_pb2 import (
    CreateProviderRequest,
    DeleteProviderRequest,
    UpdateProviderRequest,
)
from conduit.v1.registry_requests_pb2 import ListAuditEntriesRequest
from conduit_kernel.rpc.auth_interceptor import MAX_REQUEST_ID

CREATE = CreateProviderRequest(provider=ProviderSpec(name="Main", provider_type="OpenAI"))


async def test_who_changes_something_is_in_the_audit_log(api: Api) -> None:
    """By the principal, where it called from, and the request's id."""
    await api.provider()
    [entry] = (await api(ListAuditEntriesRequest())).entries
    assert (entry.actor, entry.peer, entry.request_id) == ("master-key", "127.0.0.1", "req_test")


@pytest.mark.parametrize(
    ("given", "kept"), [("", ""), ("x" * 1000, "x" * MAX_REQUEST_ID)], ids=["none", "long"]
)
async def test_a_requests_id_is_the_callers_to_choose_within_bounds(
    bench: Bench, given: str, kept: str
) -> None:
    """It is stored with each change."""
    async with bench.registry(request_id=given) as api:
        await api.provider()
        [entry] = (await api(ListAuditEntriesRequest())).entries
    assert entry.request_id == kept


async def test_our_bridge_says_for_whom_it_calls(api: Api) -> None:
    """By the token of our own services; nobody else is believed, an owner beside us neither."""
    said = (*METADATA, ("x-conduit-peer", "203.0.113.7"))
    await api.stub.CreateProvider(CREATE, metadata=(*said, *SERVICE_METADATA))
    [entry] = (await api(ListAuditEntriesRequest())).entries
    assert entry.peer == "203.0.113.7"
    await api.stub.DeleteProvider(DeleteProviderRequest(id=1), metadata=said)
    entry = (await api(ListAuditEntriesRequest())).entries[0]
    assert (entry.resource_id, entry.peer) == ("1", "127.0.0.1")


async def test_an_rpc_that_fails_changes_nothing(api: Api) -> None:
    """Its transaction is undone, whatever came before in it."""
    made: Provider = await api.provider()
    await api.provider("Other")
    spec = ProviderSpec(name="Other", weight=9)
    error = await api.refused(UpdateProviderRequest(id=made.id, provider=spec))
    assert error.reason == "ALREADY_EXISTS"
    assert len((await api(ListAuditEntriesRequest())).entries) == 2
