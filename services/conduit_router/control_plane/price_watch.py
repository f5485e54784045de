"""Follows the prices of all mapped models."""

import asyncio
from typing import TYPE_CHECKING

import grpc

from conduit.v1.billing_requests_pb2 import PricedModel, WatchPricesRequest, WatchPricesResponse
from conduit_kernel.rpc.watch_stream import WatchStream
from conduit_router.accounting.prices import PriceList
from conduit_router.routing.table import Route, TableChange

if TYPE_CHECKING:
    # Exists for type checkers only.
    from conduit.v1.billing_service_pb2_grpc import BillingServiceAsyncStub

# Instance, its type, and the provider's name of the model.
_Model = tuple[int, str, str]


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
        # How many candidates there are for each model of an instance, and the models by alias.
        self._wanted: dict[_Model, int] = {}
        self._by_alias: dict[str, tuple[_Model, ...]] = {}
        self._changed = asyncio.Event()
        self._stream = WatchStream(self._open)

    def apply(self, change: TableChange) -> None:
        """Ask for the prices of a new table's models, if they are others than before."""
        before = len(self._wanted)
        added = False
        for alias in change.aliases:
            route = change.after.routes.get(alias)
            models = _models(route) if route is not None else ()
            if models == self._by_alias.get(alias, ()):
                continue
            for model in models:
                added |= model not in self._wanted
                self._wanted[model] = self._wanted.get(model, 0) + 1
            for model in self._by_alias.pop(alias, ()):
                self._wanted[model] -= 1
                if not self._wanted[model]:
                    del self._wanted[model]
            if models:
                self._by_alias[alias] = models
        if added or len(self._wanted) != before:
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
        models = (
            PricedModel(provider_id=i, provider_type=kind, actual_model_name=model)
            for i, kind, model in sorted(self._wanted)
        )
        request = WatchPricesRequest(models=models)
        return self._stub.WatchPrices(request, metadata=self._metadata)


def _models(route: Route) -> tuple[_Model, ...]:
    return tuple((c.provider_id, c.instance.spec.name, c.model) for c in route.candidates)
