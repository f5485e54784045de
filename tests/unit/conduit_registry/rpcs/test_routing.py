"""RPCs about mappings and fallback chains."""

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message
from tests.support.registry import Api

from conduit.v1 import fallback_chain_requests_pb2 as chain_pb
from conduit.v1 import model_mapping_requests_pb2 as mapping_pb
from conduit.v1.fallback_chain_pb2 import FallbackChain, FallbackChainSpec, FallbackProvider
from conduit.v1.model_mapping_pb2 import ModelMapping, ModelMappingSpec
from conduit.v1.routing_policy_pb2 import BALANCING_STRATEGY_ROUND_ROBIN


async def map_alias(api: Api, alias: str = "gpt-4", provider_id: int = 1) -> ModelMapping:
    """Map an alias to an instance."""
    spec = ModelMappingSpec(model_alias=alias, provider_id=provider_id, weight=7)
    mapping: ModelMapping = (await api(mapping_pb.CreateModelMappingRequest(mapping=spec))).mapping
    return mapping


async def chain(api: Api, alias: str = "gpt-4") -> FallbackChain:
    """Make a chain of the first instance."""
    spec = FallbackChainSpec(model_alias=alias, providers=[FallbackProvider(provider_id=1)])
    request = chain_pb.CreateFallbackChainRequest(fallback_chain=spec)
    made: FallbackChain = (await api(request)).fallback_chain
    return made


async def test_mappings_are_listed_by_alias_and_by_instance(api: Api) -> None:
    """In pages of one question; what nothing is mapped to is an empty list."""
    await api.provider()
    await api.provider("Other")
    for alias, provider_id in (("gpt-4", 1), ("gpt-5", 1), ("gpt-4", 2)):
        await map_alias(api, alias, provider_id)
    lists = mapping_pb.ListModelMappingsRequest
    for request, ids in (
        (lists(model_alias="gpt-4"), [1, 3]),
        (lists(model_alias=" gpt-4 ", provider_id=2), [3]),
        (lists(provider_id=9), []),
        (lists(model_alias="GPT-4"), []),
    ):
        assert [each.id for each in (await api(request)).mappings] == ids
    page = await api(lists(provider_id=1, page_size=1))
    following = lists(provider_id=1, page_token=page.next_page_token)
    assert [each.id for each in (await api(following)).mappings] == [2]
    following.provider_id = 2
    assert (await api.refused(following)).metadata["field"] == "pageToken"
    assert (await api.refused(lists(model_alias="a\0"))).metadata["field"] == "modelAlias"


async def test_fields_of_a_mapping_are_taken_back_by_the_mask(api: Api) -> None:
    """A weight becomes unset, which is not zero; a name of the model is the alias again."""
    await api.provider()
    await map_alias(api)
    request = mapping_pb.UpdateModelMappingRequest(
        id=1, mapping=ModelMappingSpec(actual_model_name="gpt-4o", capabilities=["vision"])
    )
    assert (await api(request)).mapping.actual_model_name == "gpt-4o"
    request.mapping.Clear()
    request.update_mask.paths[:] = ["weight", "actual_model_name", "capabilities"]
    changed = (await api(request)).mapping
    assert (changed.actual_model_name, list(changed.capabilities)) == ("gpt-4", [])
    assert not changed.HasField("weight")
    for field, said in (("model_alias", "modelAlias"), ("provider_id", "providerId")):
        request.update_mask.paths[:] = [field]
        assert (await api.refused(request)).metadata["field"] == said


async def test_fields_of_a_chain_are_taken_back_by_the_mask(api: Api) -> None:
    """Its steps, too: without any its alias is served by mappings, under its policy."""
    await api.provider()
    await chain(api)
    spec = FallbackChainSpec(is_enabled=False, strategy=BALANCING_STRATEGY_ROUND_ROBIN)
    request = chain_pb.UpdateFallbackChainRequest(id=1, fallback_chain=spec)
    assert not (await api(request)).fallback_chain.is_enabled
    request.fallback_chain.Clear()
    request.update_mask.CopyFrom(FieldMask(paths=["is_enabled", "providers"]))
    changed = (await api(request)).fallback_chain
    assert (changed.is_enabled, list(changed.providers)) == (True, [])
    assert changed.strategy == BALANCING_STRATEGY_ROUND_ROBIN
    request.update_mask.paths[:] = ["model_alias"]
    assert (await api.refused(request)).metadata["field"] == "modelAlias"


async def test_chains_are_listed_by_alias(api: Api) -> None:
    """In pages of one question."""
    await api.provider()
    for alias in ("a", "b", "c"):
        await chain(api, alias)
    lists = chain_pb.ListFallbackChainsRequest
    assert [each.id for each in (await api(lists(model_alias="b"))).fallback_chains] == [2]
    page = await api(lists(page_size=2))
    assert [each.id for each in page.fallback_chains] == [1, 2]
    following = lists(page_token=page.next_page_token)
    assert [each.id for each in (await api(following)).fallback_chains] == [3]
    following.model_alias = "c"
    assert (await api.refused(following)).metadata["field"] == "pageToken"


async def test_a_stale_change_is_refused(api: Api) -> None:
    """Of either, by the etag that it no longer has."""
    await api.provider()
    mapping, fallback_chain = await map_alias(api), await chain(api)
    for request in (
        mapping_pb.UpdateModelMappingRequest(
            id=1, mapping=ModelMappingSpec(weight=3), etag=mapping.etag
        ),
        chain_pb.UpdateFallbackChainRequest(
            id=1, fallback_chain=FallbackChainSpec(is_enabled=False), etag=fallback_chain.etag
        ),
    ):
        await api(request)
        assert (await api.refused(request)).reason == "ETAG_MISMATCH"


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (mapping_pb.GetModelMappingRequest(id=7), "MAPPING_NOT_FOUND"),
        (mapping_pb.UpdateModelMappingRequest(id=7), "MAPPING_NOT_FOUND"),
        (mapping_pb.DeleteModelMappingRequest(id=7), "MAPPING_NOT_FOUND"),
        (chain_pb.GetFallbackChainRequest(id=7), "FALLBACK_CHAIN_NOT_FOUND"),
        (chain_pb.UpdateFallbackChainRequest(id=7), "FALLBACK_CHAIN_NOT_FOUND"),
        (chain_pb.DeleteFallbackChainRequest(id=7), "FALLBACK_CHAIN_NOT_FOUND"),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_what_is_not_there_is_not_found(api: Api, request_: Message, reason: str) -> None:
    """Whatever is asked of it."""
    assert (await api.refused(request_)).reason == reason


async def test_what_is_deleted_is_gone(api: Api) -> None:
    """A chain leaves its mappings, and the other way round."""
    await api.provider()
    mapping, fallback_chain = await map_alias(api), await chain(api)
    got = await api(chain_pb.GetFallbackChainRequest(id=fallback_chain.id))
    assert got.fallback_chain == fallback_chain
    await api(chain_pb.DeleteFallbackChainRequest(id=fallback_chain.id))
    assert (await api(mapping_pb.GetModelMappingRequest(id=mapping.id))).mapping == mapping
    await api(mapping_pb.DeleteModelMappingRequest(id=mapping.id))
    assert not (await api(mapping_pb.ListModelMappingsRequest())).mappings
