"""Follows the prices of all mapped models."""

import asyncio
import secrets
from typing import TYPE_CHECKING

import grpc

from conduit.internal.v1.ledger_service_pb2 import (
    ConfirmPricesRequest,
    WatchPricesRequest,
    WatchPricesResponse,
)
from conduit.internal.v1.price_pb2 import Price, PricedModel
from conduit_kernel.rpc.watch_stream import WatchStream
from conduit_kernel.slices import Slices
from conduit_router.accounting.prices import PriceList
from conduit_router.routing.table import EMPTY_TABLE, Route, TableChange

if TYPE_CHECKING:
    # Exists for type checkers only.
    from conduit.internal.v1.ledger_service_pb2_grpc import LedgerServiceAsyncStub

# Aliases that are counted, and models that are asked for, at a time.
PIECE = 200
CONFIRM_SECONDS = 10.0
# Instance, its type, and the provider's name of the model.
_Model = tuple[int, str, str]


class PriceWatch:
    """Keeps a price list as Billing has it; prices stay while Billing is away."""

    def __init__(
        self,
        stub: "LedgerServiceAsyncStub",
        prices: PriceList,
        metadata: tuple[tuple[str, str], ...],
    ) -> None:
        self._stub = stub
        self._prices = prices
        self._metadata = metadata
        # How many candidates there are for each model of an instance, and the models by alias.
        self._wanted: dict[_Model, int] = {}
        self._by_alias: dict[str, tuple[_Model, ...]] = {}
        self._follower = secrets.token_hex(8)
        self._request = WatchPricesRequest(follower=self._follower)
        self._changed = asyncio.Event()
        # Of a list of which more follows.
        self._received: list[Price] = []
        # Set while there are aliases whose models are not counted yet.
        self.stale = asyncio.Event()
        self._table = EMPTY_TABLE
        self._aliases = set[str]()
        # Of the rules; none that the stream that is open has told.
        self._revision: int | None = None
        # Set while Billing has not been told which prices are in use.
        self.unconfirmed = asyncio.Event()
        self._stream = WatchStream(self._open)

    def apply(self, change: TableChange) -> None:
        """Have the models of a new table's routes counted."""
        self._table = change.after
        self._aliases |= change.aliases
        self.stale.set()

    async def count(self) -> None:
        """Ask for the prices of the mapped models, if they are others than before."""
        aliases, self._aliases = self._aliases, set()
        is_changed = False
        for number, alias in enumerate(aliases):
            is_changed |= self._count(alias)
            if number % PIECE == 0:
                await asyncio.sleep(0)
        if is_changed:
            await self._ask()

    async def _ask(self) -> None:
        models, request = sorted(self._wanted), WatchPricesRequest(follower=self._follower)
        for start in range(0, len(models), PIECE):
            request.models.extend(
                PricedModel(provider_id=i, provider_type=kind, actual_model_name=model)
                for i, kind, model in models[start : start + PIECE]
            )
            await asyncio.sleep(0)
        self._request = request
        self._changed.set()

    def _count(self, alias: str) -> bool:
        """Count the models of an alias; return whether one was added or is gone."""
        route = self._table.routes.get(alias)
        models = _models(route) if route is not None else ()
        former = self._by_alias.pop(alias, ())
        if models:
            self._by_alias[alias] = models
        if models == former:
            return False
        is_changed = False
        for model in models:
            is_changed |= model not in self._wanted
            self._wanted[model] = self._wanted.get(model, 0) + 1
        for model in former:
            self._wanted[model] -= 1
            if not self._wanted[model]:
                is_changed = True
                del self._wanted[model]
        return is_changed

    async def follow(self) -> None:
        """Take the next prices, or begin anew if the models change: a step of a loop."""
        if self._changed.is_set():
            self._changed.clear()
            self._stream.close()
        reading = asyncio.create_task(self._stream.read())
        changed = asyncio.create_task(self._changed.wait())
        try:
            await asyncio.wait({reading, changed}, return_when=asyncio.FIRST_COMPLETED)
            if reading.done():
                await self._take(reading.result())
        finally:
            for task in (reading, changed):
                task.cancel()
            await asyncio.gather(reading, changed, return_exceptions=True)

    async def _take(self, message: WatchPricesResponse) -> None:
        """Use the prices once all of them are here."""
        self._received += message.prices
        if self._received and not message.has_more:
            received, self._received = self._received, []
            await Slices().run(self._prices.loading(received))
        if not message.has_more and message.revision != self._revision:
            self._revision = message.revision
            self.unconfirmed.set()

    async def confirm(self) -> None:
        """Tell Billing which prices are in use: a step of a loop."""
        request = ConfirmPricesRequest(follower=self._follower, revision=self._revision or 0)
        await self._stub.ConfirmPrices(request, metadata=self._metadata, timeout=CONFIRM_SECONDS)

    def _open(self) -> "grpc.aio.UnaryStreamCall[WatchPricesRequest, WatchPricesResponse]":
        self._received, self._revision = [], None
        return self._stub.WatchPrices(self._request, metadata=self._metadata)


def _models(route: Route) -> tuple[_Model, ...]:
    return tuple((c.provider_id, c.instance.spec.name, c.model) for c in route.candidates)
