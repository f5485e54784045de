"""The shipped catalog of prices: the data of `genai-prices`.

Loading takes a third of a second, so it happens on the first question and never at start-up.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import structlog

from conduit.v1.charge_pb2 import UNIT_IMAGE, UNIT_STEP
from conduit_billing.money import PER, nano
from conduit_billing.pricing.catalog_file import CatalogUnreadable, digest_of, read_catalog
from conduit_billing.pricing.multipliers import multiplied, with_long_batches
from conduit_billing.pricing.rules import UNKNOWN, Priced
from conduit_providers.prices import SERVED, PriceSheet, Tier, UnitPrices, Variant
from conduit_providers.quantities import (
    CACHE_WRITE_1H,
    CITATION,
    IMAGE_OUTPUT,
    INPUT,
    LEAVES,
    REQUEST,
    WEB_SEARCH,
)

if TYPE_CHECKING:
    from genai_prices.data_snapshot import DataSnapshot
    from genai_prices.types import ModelInfo, ModelPrice, PriceVariant

_MAX_KEPT = 20_000
# The conditions that providers charge for. The usual price is for who is served as usual in all of
# them: for another tier, a batch or another speed that has no price of its own, none is known.
_USUALLY: Mapping[str, str] = dict.fromkeys(sorted(SERVED), "default")
# What costs as much as what is usual, by the catalog's name of the provider.
_USUAL: Mapping[str, Sequence[Mapping[str, str]]] = {
    # https://console.groq.com/docs/flex-processing
    "groq": ({"service_tier": "flex"},),
}


class _Source(NamedTuple):
    """A unit of the catalog that prices a leaf."""

    # The unit's name among a model's prices.
    price_key: str
    # How many dimensions it has: the more, the more exact.
    exactness: int
    # How many millions of the leaf its price is of.
    millions: Decimal


class _Reading(NamedTuple):
    """The rules made of a model's prices, and the prices that they were made of."""

    price: "ModelPrice"
    variants: "list[PriceVariant]"
    priced: Priced


class PriceCatalog:
    """Finds the shipped prices of models."""

    def __init__(self, provider_names: Callable[[str], str], file: Path | None = None) -> None:
        """Take what turns a provider type into the catalog's name of it, or an empty string.

        A file has other data than the installed package, if it is there.
        """
        self._provider_names = provider_names
        self._file = file
        self._version = f"catalog:{version('genai-prices')}"
        self._snapshot: DataSnapshot | None = None
        # By provider type and model.
        self._found: dict[tuple[str, str], ModelInfo] = {}
        self._missing: set[tuple[str, str]] = set()
        self._readings: dict[tuple[str, str], _Reading] = {}
        # By leaf; known once the catalog is loaded.
        self._sources: Mapping[int, list[_Source]] = {}

    def price(self, provider_type: str, model: str, at: datetime) -> Priced:
        """Return a model's prices at a moment; some providers are cheaper at night."""
        info = self._info(provider_type, model)
        return UNKNOWN if info is None else self._price_of((provider_type, model), info, at)

    def context_window(self, provider_type: str, model: str) -> int:
        """Return the most tokens that a model reads and writes together, 0 if unknown."""
        info = self._info(provider_type, model)
        return 0 if info is None else info.context_window or 0

    def _info(self, provider_type: str, model: str) -> "ModelInfo | None":
        key = (provider_type, model)
        info = self._found.get(key)
        if info is None and key not in self._missing:
            info = self._find(provider_type, model)
            self._keep(key, info)
        return info

    def _price_of(self, key: tuple[str, str], info: "ModelInfo", at: datetime) -> Priced:
        price = info.get_prices(at)
        variants = [
            variant
            for variant in info.price_variants or ()
            if variant.constraint is None or variant.constraint.active(at)
        ]
        known = self._readings.get(key)
        if known is None or known.price is not price or known.variants != variants:
            alternatives = [(v.when, info.get_prices(at, v.when)) for v in variants]
            priced = self._read(price, alternatives, self._provider_names(key[0]))
            known = self._readings[key] = _Reading(price, variants, priced)
        return known.priced

    def _keep(self, key: tuple[str, str], info: "ModelInfo | None") -> None:
        # Names come from callers, so what is kept of them has a bound.
        if len(self._found) + len(self._missing) >= _MAX_KEPT:
            self._found.clear()
            self._missing.clear()
            self._readings.clear()
        if info is None:
            self._missing.add(key)
        else:
            self._found[key] = info

    def _find(self, provider_type: str, model: str) -> "ModelInfo | None":
        provider = self._provider_names(provider_type)
        if not provider:
            return None
        self._sources = self._sources or _sources()
        snapshot = self._snapshot = self._snapshot or self._load()
        try:
            return snapshot.find_provider_model(model, None, provider, None)[1]
        except LookupError:
            return None

    def _load(self) -> "DataSnapshot":
        from genai_prices.data_snapshot import DataSnapshot, get_snapshot  # noqa: PLC0415 # see the top

        if self._file is None or not self._file.is_file():
            return get_snapshot()
        try:
            providers, digest = read_catalog(self._file), digest_of(self._file)
        except (CatalogUnreadable, OSError) as error:
            # Prices that are some weeks old are better than none.
            structlog.get_logger("pricing").error("catalog_unreadable", error=str(error))
            return get_snapshot()
        self._version += f"+{digest}"
        return DataSnapshot(providers, from_auto_update=False)

    def _read(
        self,
        price: "ModelPrice",
        alternatives: "Iterable[tuple[dict[str, str], ModelPrice]]",
        provider: str,
    ) -> Priced:
        prices, tiers = self._flat(price)
        if not prices:
            return UNKNOWN
        plain = Variant({}, prices, tiers)
        found = (Variant(when, *self._flat(other)) for when, other in alternatives)
        known = [*with_long_batches(provider, plain, found)]
        usual = (*_USUAL.get(provider, ()), _USUALLY)
        variants = (
            *multiplied(provider, plain, known),
            *known,
            *(Variant(when, prices, tiers) for when in usual),
        )
        return Priced(PriceSheet(prices, tiers, variants), self._version)

    def _flat(self, price: "ModelPrice") -> tuple[UnitPrices, tuple[Tier, ...]]:
        """Return the prices of short requests, and those of longer ones."""
        found = {unit: _steps_of(price, sources) for unit, sources in self._sources.items()}
        by_unit = {unit: steps for unit, steps in found.items() if steps is not None}
        _fill_in(by_unit)
        starts = sorted({start for steps in by_unit.values() for start in steps} - {_BASE})
        tiers = (
            Tier(start, {unit: s[start] for unit, s in by_unit.items() if start in s})
            for start in starts
        )
        return {unit: steps[_BASE] for unit, steps in by_unit.items()}, tuple(tiers)


# Nano-dollars of a million, by the input tokens above which they hold.
_Steps = dict[int, int]
_BASE = -1


def _sources() -> dict[int, list[_Source]]:
    """Return for each leaf the catalog's units whose dimensions it has, the most exact ones first.

    A kind of token without a price of its own costs what the wider kind costs.
    """
    from genai_prices.data_units import unit_data  # noqa: PLC0415 # see the top

    found: dict[int, list[_Source]] = {}
    for leaf in LEAVES.values():
        sources = [
            _Source(
                str(unit["price_key"]),
                len(unit["dimensions"]),
                Decimal(int(unit["per"]) * leaf.scale) / PER,
            )
            for unit in unit_data.values()
            if unit["dimensions"].items() <= leaf.dimensions.items()
        ]
        found[leaf.unit] = sorted(sources, key=lambda source: -source.exactness)
    # What is written for an hour costs more than what is written, of which it is a part.
    found[CACHE_WRITE_1H] = [s for s in found[CACHE_WRITE_1H] if "1h" in s.price_key]
    return found


def _steps_of(price: "ModelPrice", sources: Iterable[_Source]) -> _Steps | None:
    """Return the price by the most exact unit that has one; of equally exact ones the dearest."""
    found: _Steps | None = None
    exactness = 0
    for source in sources:
        value = getattr(price, source.price_key, None)
        if value is None or source.exactness < exactness:
            continue
        exactness = source.exactness
        # Tiered prices have a base, plain ones do not.
        steps = {_BASE: nano(Decimal(getattr(value, "base", value)) / source.millions)}
        for tier in getattr(value, "tiers", ()):
            steps[tier.start] = nano(tier.price / source.millions)
        found = steps if found is None or steps[_BASE] > found[_BASE] else found
    return found


def _fill_in(by_unit: dict[int, _Steps]) -> None:
    """Add the prices that the catalog leaves out because they follow from others."""
    if UNIT_IMAGE in by_unit or IMAGE_OUTPUT in by_unit:
        # Whoever sells images by number or by tokens sells no steps.
        by_unit.setdefault(UNIT_STEP, {_BASE: 0})
    if INPUT not in by_unit:
        return
    if REQUEST in by_unit:
        # Perplexity's fee for a request pays for its searches and for what it cites.
        # https://docs.perplexity.ai/getting-started/pricing
        by_unit.setdefault(WEB_SEARCH, {_BASE: 0})
        by_unit.setdefault(CITATION, {_BASE: 0})
    # The catalog has no price of an hour for older Claudes on Vertex AI and Bedrock. Its price of
    # five minutes would be too little: all that it has are twice the plain one.
    doubled = {start: 2 * price for start, price in by_unit[INPUT].items()}
    by_unit.setdefault(CACHE_WRITE_1H, doubled)
    # A model that is paid by the token costs nothing for being asked.
    by_unit.setdefault(REQUEST, {_BASE: 0})
