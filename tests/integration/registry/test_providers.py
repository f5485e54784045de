"""Provider instances over gRPC."""

from typing import Any

import pytest
from tests.support.registry import Api, Bench

from conduit.v1 import provider_requests_pb2 as pb
from conduit.v1.fallback_chain_pb2 import FallbackChainSpec, FallbackProvider
from conduit.v1.fallback_chain_requests_pb2 import (
    CreateFallbackChainRequest,
    ListFallbackChainsRequest,
)
from conduit.v1.key_credential_pb2 import KeyCredentialSpec
from conduit.v1.key_credential_requests_pb2 import CreateKeyCredentialRequest
from conduit.v1.model_mapping_pb2 import ModelMappingSpec
from conduit.v1.model_mapping_requests_pb2 import (
    CreateModelMappingRequest,
    ListModelMappingsRequest,
)
from conduit.v1.provider_pb2 import AUDIT_LEVEL_FULL, ProviderSecurity, ProviderSpec
from conduit.v1.registry_requests_pb2 import ListAuditEntriesRequest, ListProviderTypesRequest


def create(**spec: object) -> pb.CreateProviderRequest:
    """Ask for an instance."""
    given: dict[str, Any] = spec
    return pb.CreateProviderRequest(provider=ProviderSpec(**given))


def update(number: int, **spec: object) -> pb.UpdateProviderRequest:
    """Ask for a change."""
    given: dict[str, Any] = spec
    return pb.UpdateProviderRequest(id=number, provider=ProviderSpec(**given))


async def test_a_provider_is_as_it_was_made_with_the_defaults(api: Api) -> None:
    """What is not said has its default, and reading gives what creating gave."""
    made = await api.provider("  OpenAI Production ", description="Primary")
    assert (made.id, made.name, made.description) == (1, "OpenAI Production", "Primary")
    assert (made.is_enabled, made.weight, made.priority) == (True, 1, 1)
    assert (made.enable_model_discovery, made.discovery_interval_hours) == (False, 24)
    assert (await api(pb.GetProviderRequest(id=1))).provider == made


async def test_a_long_spelling_of_a_type_is_stored_as_the_short_one(api: Api) -> None:
    """`openai-compatible` is OpenAICompatible, in the answer and in the filter."""
    made = await api.provider(provider_type="openai-compatible", base_url="https://llm.example/v1/")
    assert (made.provider_type, made.base_url) == ("OpenAICompatible", "https://llm.example/v1")
    listed = await api(pb.ListProvidersRequest(provider_type="CUSTOM"))
    assert [each.id for each in listed.providers] == [made.id]
    assert not (await api(pb.ListProvidersRequest(provider_type="OpenAI"))).providers


async def test_an_update_changes_the_given_fields_alone(api: Api) -> None:
    """Unset means unchanged; the settings and the security are replaced as wholes."""
    made = await api.provider(weight=70, security=ProviderSecurity(allowed_ips=["10.0.0.0/8"]))
    changed = (await api(update(made.id, enable_model_discovery=True, weight=0))).provider
    assert (changed.weight, changed.enable_model_discovery) == (0, True)
    assert changed.security.allowed_ips == ["10.0.0.0/8"]
    security = ProviderSecurity(key_rotation_days=90, audit_level=AUDIT_LEVEL_FULL)
    changed = (await api(update(made.id, security=security))).provider
    assert changed.security == security


async def test_an_update_that_changes_nothing_leaves_no_trace(api: Api) -> None:
    """It makes no revision and no audit entry."""
    made = await api.provider(weight=70)
    assert (await api(update(made.id, weight=70))).provider == made
    assert len((await api(ListAuditEntriesRequest())).entries) == 1


async def test_names_are_unique_without_regard_to_case(api: Api) -> None:
    """Also beyond ASCII, and also by renaming; a name's own case may change."""
    first = await api.provider("Größe")
    second = await api.provider("Other")
    for request in (
        create(name="GRÖSSE", provider_type="OpenAI"),
        update(second.id, name="grösse"),
    ):
        error = await api.refused(request)
        assert (error.reason, error.metadata["provider_id"]) == ("ALREADY_EXISTS", str(first.id))
    assert (await api(update(first.id, name="GRÖSSE"))).provider.name == "GRÖSSE"


BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"provider_type": "OpenAI"}, "INVALID_REQUEST", "name"),
    ({"name": "   ", "provider_type": "OpenAI"}, "INVALID_REQUEST", "name"),
    ({"name": "x" * 10_000, "provider_type": "OpenAI"}, "INVALID_REQUEST", "name"),
    ({"name": "a\0b", "provider_type": "OpenAI"}, "INVALID_REQUEST", "name"),
    ({"name": "A"}, "INVALID_REQUEST", "providerType"),
    ({"name": "A", "provider_type": "OpenAl"}, "PROVIDER_TYPE_UNKNOWN", "providerType"),
    ({"name": "A", "provider_type": "OpenAI", "weight": -1}, "INVALID_REQUEST", "weight"),
    ({"name": "A", "provider_type": "OpenAI", "weight": 1_000_001}, "INVALID_REQUEST", "weight"),
    ({"name": "A", "provider_type": "OpenAI", "priority": -1}, "INVALID_REQUEST", "priority"),
    (
        {"name": "A", "provider_type": "OpenAI", "discovery_interval_hours": 0},
        "INVALID_REQUEST",
        "discoveryIntervalHours",
    ),
    (
        {"name": "A", "provider_type": "OpenAI", "description": "x" * 2001},
        "INVALID_REQUEST",
        "description",
    ),
    (
        {"name": "A", "provider_type": "OpenAI", "base_url": "ftp://example.com"},
        "INVALID_REQUEST",
        "baseUrl",
    ),
    (
        {"name": "A", "provider_type": "OpenAI", "base_url": "https://me:secret@example.com"},
        "INVALID_REQUEST",
        "baseUrl",
    ),
    ({"name": "A", "provider_type": "OpenAICompatible"}, "INVALID_REQUEST", "baseUrl"),
    (
        {"name": "A", "provider_type": "OpenAI", "settings": {"region": "x"}},
        "INVALID_REQUEST",
        "settings.region",
    ),
    ({"name": "A", "provider_type": "AzureOpenAI"}, "INVALID_REQUEST", "settings.resource"),
    (
        {"name": "A", "provider_type": "OpenAI", "security": {"allowed_ips": ["10.0.0.1/8"]}},
        "INVALID_REQUEST",
        "security.allowedIPs",
    ),
    (
        {"name": "A", "provider_type": "OpenAI", "security": {"key_rotation_days": -1}},
        "INVALID_REQUEST",
        "security.keyRotationDays",
    ),
    (
        {"name": "A", "provider_type": "OpenAI", "security": {"audit_level": 7}},
        "INVALID_REQUEST",
        "security.auditLevel",
    ),
]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_provider_that_cannot_be_is_refused_and_nothing_changes(api: Api) -> None:
    """The error names the field in the API's spelling; there is no provider and no audit entry."""
    for spec, reason, field in BAD:
        error = await api.refused(create(**spec))
        assert (error.reason, error.metadata["field"]) == (reason, field), error.message
        assert "secret" not in error.message
    assert not (await api(pb.ListProvidersRequest())).providers
    assert not (await api(ListAuditEntriesRequest())).entries


async def test_an_unknown_id_is_not_found(api: Api) -> None:
    """The message is the one that the API promises; numbers no column holds are unknown, too."""
    for number in (999, 0, -1, 2**63 - 1):
        error = await api.refused(pb.GetProviderRequest(id=number))
        assert error.message == f"Provider with ID {number} not found"
        assert error.reason == "PROVIDER_NOT_FOUND"
    assert (await api.refused(update(999, weight=1))).reason == "PROVIDER_NOT_FOUND"
    error = await api.refused(pb.DeleteProviderRequest(id=999))
    assert error.reason == "PROVIDER_NOT_FOUND"
    error = await api.refused(pb.ListDiscoveredModelsRequest(provider_id=999))
    assert error.reason == "PROVIDER_NOT_FOUND"


async def test_the_type_of_a_provider_cannot_change(api: Api) -> None:
    """Saying the same type in another spelling is no change."""
    made = await api.provider()
    error = await api.refused(update(made.id, provider_type="Groq"))
    assert (error.reason, error.metadata["field"]) == ("INVALID_REQUEST", "providerType")
    assert (await api(update(made.id, provider_type="openai"))).provider == made


async def test_private_addresses_are_refused_unless_allowed(bench: Bench) -> None:
    """So are names that lead there; a name that nobody knows is accepted."""
    async with bench.registry(allow_private_addresses=False) as api:
        for host in ("127.0.0.1", "localhost", "10.1.2.3", "169.254.169.254", "[::1]", "0x7f.1"):
            request = create(name="A", provider_type="OpenAI", base_url=f"http://{host}:8080")
            assert (await api.refused(request)).reason == "ADDRESS_NOT_ALLOWED", host
        await api.provider(base_url="https://nowhere.invalid/v1")


async def test_deleting_a_provider_takes_its_keys_mappings_and_places_with_it(api: Api) -> None:
    """A chain loses the step, and keeps its policy without any; ids are never used again."""
    first, second = await api.provider("First"), await api.provider("Second")
    await api(
        CreateKeyCredentialRequest(
            provider_id=first.id, key=KeyCredentialSpec(api_key="sk-12345678")
        )
    )
    for alias, numbers in (("both", (first.id, second.id)), ("one", (first.id,))):
        mapping = ModelMappingSpec(model_alias=alias, provider_id=first.id)
        await api(CreateModelMappingRequest(mapping=mapping))
        steps = [FallbackProvider(provider_id=number) for number in numbers]
        chain = FallbackChainSpec(model_alias=alias, providers=steps)
        await api(CreateFallbackChainRequest(fallback_chain=chain))
    await api(pb.DeleteProviderRequest(id=first.id))
    assert not (await api(ListModelMappingsRequest())).mappings
    both, one = (await api(ListFallbackChainsRequest())).fallback_chains
    assert (both.model_alias, one.model_alias) == ("both", "one")
    assert [step.provider_id for step in both.providers] == [second.id]
    assert not one.providers
    [entry] = (await api(ListAuditEntriesRequest(page_size=1))).entries
    assert "key 1" in list(entry.changes["alsoAffected"])
    assert (await api.provider("First")).id == 3


async def test_lists_come_in_pages_in_order_of_id(api: Api) -> None:
    """A token goes on where the page before ended, also when things were deleted between."""
    for number in range(5):
        await api.provider(f"P{number}")
    first = await api(pb.ListProvidersRequest(page_size=2))
    assert [each.id for each in first.providers] == [1, 2]
    await api(pb.DeleteProviderRequest(id=3))
    request = pb.ListProvidersRequest(page_size=2, page_token=first.next_page_token)
    last = await api(request)
    assert [each.id for each in last.providers] == [4, 5]
    assert not last.next_page_token


async def test_a_page_that_makes_no_sense_is_refused(api: Api) -> None:
    """Sizes out of range, and tokens that are not of this list."""
    for number in range(2):
        await api.provider(f"P{number}")
    token = (await api(pb.ListProvidersRequest(page_size=1))).next_page_token
    for request, field in (
        (pb.ListProvidersRequest(page_size=-1), "pageSize"),
        (pb.ListProvidersRequest(page_size=1001), "pageSize"),
        (pb.ListProvidersRequest(page_token="nonsense"), "pageToken"),
        (pb.ListProvidersRequest(page_token=token, provider_type="OpenAI"), "pageToken"),
        (ListModelMappingsRequest(page_token=token), "pageToken"),
    ):
        error = await api.refused(request)
        assert (error.reason, error.metadata["field"]) == ("INVALID_REQUEST", field)


async def test_the_catalog_is_listed_in_order_of_name(api: Api) -> None:
    """With what a type's key must be and what it can do."""
    types = (await api(ListProviderTypesRequest())).provider_types
    names = [each.name for each in types]
    assert names == sorted(names, key=str.lower)
    openai = types[names.index("OpenAI")]
    assert openai.auth.kind == "bearer"
    assert "chat" in {operation.name for operation in openai.operations}
