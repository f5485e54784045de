"""Follows the prices of all mapped models."""

import asyncio
from typing import TYPE_CHECKING

import grpc

from conduit.v1.billing_requests_pb2 import PricedModel, WatchPricesRequest, WatchPricesResponse
from conduit_kernel.rpc.watch_stream import WatchStream
from conduit_router.accounting.prices import PriceList
from conduit_router.routing.table import RoutingTable

if TYPE_CHECKING:
    # Exists for type checkers only.
    from conduit.v1.billing_service_pb2_grpc import BillingServiceAsyncStub


class PriceWatch:
    """Keeps a price list as Billing has it; prices stay while Billing is away."""

    def __init__(
        self,
        stub: "BillingServiceAsyncStub",
        prices: PriceList,
        metadata: tuple[tuple[str, str], ...],
    ) -> None:
        self._stub = stub
        self._prices = prices
        self._metadata = metadata
        self._models: list[PricedModel] = []
        self._changed = asyncio.Event()
        self._stream = WatchStream(self._open)

    def load(self, table: RoutingTable) -> None:
        """Ask for the prices of a new table's models, if they are others than before."""
        mapped = {
            (c.provider_id, c.instance.spec.name, c.model)
            for route in table.routes.values()
            for c in route.candidates
        }
        models = [
            PricedModel(provider_id=i, provider_type=kind, actual_model_name=model)
            for i, kind, model in sorted(mapped)
        ]
        if models != self._models:
            self._models = models
            self._changed.set()

    async def follow(self) -> None:
        """Take the next prices, or begin anew if the models change: a step of a loop."""
        if self._changed.is_set():
            self._changed.clear()
            self._stream.close()
        reading = asyncio.create_task(self._stream.read())
        changed = asyncio.create_task(self._changed.wait())
        try:
            await asyncio.wait({reading, changed}, return_when=asyncio.FIRST_COMPLETED)
            if reading.done() and (message := reading.result()).prices:
                self._prices.load(message.prices)
        finally:
            for task in (reading, changed):
                task.cancel()
            await asyncio.gather(reading, changed, return_exceptions=True)

    def _open(self) -> "grpc.aio.UnaryStreamCall[WatchPricesRequest, WatchPricesResponse]":
        request = WatchPricesRequest(models=self._models)
        return self._stub.WatchPrices(request, metadata=self._metadata)
