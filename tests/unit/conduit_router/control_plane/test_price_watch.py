"""The prices of mapped models are asked for, once for all, and stay while Billing is away."""

import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest
from tests.support.scripted_service import serve_rpcs
from tests.support.snapshots import compiled, first, mapping, provider, snapshot

from conduit.internal.v1.ledger_service_pb2 import (
    DESCRIPTOR,
    ConfirmPricesRequest,
    ConfirmPricesResponse,
    WatchPricesRequest,
    WatchPricesResponse,
)
from conduit.internal.v1.ledger_service_pb2_grpc import LedgerServiceStub
from conduit.internal.v1.price_pb2 import Price, UnitPrice
from conduit.v1 import charge_pb2
from conduit_router.accounting.prices import UNKNOWN, PriceList
from conduit_router.control_plane.price_watch import PriceWatch
from conduit_router.routing.table import RoutingTable, TableChange

SERVICE = DESCRIPTOR.services_by_name["LedgerService"]


class Billing:
    """Prices every model that it is asked for at a dollar a million, one in each message."""

    def __init__(self) -> None:
        self.asked: list[list[tuple[int, str]]] = []
        self.followers = set[str]()
        # Set for a sign of life.
        self.more = asyncio.Event()

    async def watch(
        self, request: WatchPricesRequest, _context: object
    ) -> AsyncIterator[WatchPricesResponse]:
        """Report the prices of one revision, and after them a sign of life if there shall be."""
        self.followers.add(request.follower)
        self.asked.append([(m.provider_id, m.actual_model_name) for m in request.models])
        unit = UnitPrice(unit=charge_pb2.UNIT_INPUT_TOKEN, nano_usd_per_million=10**9)
        for number, m in enumerate(request.models, 1):
            price = Price(
                provider_id=m.provider_id,
                actual_model_name=m.actual_model_name,
                unit_prices=[unit],
                version="v1",
            )
            has_more = number < len(request.models)
            yield WatchPricesResponse(prices=[price], has_more=has_more, revision=7)
        await self.more.wait()
        yield WatchPricesResponse(revision=7)
        await asyncio.Event().wait()


def table(*aliases: str) -> RoutingTable:
    """Return a table of one instance with some aliases of as many models."""
    mappings = [
        mapping(number, 1, model_alias=alias, actual_model_name=f"m-{alias}")
        for number, alias in enumerate(aliases, 1)
    ]
    return compiled(snapshot([provider(1)], mappings=mappings))


def change(before: RoutingTable, after: RoutingTable, *aliases: str) -> TableChange:
    """Return a change of some aliases."""
    return TableChange(before, after, frozenset(), frozenset(aliases))


async def test_a_new_model_is_priced_without_waiting_for_the_old_stream() -> None:
    """Its alias opens the stream anew; an alias of a known model does not."""
    billing, prices = Billing(), PriceList()
    async with serve_rpcs(SERVICE, WatchPrices=billing.watch) as channel:
        watch = PriceWatch(LedgerServiceStub(channel), prices, ())
        one, two = table("a"), table("a", "b")
        watch.apply(first(one))
        await watch.count()
        await watch.follow()
        assert prices.card(1, "m-a").version == "v1"
        waiting = asyncio.create_task(watch.follow())
        await asyncio.sleep(0)
        watch.apply(change(one, two, "b"))
        await watch.count()
        async with asyncio.timeout(5):
            await waiting
            await watch.follow()
            assert prices.card(1, "m-b") is UNKNOWN
            await watch.follow()
    assert billing.asked == [[(1, "m-a")], [(1, "m-a"), (1, "m-b")]]
    assert prices.card(1, "m-b").version == "v1"


async def test_an_alias_that_is_gone_is_not_asked_for_any_more() -> None:
    """Its model is, as long as another alias has it."""
    billing = Billing()
    async with serve_rpcs(SERVICE, WatchPrices=billing.watch) as channel:
        watch = PriceWatch(LedgerServiceStub(channel), PriceList(), ())
        two, one = table("a", "b"), table("b")
        watch.apply(first(two))
        await watch.count()
        watch.apply(change(two, one, "a"))
        await watch.count()
        await watch.follow()
    assert billing.asked == [[(1, "m-b")]]


async def test_prices_are_confirmed_once_all_of_them_are_in_use() -> None:
    """And not again by each sign of life; a new stream may be another process of Billing."""
    billing, prices = Billing(), PriceList()
    confirmed: list[ConfirmPricesRequest] = []

    async def confirm(request: ConfirmPricesRequest, _context: object) -> ConfirmPricesResponse:
        confirmed.append(request)
        return ConfirmPricesResponse()

    async with serve_rpcs(SERVICE, WatchPrices=billing.watch, ConfirmPrices=confirm) as channel:
        watch = PriceWatch(LedgerServiceStub(channel), prices, ())
        watch.apply(first(table("a", "b")))
        await watch.count()
        await watch.follow()
        assert not watch.unconfirmed.is_set()
        await watch.follow()
        assert prices.card(1, "m-b").version == "v1"
        assert watch.unconfirmed.is_set()
        await watch.confirm()
        watch.unconfirmed.clear()
        billing.more.set()
        await watch.follow()
        assert not watch.unconfirmed.is_set()
        watch.apply(change(table("a", "b"), table("a"), "b"))
        await watch.count()
        await watch.follow()
        assert watch.unconfirmed.is_set()
    assert [each.revision for each in confirmed] == [7]
    assert billing.followers == {confirmed[0].follower}


async def test_prices_stay_while_billing_is_away() -> None:
    """Yesterday's price is better than none, and the loop hears of the failure."""
    billing, prices = Billing(), PriceList()
    async with serve_rpcs(SERVICE, WatchPrices=billing.watch) as channel:
        watch = PriceWatch(LedgerServiceStub(channel), prices, ())
        watch.apply(first(table("a")))
        await watch.count()
        await watch.follow()
    async with grpc.aio.insecure_channel("127.0.0.1:1") as nobody:
        watch = PriceWatch(LedgerServiceStub(nobody), prices, ())
        with pytest.raises(grpc.RpcError):
            await watch.follow()
    assert prices.card(1, "m-a").version == "v1"
