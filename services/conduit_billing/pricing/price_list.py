"""What models cost now: the operators' rules, then the shipped catalog."""

import asyncio
import contextlib
from collections.abc import Iterable
from datetime import datetime

from conduit.v1.billing_requests_pb2 import PricedModel
from conduit.v1.model_cost_pb2 import Price, UnitPrice
from conduit_billing.pricing.catalog import PriceCatalog
from conduit_billing.pricing.rules import Priced, Rule, best_rule, rule_prices


class PriceList:
    """Answers for the price of any model; tells those who wait when the rules change."""

    def __init__(self, catalog: PriceCatalog) -> None:
        self._catalog = catalog
        self._rules: tuple[Rule, ...] = ()
        # Grows with every change of the rules.
        self.revision = 0
        self.is_closed = False
        self._changed = asyncio.Event()

    def replace_rules(self, rules: Iterable[Rule]) -> None:
        """Use these rules from now on."""
        fresh = tuple(rules)
        if fresh == self._rules:
            return
        self._rules = fresh
        self.revision += 1
        self._changed.set()
        if not self.is_closed:
            self._changed = asyncio.Event()

    def close(self) -> None:
        """Wake those who wait, for the last time."""
        self.is_closed = True
        self._changed.set()

    async def wait_beyond(self, revision: int, seconds: float) -> None:
        """Return once the rules are newer than a revision, at the latest after some seconds."""
        if self.revision > revision:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()

    def price(self, provider_id: int, provider_type: str, model: str, at: datetime) -> Priced:
        """Return the price of a model of an instance; the catalog's at the given moment."""
        if rule := best_rule(self._rules, provider_id, model):
            return rule_prices(rule)
        return self._catalog.price(provider_type, model, at)

    async def prices_of(self, models: Iterable[PricedModel], now: datetime) -> list[Price]:
        """Return the prices of models, also the unknown ones, in their order."""
        # The first question loads the catalog, which must not hold up everybody else.
        return await asyncio.to_thread(self._prices_of, list(models), now)

    def _prices_of(self, models: Iterable[PricedModel], now: datetime) -> list[Price]:
        return [
            _message(m, self.price(m.provider_id, m.provider_type, m.actual_model_name, now))
            for m in models
        ]


def _message(model: PricedModel, priced: Priced) -> Price:
    return Price(
        provider_id=model.provider_id,
        actual_model_name=model.actual_model_name,
        unit_prices=[
            UnitPrice(unit=unit, nano_usd_per_million=price)
            for unit, price in sorted(priced.unit_prices.items())
        ],
        version=priced.version,
    )
