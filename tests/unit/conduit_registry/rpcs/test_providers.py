"""RPCs about provider instances."""

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from tests.support.registry import Api, Bench, Upstream

from conduit.v1 import provider_requests_pb2 as pb
from conduit.v1.connectivity_pb2 import CONNECTIVITY_OUTCOME_OK
from conduit.v1.key_credential_pb2 import KeyCredentialSpec
from conduit.v1.key_credential_requests_pb2 import CreateKeyCredentialRequest
from conduit.v1.provider_pb2 import ProviderSecurity, ProviderSpec
from conduit.v1.registry_requests_pb2 import ListAuditEntriesRequest


async def test_a_filter_by_type_takes_any_spelling_and_has_pages_of_its_own(api: Api) -> None:
    """A type that there is not is an error rather than an empty list."""
    for number in range(3):
        await api.provider(f"P{number}")
    await api.provider("Other", provider_type="Groq")
    page = await api(pb.ListProvidersRequest(provider_type="openai", page_size=2))
    assert [each.id for each in page.providers] == [1, 2]
    request = pb.ListProvidersRequest(provider_type="OPENAI", page_token=page.next_page_token)
    assert [each.id for each in (await api(request)).providers] == [3]
    request.ClearField("provider_type")
    assert (await api.refused(request)).metadata["field"] == "pageToken"
    error = await api.refused(pb.ListProvidersRequest(provider_type="OpenAl"))
    assert error.reason == "PROVIDER_TYPE_UNKNOWN"


async def test_fields_are_taken_back_by_the_mask(api: Api) -> None:
    """An address and settings, too; a name cannot be."""
    await api.provider(
        base_url="https://llm.example/v1",
        weight=7,
        security=ProviderSecurity(require_mtls=True),
        description="two",
    )
    request = pb.UpdateProviderRequest(
        id=1,
        provider=ProviderSpec(description="ignored"),
        update_mask=FieldMask(paths=["base_url", "weight", "security"]),
    )
    changed = (await api(request)).provider
    assert (changed.base_url, changed.weight, changed.description) == ("", 1, "two")
    assert not changed.security.require_mtls
    request.update_mask.paths[:] = ["name"]
    assert (await api.refused(request)).metadata["field"] == "name"


async def test_a_stale_change_is_refused(api: Api) -> None:
    """By the etag that the instance no longer has."""
    made = await api.provider()
    request = pb.UpdateProviderRequest(id=1, provider=ProviderSpec(weight=3), etag=made.etag)
    assert (await api(request)).provider.weight == 3
    assert (await api.refused(request)).reason == "ETAG_MISMATCH"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "169.254.169.254", "[::1]", "0x7f.1"])
async def test_an_address_must_be_public_unless_private_ones_are_allowed(
    bench: Bench, host: str
) -> None:
    """On creation and later."""
    spec = ProviderSpec(name="A", provider_type="OpenAI", base_url=f"http://{host}:8080")
    async with bench.registry(allow_private_addresses=False) as api:
        await api.provider()
        for request in (
            pb.CreateProviderRequest(provider=spec),
            pb.UpdateProviderRequest(id=1, provider=ProviderSpec(base_url=spec.base_url)),
        ):
            assert (await api.refused(request)).reason == "ADDRESS_NOT_ALLOWED"


@pytest.mark.parametrize("number", [999, 0, -1, 2**63 - 1])
async def test_an_unknown_id_is_not_found(api: Api, number: int) -> None:
    """Whatever is asked of it; the message is the one that the API promises."""
    for request in (
        pb.GetProviderRequest(id=number),
        pb.UpdateProviderRequest(id=number),
        pb.DeleteProviderRequest(id=number),
        pb.TestProviderRequest(provider_id=number),
        pb.DiscoverModelsRequest(provider_id=number),
        pb.ListDiscoveredModelsRequest(provider_id=number),
    ):
        error = await api.refused(request)
        assert error.message == f"Provider with ID {number} not found"
        assert error.reason == "PROVIDER_NOT_FOUND"


async def test_models_are_discovered_and_listed_in_pages(api: Api, upstream: Upstream) -> None:
    """Pages of one instance's models; a test lists them without keeping any."""
    upstream.lists("good", "c", "a", "b")
    await api.provider(base_url=upstream.url)
    await api.provider("Other")
    await api(CreateKeyCredentialRequest(provider_id=1, key=KeyCredentialSpec(api_key="good")))
    report = (await api(pb.TestProviderRequest(provider_id=1, key_id="key_1"))).report
    assert (report.outcome, list(report.models)) == (CONNECTIVITY_OUTCOME_OK, ["c", "a", "b"])
    request = pb.ListDiscoveredModelsRequest(provider_id=1, page_size=2)
    assert not (await api(request)).models
    found = await api(pb.DiscoverModelsRequest(provider_id=1))
    assert (found.provider_id, found.added) == (1, ["a", "b", "c"])
    page = await api(request)
    assert [model.name for model in page.models] == ["a", "b"]
    request.page_token = page.next_page_token
    assert [model.name for model in (await api(request)).models] == ["c"]
    request.provider_id = 2
    assert (await api.refused(request)).metadata["field"] == "pageToken"
    error = await api.refused(pb.TestProviderRequest(provider_id=1, key_id="nonsense"))
    assert error.reason == "KEY_NOT_FOUND"


async def test_a_deleted_instance_is_gone(api: Api) -> None:
    """A name is free again, and an id is not."""
    await api.provider()
    await api(pb.DeleteProviderRequest(id=1))
    assert (await api.provider()).id == 2
    assert len((await api(ListAuditEntriesRequest())).entries) == 3
