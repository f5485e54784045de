"""What it cost, and how instances performed, in the shapes of the guide."""

from typing import Any

import grpc
import orjson
import pytest
from tests.integration.billing.conftest import Bench, configuration
from tests.support.billing import (
    DAY,
    DOLLAR,
    METADATA,
    NOW,
    SERVICE_METADATA,
    BillingStub,
    charge,
    knows_providers,
    record,
)

from conduit.internal.v1.call_tally_pb2 import CallTally
from conduit.internal.v1.ledger_service_pb2 import RecordChargesRequest
from conduit.v1 import billing_requests_pb2 as pb
from conduit.v1.billing_requests_json import (
    get_costs_response_to_json,
    get_provider_analytics_response_to_json,
)
from conduit.v1.charge_pb2 import Charge
from conduit.v1.model_cost_pb2 import ModelCostSpec
from conduit_billing.reports import messages as reports
from conduit_kernel.errors import InvalidRequest
from conduit_kernel.ids import IdSource
from conduit_kernel.not_found_errors import ProviderNotFound
from conduit_kernel.rpc import error_of


def as_read(document: object) -> Any:  # noqa: ANN401 # JSON
    """Return a document as a client reads it."""
    return orjson.loads(orjson.dumps(document))


async def costs(
    billing: BillingStub,
    **asked: Any,  # noqa: ANN401 # as the request has it
) -> list[dict[str, Any]]:
    """Return the groups of a report, as the API writes them."""
    answer = await billing.GetCosts(pb.GetCostsRequest(**asked), metadata=METADATA)
    groups: list[dict[str, Any]] = as_read(get_costs_response_to_json(answer))["costBreakdown"]
    return groups


async def test_every_way_of_grouping_adds_up_to_the_charges(billing: BillingStub) -> None:
    """Of each day, also where charges come twice; tags alone count a charge for each."""
    made = [
        charge(
            tokens=(number + 1) * 1000,
            price=None if number % 7 == 0 else DOLLAR,
            # Of a model that Billing knows, it would find the price itself.
            actual_model_name="nobody-knows" if number % 7 == 0 else "gpt-4o",
            provider_id=1 + number % 3,
            key_id=f"key_{number % 4}",
            virtual_key_id=number % 5,
            model_alias=f"model-{number % 6}",
            provider_account_group=("", "production")[number % 2],
            at=NOW - DAY * (number % 3),
        )
        for number in range(40)
    ]
    for _ in range(2):
        await record(billing, *made)
    cost = sum(each.cost_nano_usd for each in made)
    unpriced = sum(not each.HasField("cost_nano_usd") for each in made)
    for grouping in reports.GROUPINGS:
        asked = pb.GetCostsRequest(group_by=grouping)
        groups = (await billing.GetCosts(asked, metadata=METADATA)).cost_breakdown
        assert sum(group.total_cost_nano_usd for group in groups) == cost, grouping
        assert sum(group.requests for group in groups) == len(made)
        assert sum(group.unpriced_requests for group in groups) == unpriced


async def test_costs_come_in_pages(billing: BillingStub) -> None:
    """Dearest first, each group once; a token is of its grouping and days alone."""
    await record(billing, *(charge(tokens=n * 1000, model_alias=f"m{n}") for n in range(1, 8)))
    whole = (
        await billing.GetCosts(pb.GetCostsRequest(group_by="model"), metadata=METADATA)
    ).cost_breakdown
    found, request = list[str](), pb.GetCostsRequest(group_by="model", page_size=3)
    sizes = []
    while True:
        page = await billing.GetCosts(request, metadata=METADATA)
        found += [group.model_alias for group in page.cost_breakdown]
        sizes.append(len(page.cost_breakdown))
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    assert sizes == [3, 3, 1]
    assert found == [group.model_alias for group in whole] == [f"m{n}" for n in range(7, 0, -1)]
    tried: tuple[dict[str, Any], ...] = (
        {"group_by": "tag"},
        {"end_date": "2026-11-22"},
        {"page_size": 10_001},
    )
    for wrong in tried:
        other = pb.GetCostsRequest()
        other.CopyFrom(request)
        other.MergeFrom(pb.GetCostsRequest(**wrong))
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await billing.GetCosts(other, metadata=METADATA)
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


CHARGE_FILTERS: list[tuple[dict[str, object], set[int]]] = [
    ({}, {0, 1, 2, 3}),
    ({"key_id": "key_2"}, {1}),
    ({"provider_account_group": "development"}, {2}),
    ({"model_alias": "slow"}, {3}),
    ({"unpriced": True}, {1}),
    ({"cost_differs": True}, {1, 3}),
    ({"start_date": "2026-11-23"}, {0, 1}),
    ({"end_date": "2026-11-22"}, {2, 3}),
    ({"start_date": "2026-11-22", "end_date": "2026-11-22"}, {2}),
    ({"start_date": "2026-11-22", "model_alias": "slow"}, set()),
]


@pytest.mark.parametrize(("asked", "wanted"), CHARGE_FILTERS)
async def test_charges_are_those_that_are_asked_for(
    billing: BillingStub, asked: dict[str, Any], wanted: set[int]
) -> None:
    """By what they have in common, and by the days of their calls."""
    made = [
        dated(NOW),
        dated(
            *(NOW,),
            price=None,
            key_id="key_2",
            actual_model_name="nobody-knows",
            provider_cost_nano_usd=5,
        ),
        # A dollar, and what a provider rounds.
        dated(
            NOW - DAY, provider_account_group="development", provider_cost_nano_usd=DOLLAR + 1_000
        ),
        dated(NOW - 2 * DAY, model_alias="slow", provider_cost_nano_usd=DOLLAR - 1_001),
    ]
    await record(billing, *made)
    answer = await billing.ListCharges(pb.ListChargesRequest(**asked), metadata=METADATA)
    assert {each.id for each in answer.charges} == {made[number].id for number in wanted}


async def test_days_of_charges_in_the_wrong_order_are_refused(billing: BillingStub) -> None:
    """As those of reports are."""
    asked = pb.ListChargesRequest(start_date="2026-11-23", end_date="2026-11-22")
    with pytest.raises(grpc.RpcError) as caught:
        await billing.ListCharges(asked, metadata=METADATA)
    assert isinstance(error_of(caught.value, "billing"), InvalidRequest)


def dated(at: int, **fields: Any) -> Charge:  # noqa: ANN401 # whichever a test names
    """Return a charge with an id of its time, as routers make them."""
    return charge(at=at, id=IdSource(lambda: at).next(), **fields)


async def test_account_groups_add_up_as_in_the_guide(billing: BillingStub) -> None:
    """The guide's own numbers come out: groups and instances, dearest first."""
    await record(
        billing,
        charge(tokens=180_450_000, provider_id=1),
        charge(tokens=65_220_000, provider_id=3),
        charge(tokens=23_450_000, provider_id=2, provider_account_group="development"),
    )
    groups = await costs(billing, group_by="account-group")
    wanted = ("providerAccountGroup", "totalCost", "providers")
    assert [{name: group[name] for name in wanted} for group in groups] == [
        {
            "providerAccountGroup": "production",
            "totalCost": 245.67,
            "providers": [
                {"providerId": 1, "providerName": "OpenAI Production", "cost": 180.45},
                {"providerId": 3, "providerName": "Anthropic Production", "cost": 65.22},
            ],
        },
        {
            "providerAccountGroup": "development",
            "totalCost": 23.45,
            "providers": [{"providerId": 2, "providerName": "OpenAI Development", "cost": 23.45}],
        },
    ]


GROUPINGS: list[tuple[str, str, list[object]]] = [
    ("", "providerId", [2, 1]),
    ("provider", "providerName", ["OpenAI Development", "OpenAI Production"]),
    ("virtual-key", "virtualKeyId", [5, 4]),
    ("model", "modelAlias", ["slow", "fast"]),
    ("day", "day", ["2026-11-22", "2026-11-23"]),
]


async def test_each_way_of_grouping_names_its_groups(billing: BillingStub) -> None:
    """Groups are named by what they are grouped by; days are in order of time."""
    slow = charge(
        tokens=5_000_000, provider_id=2, virtual_key_id=5, model_alias="slow", at=NOW - DAY
    )
    await record(billing, charge(tokens=2_000_000), slow)
    for group_by, label, values in GROUPINGS:
        groups = await costs(billing, group_by=group_by)
        assert [group[label] for group in groups] == values
        assert sorted(group["totalCost"] for group in groups) == [2, 5]
        assert sum(group["inputTokens"] for group in groups) == 7_000_000


async def test_both_days_are_included(billing: BillingStub) -> None:
    """A report has the charges from the first moment of the first day to the last of the last."""
    midnight = NOW - NOW % DAY
    for at in (midnight - 1, midnight, midnight + DAY - 1, midnight + DAY):
        await record(billing, charge(at=at))
    days = await costs(billing, group_by="day", start_date="2026-11-23", end_date="2026-11-23")
    assert [(day["day"], day["requests"]) for day in days] == [("2026-11-23", 2)]


NONSENSE = [
    ({"group_by": "colour"}, "groupBy"),
    ({"start_date": "yesterday"}, "startDate"),
    ({"end_date": "2026-02-30"}, "endDate"),
    ({"start_date": "2026-11-24", "end_date": "2026-11-23"}, "startDate"),
]


async def test_a_report_on_nonsense_is_refused(billing: BillingStub) -> None:
    """Unknown groups, no days, and days in the wrong order are INVALID_REQUEST."""
    for asked, field in NONSENSE:
        with pytest.raises(grpc.RpcError) as caught:
            await costs(billing, **asked)
        error = error_of(caught.value, "billing")
        assert isinstance(error, InvalidRequest)
        assert error.metadata["field"] == field


def tally(name: str, at: int, durations_ms: dict[int, int], failures: int = 0) -> CallTally:
    """Return a tally of attempts in buckets."""
    total = sum(durations_ms.values())
    made = CallTally(
        id=name,
        provider_id=1,
        successes=total - failures,
        failures=failures,
        duration_buckets=durations_ms,
        duration_ms_sum=total * 850,
    )
    made.started_at.seconds = at
    return made


async def test_analytics_have_the_shape_of_the_guide(billing: BillingStub) -> None:
    """Counts, means, quantiles, tokens, cost and hours; a tally delivered twice counts once."""
    hour = NOW - NOW % 3600
    # 720 ms is in bucket 44, 1,200 ms in bucket 50.
    tallies = [tally("a", hour, {44: 40, 50: 5}, failures=3), tally("b", hour + 3600, {44: 10})]
    request = RecordChargesRequest(charges=[charge(tokens=2_450_000)], tallies=tallies)
    for _ in range(2):
        await billing.ledger.RecordCharges(request, metadata=SERVICE_METADATA)
    answer = await billing.GetProviderAnalytics(
        pb.GetProviderAnalyticsRequest(provider_id=1), metadata=METADATA
    )
    document = as_read(get_provider_analytics_response_to_json(answer))
    assert document["providerId"] == 1
    assert document["providerName"] == "OpenAI Production"
    metrics = document["metrics"]
    assert metrics["totalRequests"] == 55
    assert metrics["successfulRequests"] == 52
    assert metrics["failedRequests"] == 3
    assert metrics["averageResponseTime"] == 850
    assert metrics["medianResponseTime"] == pytest.approx(720, rel=0.05)
    assert metrics["p95ResponseTime"] == pytest.approx(1200, rel=0.05)
    assert metrics["totalTokensProcessed"] == 2_450_000
    assert metrics["totalCost"] == 2.45
    assert metrics["requestsPerHour"] == [
        {"hour": "2026-11-23T12:00:00Z", "count": 45},
        {"hour": "2026-11-23T13:00:00Z", "count": 10},
    ]


async def test_a_tally_too_old_to_remember_is_left_out(billing: BillingStub) -> None:
    """Ids of tallies are kept for 30 days, so what comes later than that is not counted."""
    old = tally("old", NOW - 31 * DAY, {44: 1})
    await billing.ledger.RecordCharges(
        RecordChargesRequest(tallies=[old]), metadata=SERVICE_METADATA
    )
    answer = await billing.GetProviderAnalytics(
        pb.GetProviderAnalyticsRequest(provider_id=1, start_date="2026-01-01"), metadata=METADATA
    )
    assert answer.metrics.total_requests == 0


async def test_analytics_of_an_unknown_instance_are_not_found(billing: BillingStub) -> None:
    """An id that never was is PROVIDER_NOT_FOUND, no id at all is INVALID_REQUEST."""
    for number, kind in ((999, ProviderNotFound), (0, InvalidRequest)):
        with pytest.raises(grpc.RpcError) as caught:
            await billing.GetProviderAnalytics(
                pb.GetProviderAnalyticsRequest(provider_id=number), metadata=METADATA
            )
        assert isinstance(error_of(caught.value, "billing"), kind)


async def test_an_instance_that_is_gone_keeps_its_name_and_its_costs(bench: Bench) -> None:
    """Reports name an instance that the Registry no longer has, also after a restart."""
    async with bench.billing() as billing:
        await knows_providers(billing)
        await record(billing, charge())
        spec = ModelCostSpec(
            provider_id=1,
            model_pattern="*",
            input_cost_per_1k_tokens_nano_usd=1,
            output_cost_per_1k_tokens_nano_usd=1,
        )
        request = pb.CreateModelCostRequest(model_cost=spec)
        await billing.CreateModelCost(request, metadata=METADATA)
        bench.registry.replace(configuration({2: "OpenAI Development"}))
        spec.model_pattern = "gone*"
        while True:
            try:
                await billing.CreateModelCost(request, metadata=METADATA)
            except grpc.RpcError as refused:
                if isinstance(error_of(refused, "billing"), ProviderNotFound):
                    break
            spec.model_pattern += "x"
            request = pb.CreateModelCostRequest(model_cost=spec)
    async with bench.billing() as billing:
        (group,) = await costs(billing)
        assert group["providerName"] == "OpenAI Production"
        assert group["totalCost"] == 1
        answer = await billing.GetProviderAnalytics(
            pb.GetProviderAnalyticsRequest(provider_id=1), metadata=METADATA
        )
    assert answer.metrics.total_cost_nano_usd == DOLLAR
