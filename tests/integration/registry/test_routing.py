"""Mappings and fallback chains over gRPC."""

from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from tests.support.registry import Api

from conduit.v1 import fallback_chain_requests_pb2 as chain_pb
from conduit.v1 import model_mapping_requests_pb2 as mapping_pb
from conduit.v1.cache_policy_pb2 import CACHE_SCOPE_ALL, CachePolicy
from conduit.v1.fallback_chain_pb2 import FallbackChain, FallbackChainSpec, FallbackProvider
from conduit.v1.guardrail_pb2 import (
    GUARDRAIL_ACTION_REPORT,
    GUARDRAIL_DETECTOR_IBAN,
    GUARDRAIL_STAGE_ANSWER,
    Guardrail,
    GuardrailWebhook,
)
from conduit.v1.model_mapping_pb2 import ModelMapping, ModelMappingSpec
from conduit.v1.registry_requests_pb2 import ListAuditEntriesRequest
from conduit.v1.routing_policy_pb2 import (
    AFFINITY_KEY_NONE,
    AFFINITY_KEY_SESSION,
    BALANCING_STRATEGY_MOST_QUOTA,
    BALANCING_STRATEGY_WEIGHTED,
    FAILURE_CLASS_OVERLOADED,
    FAILURE_CLASS_RATE_LIMITED,
    FAILURE_CLASS_TIMEOUT,
    FALLBACK_CONDITION_CONTEXT_TOO_LONG,
    FALLBACK_CONDITION_UNSUPPORTED_PARAMETER,
    STREAM_FAILOVER_RESTART,
    Hedging,
    RetryPolicy,
)
from conduit.v1.timeouts_pb2 import Timeouts

GUARDRAIL = Guardrail(
    name="g",
    action=GUARDRAIL_ACTION_REPORT,
    stage=GUARDRAIL_STAGE_ANSWER,
    patterns=["a+"],
    detectors=[GUARDRAIL_DETECTOR_IBAN],
    max_characters=7,
    moderation_model="moderates",
    webhook=GuardrailWebhook(url="https://a.example", signing_key="env:KEY"),
    fail_open=True,
)
ATTEMPTS = "retries[0].attempts"
OVERLOADED = RetryPolicy(failure=FAILURE_CLASS_OVERLOADED, attempts=2)
SECOND = Duration(seconds=1)
LIMITED = RetryPolicy(failure=FAILURE_CLASS_RATE_LIMITED, wait=SECOND)
CONDITIONS = [FALLBACK_CONDITION_CONTEXT_TOO_LONG, FALLBACK_CONDITION_UNSUPPORTED_PARAMETER]


async def map_alias(api: Api, alias: str = "gpt-4", **fields: object) -> ModelMapping:
    """Map an alias to the first instance."""
    given: dict[str, Any] = {"model_alias": alias, "provider_id": 1, **fields}
    spec = ModelMappingSpec(**given)
    mapping: ModelMapping = (await api(mapping_pb.CreateModelMappingRequest(mapping=spec))).mapping
    return mapping


async def chain(api: Api, alias: str, *steps: FallbackProvider) -> FallbackChain:
    """Make a chain."""
    spec = FallbackChainSpec(model_alias=alias, providers=steps)
    request = chain_pb.CreateFallbackChainRequest(fallback_chain=spec)
    made: FallbackChain = (await api(request)).fallback_chain
    return made


async def test_a_mapping_without_a_model_name_means_the_alias(api: Api) -> None:
    """Weight and priority stay unset, which is not zero."""
    await api.provider()
    mapping = await map_alias(api)
    assert (mapping.actual_model_name, mapping.is_enabled) == ("gpt-4", True)
    assert not mapping.HasField("weight")
    assert not mapping.HasField("priority")
    update = mapping_pb.UpdateModelMappingRequest(
        id=mapping.id, mapping=ModelMappingSpec(weight=0, capabilities=["vision", "vision"])
    )
    changed = (await api(update)).mapping
    assert changed.HasField("weight")
    assert changed.capabilities == ["vision"]
    got = await api(mapping_pb.GetModelMappingRequest(id=mapping.id))
    assert got.mapping == changed


async def test_several_mappings_share_an_alias_but_not_an_instance(api: Api) -> None:
    """The error for a second one names the first; moving one onto another is refused alike."""
    await api.provider("First")
    await api.provider("Second")
    first = await map_alias(api)
    second = await map_alias(api, provider_id=2)
    spec = ModelMappingSpec(model_alias="gpt-4", provider_id=1)
    for request in (
        mapping_pb.CreateModelMappingRequest(mapping=spec),
        mapping_pb.UpdateModelMappingRequest(id=second.id, mapping=spec),
    ):
        error = await api.refused(request)
        assert (error.reason, error.metadata["mapping_id"]) == ("ALREADY_EXISTS", str(first.id))
    await map_alias(api, "gpt-5")
    for listing, ids in (
        (mapping_pb.ListModelMappingsRequest(model_alias="gpt-4"), [1, 2]),
        (mapping_pb.ListModelMappingsRequest(provider_id=2), [2]),
        (mapping_pb.ListModelMappingsRequest(provider_id=9), []),
        (mapping_pb.ListModelMappingsRequest(), [1, 2, 3]),
    ):
        assert [each.id for each in (await api(listing)).mappings] == ids


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_mapping_that_cannot_be_is_refused_and_nothing_changes(api: Api) -> None:
    """The error names the field, or the instance that there is not."""
    await api.provider()
    good: dict[str, Any] = {"model_alias": "a", "provider_id": 1}
    for change, field in (
        ({"model_alias": " "}, "modelAlias"),
        ({"model_alias": "x" * 201}, "modelAlias"),
        ({"actual_model_name": ""}, "actualModelName"),
        ({"weight": -1}, "weight"),
        ({"priority": 1_000_001}, "priority"),
        ({"capabilities": ["Vision!"]}, "capabilities"),
        ({"provider_id": 0}, "providerId"),
    ):
        spec = ModelMappingSpec(**(good | change))
        error = await api.refused(mapping_pb.CreateModelMappingRequest(mapping=spec))
        assert (error.reason, error.metadata["field"]) == ("INVALID_REQUEST", field)
    spec = ModelMappingSpec(model_alias="a", provider_id=999)
    error = await api.refused(mapping_pb.CreateModelMappingRequest(mapping=spec))
    assert error.message == "Provider with ID 999 not found"
    assert len((await api(ListAuditEntriesRequest())).entries) == 1


async def test_an_unknown_mapping_or_chain_is_not_found(api: Api) -> None:
    """Whatever is asked of it."""
    for request in (
        mapping_pb.GetModelMappingRequest(id=7),
        mapping_pb.UpdateModelMappingRequest(id=7),
        mapping_pb.DeleteModelMappingRequest(id=7),
    ):
        error = await api.refused(request)
        assert error.message == "Mapping with ID 7 not found"
        assert error.reason == "MAPPING_NOT_FOUND"
    for other in (
        chain_pb.GetFallbackChainRequest(id=7),
        chain_pb.UpdateFallbackChainRequest(id=7),
        chain_pb.DeleteFallbackChainRequest(id=7),
    ):
        error = await api.refused(other)
        assert error.message == "Fallback chain with ID 7 not found"
        assert error.reason == "FALLBACK_CHAIN_NOT_FOUND"


async def test_a_chain_keeps_its_steps_in_order(api: Api) -> None:
    """An update replaces all of them, or none."""
    for name in ("A", "B", "C"):
        await api.provider(name)
    made = await chain(
        api,
        "gpt-4",
        FallbackProvider(provider_id=2, priority=1, timeout=Duration(seconds=30)),
        FallbackProvider(provider_id=1, priority=2, timeout=Duration(nanos=500_000_000)),
        FallbackProvider(provider_id=3, priority=2),
    )
    got = await api(chain_pb.GetFallbackChainRequest(id=made.id))
    assert got.fallback_chain == made
    assert [step.provider_id for step in made.providers] == [2, 1, 3]
    assert not made.providers[2].HasField("timeout")
    update = chain_pb.UpdateFallbackChainRequest(
        id=made.id,
        fallback_chain=FallbackChainSpec(
            providers=[FallbackProvider(provider_id=3), FallbackProvider(provider_id=2)]
        ),
    )
    changed = (await api(update)).fallback_chain
    assert [step.provider_id for step in changed.providers] == [3, 2]
    update.fallback_chain.Clear()
    update.fallback_chain.is_enabled = False
    disabled = (await api(update)).fallback_chain
    assert (disabled.is_enabled, disabled.providers) == (False, changed.providers)
    await api(chain_pb.DeleteFallbackChainRequest(id=made.id))
    assert not (await api(chain_pb.ListFallbackChainsRequest())).fallback_chains


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("policy", "field"),
    [
        ({"strategy": 99}, "strategy"),
        ({"affinity": -1}, "affinity"),
        ({"stream_failover": 4}, "streamFailover"),
        ({"prefer_primary_for": Duration(seconds=61)}, "preferPrimaryFor"),
        ({"retries": [RetryPolicy()]}, "retries[0].failure"),
        ({"retries": [OVERLOADED, OVERLOADED]}, "retries[1].failure"),
        ({"retries": [RetryPolicy(failure=FAILURE_CLASS_TIMEOUT, attempts=17)]}, ATTEMPTS),
        (
            {"retries": [RetryPolicy(failure=FAILURE_CLASS_TIMEOUT, wait=Duration(seconds=61))]},
            "retries[0].wait",
        ),
        (
            {"retries": [RetryPolicy(failure=FAILURE_CLASS_TIMEOUT, max_wait=Duration())]},
            "retries[0].maxWait",
        ),
    ],
)
async def test_a_policy_that_cannot_be_is_refused(
    api: Api, policy: dict[str, Any], field: str
) -> None:
    """Numbers that are no value of an enum, a class of failures twice, waits without measure."""
    spec = FallbackChainSpec(model_alias="a", **policy)
    error = await api.refused(chain_pb.CreateFallbackChainRequest(fallback_chain=spec))
    assert (error.reason, error.metadata["field"]) == ("INVALID_REQUEST", field)


async def test_a_chain_is_a_policy_with_or_without_steps(api: Api) -> None:
    """What it says is kept and shown; an alias without steps is served by its mappings."""
    await api.provider()
    steps = [
        FallbackProvider(
            provider_id=1, timeouts=Timeouts(idle=SECOND), retries=[OVERLOADED, LIMITED]
        ),
        FallbackProvider(provider_id=1, actual_model_name="large", conditions=CONDITIONS),
    ]
    spec = FallbackChainSpec(
        model_alias="a",
        providers=steps,
        strategy=BALANCING_STRATEGY_MOST_QUOTA,
        affinity=AFFINITY_KEY_SESSION,
        stream_failover=STREAM_FAILOVER_RESTART,
        retries=[OVERLOADED],
        prefer_primary_for=SECOND,
        hedging=Hedging(delay=SECOND, budget=0.25),
        cache=CachePolicy(ttl=SECOND, scope=CACHE_SCOPE_ALL, charged_share=0.0, version="2"),
        guardrails=[GUARDRAIL],
    )
    made = (await api(chain_pb.CreateFallbackChainRequest(fallback_chain=spec))).fallback_chain
    got = (await api(chain_pb.GetFallbackChainRequest(id=made.id))).fallback_chain
    assert got == made
    for name in ("providers", "strategy", "affinity", "stream_failover", "retries"):
        assert getattr(got, name) == getattr(spec, name)
    assert (got.prefer_primary_for, got.hedging) == (SECOND, spec.hedging)
    assert (got.cache, list(got.guardrails)) == (spec.cache, [GUARDRAIL])
    swapped = FallbackChainSpec(providers=reversed(steps))
    update = chain_pb.UpdateFallbackChainRequest(id=made.id, fallback_chain=swapped)
    assert list((await api(update)).fallback_chain.providers) == steps[::-1]
    update = chain_pb.UpdateFallbackChainRequest(
        id=made.id, update_mask=FieldMask(paths=["providers"])
    )
    assert not (await api(update)).fallback_chain.providers
    update = chain_pb.UpdateFallbackChainRequest(
        id=made.id, update_mask=FieldMask(paths=["hedging", "cache", "guardrails"])
    )
    updated = (await api(update)).fallback_chain
    assert not updated.HasField("hedging")
    assert not updated.HasField("cache")
    assert not updated.guardrails
    bare = chain_pb.CreateFallbackChainRequest(fallback_chain=FallbackChainSpec(model_alias="b"))
    plain = (await api(bare)).fallback_chain
    assert (plain.strategy, plain.affinity) == (BALANCING_STRATEGY_WEIGHTED, AFFINITY_KEY_NONE)
    assert not plain.HasField("stream_failover")


async def test_a_mapping_has_timeouts_of_its_own(api: Api) -> None:
    """An update replaces all of them."""
    await api.provider()
    made = await map_alias(api, timeouts=Timeouts(connect=SECOND, total=SECOND))
    assert made.timeouts == Timeouts(connect=SECOND, total=SECOND)
    spec = ModelMappingSpec(timeouts=Timeouts(first_token=SECOND))
    update = mapping_pb.UpdateModelMappingRequest(id=made.id, mapping=spec)
    assert (await api(update)).mapping.timeouts == Timeouts(first_token=SECOND)
    spec.timeouts.idle.seconds = 601
    error = await api.refused(mapping_pb.UpdateModelMappingRequest(id=made.id, mapping=spec))
    assert error.metadata["field"] == "timeouts.idle"


async def test_an_alias_has_one_chain(api: Api) -> None:
    """A second one is refused, also by renaming."""
    await api.provider()
    step = FallbackProvider(provider_id=1)
    first, second = await chain(api, "gpt-4", step), await chain(api, "gpt-5", step)
    spec = FallbackChainSpec(model_alias="gpt-4", providers=[step])
    for request in (
        chain_pb.CreateFallbackChainRequest(fallback_chain=spec),
        chain_pb.UpdateFallbackChainRequest(id=second.id, fallback_chain=spec),
    ):
        error = await api.refused(request)
        assert error.reason == "ALREADY_EXISTS"
        assert error.metadata["fallback_chain_id"] == str(first.id)
    listed = await api(chain_pb.ListFallbackChainsRequest(model_alias="gpt-5"))
    assert [each.id for each in listed.fallback_chains] == [second.id]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_chain_that_cannot_be_is_refused_and_nothing_changes(api: Api) -> None:
    """An instance twice with the same model or unknown, a timeout that is none or is said twice."""
    await api.provider()

    def step(provider_id: int = 1, **fields: object) -> FallbackProvider:
        given: dict[str, Any] = fields
        return FallbackProvider(provider_id=provider_id, **given)

    for steps, field in (
        ([step(), step()], "providers[1].providerId"),
        ([step(actual_model_name="x" * 501)], "providers[0].actualModelName"),
        ([step(conditions=[0])], "providers[0].conditions"),
        ([step(conditions=CONDITIONS)], "providers"),
        ([step(conditions=[99])], "providers[0].conditions"),
        ([step(timeouts=Timeouts(idle=Duration()))], "providers[0].timeouts.idle"),
        ([step(timeout=SECOND, timeouts=Timeouts(first_token=SECOND))], "providers[0].timeout"),
        ([step(priority=-1)], "providers[0].priority"),
        ([step(timeout=Duration())], "providers[0].timeout"),
        ([step(timeout=Duration(seconds=-1))], "providers[0].timeout"),
        ([step(timeout=Duration(seconds=601))], "providers[0].timeout"),
    ):
        spec = FallbackChainSpec(model_alias="a", providers=steps)
        error = await api.refused(chain_pb.CreateFallbackChainRequest(fallback_chain=spec))
        assert (error.reason, error.metadata["field"]) == ("INVALID_REQUEST", field)
    spec = FallbackChainSpec(model_alias="a", providers=[step(), step(provider_id=999)])
    error = await api.refused(chain_pb.CreateFallbackChainRequest(fallback_chain=spec))
    assert error.reason == "PROVIDER_NOT_FOUND"
    assert not (await api(chain_pb.ListFallbackChainsRequest())).fallback_chains
