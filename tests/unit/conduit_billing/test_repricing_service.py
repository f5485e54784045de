"""What operators are told of charges that are priced anew, and what reports make of it."""

from collections.abc import AsyncIterator

import grpc
import pytest
from tests.integration.billing.conftest import Bench
from tests.support.billing import METADATA, NOW, BillingStub, charge, record

from conduit.v1 import billing_requests_pb2 as pb
from conduit.v1.model_cost_pb2 import ModelCostSpec
from conduit.v1.repricing_requests_pb2 import RepriceChargesRequest, RepriceChargesResponse
from conduit_kernel.rpc import error_of


@pytest.fixture
async def billing(bench: Bench) -> AsyncIterator[BillingStub]:
    """Return a Billing process."""
    async with bench.billing() as stub:
        yield stub


def november(**fields: object) -> RepriceChargesRequest:
    """Return what asks for the month of the charges."""
    values = {"start_date": "2026-11-01", "end_date": "2026-11-30", **fields}
    return RepriceChargesRequest(**values)  # type: ignore[arg-type] # of whichever kind


async def set_price(billing: BillingStub, dollars: float, pattern: str = "gpt-*") -> None:
    """Let a million tokens read cost so many dollars."""
    spec = ModelCostSpec(
        provider_id=1,
        model_pattern=pattern,
        input_cost_per_1k_tokens_nano_usd=int(dollars * 1_000_000),
        output_cost_per_1k_tokens_nano_usd=0,
    )
    request = pb.CreateModelCostRequest(model_cost=spec)
    await billing.CreateModelCost(request, metadata=METADATA)


async def costs_by(billing: BillingStub, group_by: str) -> tuple[float, int, int]:
    """Return a report's sum in dollars, its requests, and those without a price."""
    request = pb.GetCostsRequest(group_by=group_by, start_date="2026-11-01", end_date="2026-11-30")
    answer = await billing.GetCosts(request, metadata=METADATA)
    groups = answer.cost_breakdown
    return (
        sum(each.total_cost_nano_usd for each in groups) / 1e9,
        sum(each.requests for each in groups),
        sum(each.unpriced_requests for each in groups),
    )


async def reprice(billing: BillingStub, **fields: object) -> RepriceChargesResponse:
    """Price a page anew."""
    answer: RepriceChargesResponse = await billing.RepriceCharges(
        november(**fields), metadata=METADATA
    )
    return answer


async def test_reports_and_lists_have_what_charges_cost_now(billing: BillingStub) -> None:
    """By every way of grouping; what had no price has one now, and tokens and requests stay."""
    unpriced = charge(price=None, actual_model_name="gpt-unheard")
    await record(billing, charge(), unpriced, charge(actual_model_name="other"))
    await set_price(billing, 3)
    dry = await reprice(billing, dry_run=True)
    assert (dry.charges, dry.adjusted_charges, dry.unpriced_charges) == (3, 2, 1)
    assert await costs_by(billing, "model") == (2.0, 3, 1)
    done = await reprice(billing, reason="the contract's price")
    assert (done.before_nano_usd, done.after_nano_usd) == (10**9, 6 * 10**9)
    for group_by in ("provider", "key", "account-group", "virtual-key", "group", "model", "day"):
        assert await costs_by(billing, group_by) == (7.0, 3, 0), group_by
    again = await reprice(billing)
    assert (again.charges, again.adjusted_charges) == (3, 0)
    listed = await billing.ListCharges(pb.ListChargesRequest(), metadata=METADATA)
    assert [
        (each.adjusted_cost_nano_usd, each.adjusted_price_version.startswith("rule:"))
        for each in listed.charges
    ] == [(0, False), (3 * 10**9, True), (3 * 10**9, True)]


async def test_pages_and_filters(billing: BillingStub) -> None:
    """Page by page, of one instance, of some models, and of some days."""
    await record(billing, *(charge(at=NOW + number) for number in range(5)))
    await set_price(billing, 2)
    token, seen = "", []
    while True:
        page = await reprice(billing, page_size=2, page_token=token, dry_run=True)
        seen.append((page.charges, page.adjusted_charges))
        if not (token := page.next_page_token):
            break
    assert seen == [(2, 2), (2, 2), (1, 1)]
    assert (await reprice(billing, provider_id=2, dry_run=True)).charges == 0
    assert (await reprice(billing, model_pattern="gpt-5*", dry_run=True)).charges == 0
    assert (await reprice(billing, model_pattern="gpt-4*", dry_run=True)).charges == 5
    assert (await reprice(billing, end_date="2026-11-22", dry_run=True)).charges == 0


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"start_date": ""}, "startDate"),
        ({"end_date": ""}, "endDate"),
        ({"start_date": "2026-12-01"}, "startDate"),
        ({"end_date": "soon"}, "endDate"),
    ],
)
async def test_a_period_must_be_named(
    billing: BillingStub, fields: dict[str, object], named: str
) -> None:
    """Nobody prices all of time anew by mistake."""
    with pytest.raises(grpc.RpcError) as caught:
        await reprice(billing, **fields)
    assert error_of(caught.value, "billing").metadata["field"] == named
