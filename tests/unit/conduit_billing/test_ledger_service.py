"""What routers deliver to Billing, and what they are told."""

import asyncio
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from tests.integration.billing.conftest import Bench
from tests.support.billing import (
    DAY,
    DOLLAR,
    METADATA,
    NOW,
    SERVICE_METADATA,
    BillingStub,
    charge,
)

from conduit.internal.v1 import ledger_service_pb2 as pb
from conduit.internal.v1.call_tally_pb2 import CallTally
from conduit.internal.v1.price_pb2 import PricedModel
from conduit.v1 import billing_requests_pb2 as public
from conduit.v1.model_cost_pb2 import ModelCostSpec
from conduit_billing import ledger_service
from conduit_billing.ledger_service import MAX_DELIVERY
from conduit_billing.pricing.price_list import PriceList
from conduit_kernel.errors import ConduitError
from conduit_kernel.followers import Followers
from conduit_kernel.rpc import error_of

LONG_SECONDS = 120.0
MODELS = [
    PricedModel(provider_id=number, provider_type="Homemade", actual_model_name="m")
    for number in (1, 2, 3)
]


async def deliver(billing: BillingStub, *charges: Any, tallies: Any = ()) -> int:  # noqa: ANN401 # messages
    """Deliver charges and statistics; return how many charges were new."""
    request = pb.RecordChargesRequest(charges=charges, tallies=tallies)
    return (await billing.ledger.RecordCharges(request, metadata=SERVICE_METADATA)).recorded


async def refused(billing: BillingStub, *charges: Any, tallies: Any = ()) -> ConduitError:  # noqa: ANN401 # messages
    """Return why a delivery is refused."""
    with pytest.raises(grpc.RpcError) as caught:
        await deliver(billing, *charges, tallies=tallies)
    return error_of(caught.value, "billing")


async def listed(billing: BillingStub) -> list[Any]:
    """Return the charges that are stored."""
    answer = await billing.ListCharges(public.ListChargesRequest(), metadata=METADATA)
    return list(answer.charges)


async def price(billing: BillingStub, amount: int) -> None:
    """Give all models a price."""
    spec = ModelCostSpec(
        model_pattern="*",
        input_cost_per_1k_tokens_nano_usd=amount,
        output_cost_per_1k_tokens_nano_usd=amount,
    )
    await billing.CreateModelCost(public.CreateModelCostRequest(model_cost=spec), metadata=METADATA)


def watch(billing: BillingStub, *models: PricedModel) -> Any:  # noqa: ANN401 # a call
    """Watch prices."""
    request = pb.WatchPricesRequest(models=models)
    return billing.ledger.WatchPrices(request, metadata=SERVICE_METADATA)


async def read(call: Any) -> pb.WatchPricesResponse:  # noqa: ANN401 # a call
    """Return the next message."""
    async with asyncio.timeout(10):
        message = await call.read()
    assert isinstance(message, pb.WatchPricesResponse)
    return message


def tally(name: str, seconds: int) -> CallTally:
    """Return statistics of one attempt."""
    return CallTally(id=name, started_at=Timestamp(seconds=seconds), provider_id=1, successes=1)


async def test_a_delivery_is_stored_whole_or_not_at_all(billing: BillingStub) -> None:
    """The error names the one that is wrong."""
    wrong = charge()
    wrong.lines[0].quantity = -1
    error = await refused(billing, charge(), wrong)
    assert error.metadata["field"] == "charges[1].lines[0].quantity"
    error = await refused(billing, charge(), tallies=[tally("", NOW)])
    assert error.metadata["field"] == "tallies[0].id"
    assert await listed(billing) == []


async def test_a_delivery_has_a_size(billing: BillingStub) -> None:
    """Of charges as of statistics."""
    one = charge()
    error = await refused(billing, *([one] * (MAX_DELIVERY + 1)))
    assert error.message == "charges may have at most 1000 entries, not 1001"
    error = await refused(billing, tallies=[tally("t", NOW)] * (MAX_DELIVERY + 1))
    assert error.metadata["field"] == "tallies"
    assert await deliver(billing) == 0


async def test_a_charge_that_comes_without_a_price_gets_the_one_there_is(
    billing: BillingStub,
) -> None:
    """And stays without where there is none."""
    unknown = charge(price=None, provider_type="Homemade", actual_model_name="m")
    await deliver(billing, unknown)
    await price(billing, 1_000_000)
    priced = charge(price=None, provider_type="Homemade", actual_model_name="m")
    await deliver(billing, priced)
    second, first = await listed(billing)
    assert not first.HasField("cost_nano_usd")
    assert (second.cost_nano_usd, second.price_version[:7]) == (DOLLAR, "rule:1@")


async def test_statistics_too_old_to_be_remembered_are_left_out(
    billing: BillingStub, bench: Bench
) -> None:
    """Their ids are forgotten, so they might be counted twice; charges never are."""
    old = [tally("just", NOW - 30 * DAY), tally("too", NOW - 30 * DAY - 1)]
    await deliver(billing, charge(at=NOW - 300 * DAY), tallies=old)
    request = public.GetProviderAnalyticsRequest(provider_id=1, start_date="2026-01-01")
    found = await billing.GetProviderAnalytics(request, metadata=METADATA)
    assert found.metrics.total_requests == 1
    assert len(await listed(billing)) == 1
    assert bench.clock.now == NOW


async def test_a_watcher_has_all_prices_and_all_again_when_one_changes(
    billing: BillingStub,
) -> None:
    """In the order in which it asked."""
    call = watch(billing, *MODELS)
    first = await read(call)
    assert [each.provider_id for each in first.prices] == [1, 2, 3]
    assert not first.prices[0].unit_prices
    await price(billing, 5)
    second = await read(call)
    assert {each.version[:7] for each in second.prices} == {"rule:1@"}
    call.cancel()


async def test_many_prices_come_in_pieces(
    billing: BillingStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each but the last says that there are more."""
    monkeypatch.setattr(ledger_service, "PIECE", 2)
    call = watch(billing, *MODELS)
    pieces = [await read(call), await read(call)]
    assert [(len(each.prices), each.has_more) for each in pieces] == [(2, True), (1, False)]
    call.cancel()
    none = watch(billing)
    assert (await read(none)).prices == []
    none.cancel()


async def test_what_changes_no_price_of_a_watcher_is_a_sign_of_life(
    billing: BillingStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So is silence that has lasted for a while."""
    call = watch(billing, *MODELS)
    await read(call)
    monkeypatch.setattr(ledger_service, "SIGN_OF_LIFE_SECONDS", 0.01)
    spec = ModelCostSpec(
        model_pattern="other",
        input_cost_per_1k_tokens_nano_usd=1,
        output_cost_per_1k_tokens_nano_usd=1,
    )
    await billing.CreateModelCost(public.CreateModelCostRequest(model_cost=spec), metadata=METADATA)
    for _ in range(3):
        assert await read(call) == pb.WatchPricesResponse(revision=1)
    call.cancel()


async def test_a_price_is_answered_once_routers_work_by_it(
    billing: BillingStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those who watch under a name; others are not waited for."""
    monkeypatch.setattr(Followers.until_used, "__defaults__", (LONG_SECONDS,))
    other = watch(billing, *MODELS)
    await read(other)
    request = pb.WatchPricesRequest(models=MODELS, follower="router")
    call = billing.ledger.WatchPrices(request, metadata=SERVICE_METADATA)
    first = await read(call)
    changing = asyncio.create_task(price(billing, DOLLAR))
    told = await read(call)
    assert told.revision > first.revision
    assert max(line.nano_usd_per_million for line in told.prices[0].unit_prices) == 1000 * DOLLAR
    done, _ = await asyncio.wait({changing}, timeout=0.2)
    assert not done
    confirmed = pb.ConfirmPricesRequest(follower="router", revision=told.revision)
    await billing.ledger.ConfirmPrices(confirmed, metadata=SERVICE_METADATA)
    async with asyncio.timeout(10):
        await changing
    other.cancel()
    call.cancel()


async def test_a_rule_of_other_models_is_confirmed_all_the_same(billing: BillingStub) -> None:
    """No price changes for the router; the state of the rules that it works by does."""
    request = pb.WatchPricesRequest(follower="router")
    call = billing.ledger.WatchPrices(request, metadata=SERVICE_METADATA)
    first = await read(call)
    changing = asyncio.create_task(price(billing, DOLLAR))
    told = await read(call)
    assert (told.revision, list(told.prices)) == (first.revision + 1, [])
    changing.cancel()
    call.cancel()


async def test_a_clock_that_was_set_back_is_no_reason_to_wait(
    billing: BillingStub, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prices of the time of day are looked for all the same."""
    monkeypatch.setattr(ledger_service, "SIGN_OF_LIFE_SECONDS", 0.01)
    looked: list[float] = []
    prices_of = PriceList.prices_of

    async def look(self: Any, models: Any, now: Any) -> Any:  # noqa: ANN401 # handed on
        looked.append(now.timestamp())
        return await prices_of(self, models, now)

    monkeypatch.setattr(PriceList, "prices_of", look)
    call = watch(billing, *MODELS)
    await read(call)
    for seconds in (30, -10_000, 61):
        bench.clock.now += seconds
        await read(call)
        await read(call)
    call.cancel()
    assert looked == [NOW, NOW + 30 - 10_000, NOW + 30 - 10_000 + 61]


async def test_a_watcher_may_not_ask_for_everything_there_is(
    billing: BillingStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names the field."""
    monkeypatch.setattr(ledger_service, "MAX_WATCHED", 2)
    with pytest.raises(grpc.RpcError) as caught:
        await watch(billing, *MODELS).read()
    assert error_of(caught.value, "billing").metadata["field"] == "models"


def wish(**fields: object) -> pb.AcquireLeaseRequest:
    """Return a request for a lease of a thousand nano-dollars."""
    values: dict[str, Any] = {
        "virtual_key_id": 4,
        "lease_id": "0" * 26,
        "amount_nano_usd": 1_000,
        "least_nano_usd": 100,
        **fields,
    }
    return pb.AcquireLeaseRequest(**values)


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("leaseId", {"lease_id": "short"}),
        ("virtualKeyId", {"virtual_key_id": 0}),
        ("amount", {"amount_nano_usd": 0}),
        ("amount", {"amount_nano_usd": 2**63 - 1}),
        ("least", {"least_nano_usd": 0}),
        ("least", {"least_nano_usd": 1_001}),
        ("spare", {"spare_nano_usd": -1}),
    ],
)
async def test_a_lease_must_make_sense(
    billing: BillingStub, field: str, fields: dict[str, object]
) -> None:
    """Each figure of the request has its bounds."""
    with pytest.raises(grpc.RpcError) as caught:
        await billing.ledger.AcquireLease(wish(**fields), metadata=SERVICE_METADATA)
    assert error_of(caught.value, "billing").metadata["field"] == field


async def test_a_lease_tells_how_long_it_may_be_used(billing: BillingStub) -> None:
    """In durations, because clocks of two machines differ; one of a key without budgets, too."""
    answer = await billing.ledger.AcquireLease(wish(), metadata=SERVICE_METADATA)
    lease = answer.lease
    assert (lease.amount_nano_usd, lease.usable_for.seconds, lease.lasts_for.seconds) == (
        1_000,
        60,
        120,
    )
    assert lease.expires_at.seconds == NOW + 120
    renewal = pb.RenewLeasesRequest(lease_ids=[lease.id, "1" * 26])
    renewed = await billing.ledger.RenewLeases(renewal, metadata=SERVICE_METADATA)
    assert list(renewed.ended_lease_ids) == ["1" * 26]
    release = pb.ReleaseLeaseRequest(lease_id=lease.id)
    await billing.ledger.ReleaseLease(release, metadata=SERVICE_METADATA)
    renewed = await billing.ledger.RenewLeases(renewal, metadata=SERVICE_METADATA)
    assert list(renewed.ended_lease_ids) == [lease.id, "1" * 26]


async def test_so_many_leases_are_renewed_at_once(billing: BillingStub) -> None:
    """A request has a size."""
    request = pb.RenewLeasesRequest(lease_ids=["0" * 26] * 1_001)
    with pytest.raises(grpc.RpcError) as caught:
        await billing.ledger.RenewLeases(request, metadata=SERVICE_METADATA)
    assert error_of(caught.value, "billing").metadata["field"] == "leaseIds"
