"""What models cost now: the operators' rules, then the price book, then the shipped catalog."""

import asyncio
import contextlib
from collections.abc import Iterable
from datetime import datetime
from math import inf

from conduit.internal.v1.price_pb2 import Price, PricedModel
from conduit_billing.pricing.catalog import PriceCatalog
from conduit_billing.pricing.price_book import PriceBook
from conduit_billing.pricing.rules import UNKNOWN, Priced, Rule, best_rule, rule_prices
from conduit_billing.timestamps import MICRO, micros_at


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
        """Return the price of a model of an instance at a moment.

        What a rule says nothing of, such as searches under a price per token, costs what it does
        without the rule.
        """
        shipped = self._book.price(provider_type, model)
        if shipped is UNKNOWN:
            shipped = self._catalog.price(provider_type, model, at)
        rule = best_rule(self._rules, provider_id, model, micros_at(at))
        return shipped if rule is None else rule_prices(rule, shipped.unit_prices)

    def next_change(self, after: datetime) -> float:
        """Return when a rule comes into force, or out of it, next; seconds since 1970."""
        now = micros_at(after)
        moments = (at for rule in self._rules for at in (rule.effective_from, rule.effective_until))
        return min((at / MICRO for at in moments if at is not None and at > now), default=inf)

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
