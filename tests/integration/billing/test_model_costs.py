"""Operators' prices."""

import grpc
import pytest
from tests.support.billing import METADATA, BillingStub

from conduit.v1 import billing_requests_pb2 as pb
from conduit.v1.model_cost_pb2 import (
    COST_CALCULATION_TYPE_REQUEST_BASED,
    COST_CALCULATION_TYPE_TOKEN_BASED,
    ModelCost,
    ModelCostSpec,
)
from conduit_kernel.errors import AlreadyExists, ConduitError, InvalidRequest
from conduit_kernel.not_found_errors import ModelCostNotFound, ProviderNotFound
from conduit_kernel.rpc import error_of

# The first example of the guide: 0.03 and 0.06 dollars.
GPT4 = ModelCostSpec(
    provider_id=1,
    model_pattern="gpt-4*",
    input_cost_per_1k_tokens_nano_usd=30_000_000,
    output_cost_per_1k_tokens_nano_usd=60_000_000,
)


async def create(billing: BillingStub, spec: ModelCostSpec) -> ModelCost:
    """Create a price."""
    request = pb.CreateModelCostRequest(model_cost=spec)
    return (await billing.CreateModelCost(request, metadata=METADATA)).model_cost


async def refusal(billing: BillingStub, spec: ModelCostSpec) -> ConduitError:
    """Return why a price cannot be created."""
    with pytest.raises(grpc.RpcError) as caught:
        await create(billing, spec)
    return error_of(caught.value, "billing")


async def test_a_price_lives_from_creation_to_deletion(billing: BillingStub) -> None:
    """What is created is found, listed, changed in the given fields alone, and deleted."""
    made = await create(billing, GPT4)
    assert made.input_cost_per_1k_tokens_nano_usd == 30_000_000
    assert made.cost_calculation_type == COST_CALCULATION_TYPE_TOKEN_BASED
    found = await billing.GetModelCost(pb.GetModelCostRequest(id=made.id), metadata=METADATA)
    assert found.model_cost == made
    change = ModelCostSpec(output_cost_per_1k_tokens_nano_usd=70_000_000)
    changed = await billing.UpdateModelCost(
        pb.UpdateModelCostRequest(id=made.id, model_cost=change), metadata=METADATA
    )
    assert changed.model_cost.output_cost_per_1k_tokens_nano_usd == 70_000_000
    assert changed.model_cost.input_cost_per_1k_tokens_nano_usd == 30_000_000
    listed = await billing.ListModelCosts(pb.ListModelCostsRequest(), metadata=METADATA)
    assert list(listed.model_costs) == [changed.model_cost]
    await billing.DeleteModelCost(pb.DeleteModelCostRequest(id=made.id), metadata=METADATA)
    for call in (
        billing.GetModelCost(pb.GetModelCostRequest(id=made.id), metadata=METADATA),
        billing.DeleteModelCost(pb.DeleteModelCostRequest(id=made.id), metadata=METADATA),
    ):
        with pytest.raises(grpc.RpcError) as caught:
            await call
        error = error_of(caught.value, "billing")
        assert isinstance(error, ModelCostNotFound)
        assert error.message == f"Model cost with ID {made.id} not found"


async def test_pages_hold_every_price_once(billing: BillingStub) -> None:
    """Following the tokens gives all prices in order of id; a foreign token is refused."""
    for number in range(5):
        spec = ModelCostSpec()
        spec.CopyFrom(GPT4)
        spec.model_pattern = f"model-{number}"
        await create(billing, spec)
    patterns, token, pages = [], "", 0
    while pages == 0 or token:
        request = pb.ListModelCostsRequest(page_size=2, page_token=token)
        page = await billing.ListModelCosts(request, metadata=METADATA)
        patterns += [each.model_pattern for each in page.model_costs]
        token, pages = page.next_page_token, pages + 1
    assert patterns == [f"model-{number}" for number in range(5)]
    assert pages == 3
    for bad in ("x", "cDE6eA"):
        with pytest.raises(grpc.RpcError) as caught:
            await billing.ListModelCosts(
                pb.ListModelCostsRequest(page_token=bad), metadata=METADATA
            )
        assert isinstance(error_of(caught.value, "billing"), InvalidRequest)


async def test_a_pattern_has_one_price_for_each_instance(billing: BillingStub) -> None:
    """The same pattern twice is refused, also by a change; another instance may have it.

    So may another start: a price is announced beside the one that it follows.
    """
    await create(billing, GPT4)
    assert isinstance(await refusal(billing, GPT4), AlreadyExists)
    later = ModelCostSpec()
    later.CopyFrom(GPT4)
    later.effective_from.FromJsonString("2027-01-01T00:00:00Z")
    assert (await create(billing, later)).effective_from == later.effective_from
    other = ModelCostSpec()
    other.CopyFrom(GPT4)
    other.provider_id = 2
    made = await create(billing, other)
    with pytest.raises(grpc.RpcError) as caught:
        await billing.UpdateModelCost(
            pb.UpdateModelCostRequest(id=made.id, model_cost=ModelCostSpec(provider_id=1)),
            metadata=METADATA,
        )
    assert isinstance(error_of(caught.value, "billing"), AlreadyExists)


async def test_a_price_for_an_unknown_instance_is_refused(billing: BillingStub) -> None:
    """Once the Registry told which instances there are, others are not found."""
    spec = ModelCostSpec()
    spec.CopyFrom(GPT4)
    spec.provider_id = 999
    error = await refusal(billing, spec)
    assert isinstance(error, ProviderNotFound)
    assert error.message == "Provider with ID 999 not found"


NONSENSE: list[tuple[str, dict[str, object]]] = [
    ("modelPattern", {"model_pattern": ""}),
    ("modelPattern", {"model_pattern": "x" * 10_000}),
    ("modelPattern", {"model_pattern": "a\0b"}),
    ("providerId", {"provider_id": -1}),
    ("inputCostPer1kTokens", {"input_cost_per_1k_tokens_nano_usd": -1}),
    ("inputCostPer1kTokens", {"input_cost_per_1k_tokens_nano_usd": 2**62}),
    ("costPerUnit", {"cost_calculation_type": COST_CALCULATION_TYPE_REQUEST_BASED}),
    ("costCalculationType", {"cost_calculation_type": 99}),
]


async def test_nonsense_is_refused_and_names_its_field(billing: BillingStub) -> None:
    """A wrong value is INVALID_REQUEST with the field's name in JSON, and nothing is stored."""
    for field, change in NONSENSE:
        spec = ModelCostSpec()
        spec.CopyFrom(GPT4)
        for name, value in change.items():
            setattr(spec, name, value)
        error = await refusal(billing, spec)
        assert isinstance(error, InvalidRequest), change
        assert error.metadata["field"] == field
    listed = await billing.ListModelCosts(pb.ListModelCostsRequest(), metadata=METADATA)
    assert not listed.model_costs


async def test_a_token_price_needs_both_directions(billing: BillingStub) -> None:
    """A price that says nothing of output would make answers free without a word."""
    error = await refusal(
        billing, ModelCostSpec(model_pattern="x", input_cost_per_1k_tokens_nano_usd=1)
    )
    assert error.metadata["field"] == "outputCostPer1kTokens"
