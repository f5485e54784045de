"""What operators ask of Billing."""

from typing import Any

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message
from tests.integration.billing.conftest import Bench
from tests.support.billing import DOLLAR, METADATA, BillingStub, charge, record

from conduit.v1 import billing_requests_pb2 as pb
from conduit.v1.model_cost_pb2 import ModelCost, ModelCostSpec
from conduit_billing import service
from conduit_kernel.errors import ConduitError
from conduit_kernel.pagination import text_page_of
from conduit_kernel.rpc import error_of


async def ask(billing: BillingStub, request: Message) -> Any:  # noqa: ANN401 # the answer's type follows the request's
    """Return the answer to a request; the RPC has the request's name."""
    name = type(request).__name__.removesuffix("Request")
    return await getattr(billing, name)(request, metadata=METADATA)


async def refused(billing: BillingStub, request: Message) -> ConduitError:
    """Return the error that a request gets."""
    with pytest.raises(grpc.RpcError) as caught:
        await ask(billing, request)
    return error_of(caught.value, "billing")


async def create(billing: BillingStub, pattern: str = "*", provider_id: int = 0) -> ModelCost:
    """Make a price."""
    spec = ModelCostSpec(
        model_pattern=pattern,
        provider_id=provider_id,
        input_cost_per_1k_tokens_nano_usd=1_000,
        output_cost_per_1k_tokens_nano_usd=2_000,
    )
    made: ModelCost = (await ask(billing, pb.CreateModelCostRequest(model_cost=spec))).model_cost
    return made


def token_of(cursor: str, *scope: object) -> str:
    """Return a token that anybody could make up, with the mark of a list."""
    return text_page_of(pb.ListChargesRequest(page_size=1), *scope).cut([cursor, ""], str)[1]


COSTS, CHARGES = ("model_costs", 0), ("charges", "", 0, 0)


async def test_a_price_holds_from_its_creation_to_its_deletion(billing: BillingStub) -> None:
    """For charges that come without one."""
    made = await create(billing, "my-model")
    unpriced = {"price": None, "actual_model_name": "my-model", "provider_type": "Homemade"}
    await record(billing, charge(request_id="r1", **unpriced))  # type: ignore[arg-type] # as above
    await ask(billing, pb.DeleteModelCostRequest(id=made.id))
    await record(billing, charge(request_id="r2", **unpriced))  # type: ignore[arg-type] # as above
    costs = {}
    for each in (await ask(billing, pb.ListChargesRequest())).charges:
        costs[each.request_id] = each.cost_nano_usd if each.HasField("cost_nano_usd") else None
    assert costs == {"r1": 1_000_000, "r2": None}


async def test_a_change_takes_fields_back_and_builds_on_what_it_names(billing: BillingStub) -> None:
    """Of an instance that there is not no price can be."""
    made = await create(billing, provider_id=1)
    request = pb.UpdateModelCostRequest(
        id=made.id, update_mask=FieldMask(paths=["provider_id"]), etag=made.etag
    )
    changed = (await ask(billing, request)).model_cost
    assert (changed.provider_id, changed.model_pattern) == (0, "*")
    assert (await refused(billing, request)).reason == "ETAG_MISMATCH"
    other = pb.UpdateModelCostRequest(id=made.id, model_cost=ModelCostSpec(provider_id=999))
    assert (await refused(billing, other)).reason == "PROVIDER_NOT_FOUND"


@pytest.mark.parametrize(
    "request_",
    [
        pb.GetModelCostRequest(id=9),
        pb.UpdateModelCostRequest(id=9),
        pb.DeleteModelCostRequest(id=9),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_a_price_that_is_not_there_is_not_found(
    billing: BillingStub, request_: Message
) -> None:
    """Whatever is asked of it."""
    assert (await refused(billing, request_)).message == "Model cost with ID 9 not found"


async def test_lists_come_in_pages(billing: BillingStub) -> None:
    """Prices oldest first, charges newest first."""
    for pattern in "abc":
        await create(billing, pattern)
    page = await ask(billing, pb.ListModelCostsRequest(page_size=2))
    assert [each.model_pattern for each in page.model_costs] == ["a", "b"]
    last = await ask(billing, pb.ListModelCostsRequest(page_token=page.next_page_token))
    assert ([each.model_pattern for each in last.model_costs], last.next_page_token) == (["c"], "")
    made = [charge() for _ in range(3)]
    await record(billing, *made)
    found = await ask(billing, pb.ListChargesRequest(page_size=2))
    assert [each.id for each in found.charges] == [made[2].id, made[1].id]
    rest = await ask(billing, pb.ListChargesRequest(page_token=found.next_page_token))
    assert [each.id for each in rest.charges] == [made[0].id]


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (pb.ListModelCostsRequest(page_token=token_of("9" * 5_000, *COSTS)), "pageToken"),
        (pb.ListModelCostsRequest(page_token=token_of("5", *COSTS)), "pageToken"),
        (pb.ListModelCostsRequest(page_size=1001), "pageSize"),
        (pb.ListChargesRequest(page_token=token_of("5", *CHARGES)), "pageToken"),
        (pb.ListChargesRequest(page_token=token_of("a\0b", *CHARGES)), "pageToken"),
        (pb.ListChargesRequest(request_id="a\0b"), "requestId"),
        (pb.ListChargesRequest(request_id="x" * 201), "requestId"),
        (pb.ListChargesRequest(page_size=-1), "pageSize"),
        (pb.GetCostsRequest(group_by="colour"), "groupBy"),
        (pb.GetCostsRequest(start_date="2026-11-24", end_date="2026-11-23"), "startDate"),
        (pb.GetCostsRequest(start_date="yesterday"), "startDate"),
        (pb.GetCostsRequest(end_date="2026-02-30"), "endDate"),
        (pb.GetProviderAnalyticsRequest(), "providerId"),
    ],
)
async def test_a_question_that_makes_no_sense_is_refused(
    billing: BillingStub, request_: Message, field: str
) -> None:
    """Before the database is asked, of which some would fail."""
    error = await refused(billing, request_)
    assert (error.reason, error.metadata["field"]) == ("INVALID_REQUEST", field)


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("", "0001-01-05"),
        ("0001-01-01", ""),
        ("0001-01-01", "9999-12-31"),
        ("9999-12-31", "9999-12-31"),
    ],
)
async def test_days_may_be_any_of_the_calendar(billing: BillingStub, first: str, last: str) -> None:
    """Thirty days before one of the first there is no day."""
    await record(billing, charge())
    request = pb.GetCostsRequest(start_date=first, end_date=last)
    groups = (await ask(billing, request)).cost_breakdown
    assert len(groups) == (last in {"", "9999-12-31"} and first != last)
    analytics = pb.GetProviderAnalyticsRequest(provider_id=1, start_date=first, end_date=last)
    assert (await ask(billing, analytics)).provider_name == "OpenAI Production"


async def test_reports_go_back_thirty_days_unless_they_are_told(
    billing: BillingStub, bench: Bench
) -> None:
    """Today is the clock's."""
    await record(billing, charge())
    bench.clock.now += service.DEFAULT_DAYS * 86_400
    [group] = (await ask(billing, pb.GetCostsRequest())).cost_breakdown
    assert (group.provider_name, group.total_cost_nano_usd) == ("OpenAI Production", DOLLAR)
    bench.clock.now += 86_400
    assert not (await ask(billing, pb.GetCostsRequest())).cost_breakdown
    request = pb.GetCostsRequest(start_date="2026-11-23", group_by="day")
    assert len((await ask(billing, request)).cost_breakdown) == 1


async def test_performance_of_an_instance_that_never_was_is_not_found(billing: BillingStub) -> None:
    """One without calls has some, of zeros."""
    analytics = pb.GetProviderAnalyticsRequest(provider_id=2)
    assert (await ask(billing, analytics)).metrics.total_requests == 0
    analytics.provider_id = 999
    assert (await refused(billing, analytics)).reason == "PROVIDER_NOT_FOUND"
