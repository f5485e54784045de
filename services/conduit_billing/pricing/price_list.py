"""What models cost now: the operators' rules, then the price book, then the shipped catalog."""

import asyncio
import contextlib
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from conduit.internal.v1.price_pb2 import Price, PricedModel
from conduit_billing.pricing.catalog import PriceCatalog
from conduit_billing.pricing.price_book import PriceBook
from conduit_billing.pricing.rules import UNKNOWN, Priced, Rule, best_rule, rule_prices


class PriceList:
    """Answers for the price of any model; tells those who wait when the rules change."""

    def __init__(self, catalog: PriceCatalog, book: PriceBook) -> None:
        self._catalog = catalog
        self._book = book
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
        """Return the price of a model of an instance; the catalog's at the given moment.

        What a rule says nothing of, such as searches under a price per token, costs what it does
        without the rule.
        """
        shipped = self._book.price(provider_type, model)
        if shipped is UNKNOWN:
            shipped = self._catalog.price(provider_type, model, at)
        rule = best_rule(self._rules, provider_id, model)
        if rule is None:
            return shipped
        priced = rule_prices(rule)
        prices = {**shipped.unit_prices, **priced.unit_prices}
        return replace(priced, sheet=replace(priced.sheet, unit_prices=prices))

    async def prices_of(self, models: Iterable[PricedModel], now: datetime) -> list[Price]:
        """Return the prices of models, also the unknown ones, in their order."""
        # The first question loads the catalog, which must not hold up everybody else.
        return await asyncio.to_thread(self._prices_of, list(models), now)

    def _prices_of(self, models: Iterable[PricedModel], now: datetime) -> list[Price]:
        return [self._message_of(model, now) for model in models]

    def _message_of(self, model: PricedModel, now: datetime) -> Price:
        provider_type, name = model.provider_type, model.actual_model_name
        priced = self.price(model.provider_id, provider_type, name, now)
        message = priced.sheet.message(model.provider_id, name, priced.version)
        message.context_window = self._catalog.context_window(provider_type, name)
        return message
