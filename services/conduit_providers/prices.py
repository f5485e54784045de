"""Which prices hold for a call: usual ones, those of long requests, those under a condition.

Prices are whole nano-dollars of a million units, which are millionths of a nano-dollar of one: fine
enough for the cheapest cached token. What a call costs is added exactly and rounded once.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from conduit.internal.v1.price_pb2 import Price, PriceTier, PriceVariant, UnitPrice
from conduit_providers.quantities import INPUT_LEAVES, Qualifiers

# Nano-dollars of a million units, by unit. What is not there has an unknown price, which is not 0.
UnitPrices = Mapping[int, int]
_NONE: UnitPrices = MappingProxyType({})
# Ways of being served that change all prices: prices that do not name them are not for calls that
# were served so, where any do.
SERVED = frozenset({"latency", "processing", "service_tier", "speed"})


@dataclass(frozen=True, slots=True)
class Tier:
    """Prices of requests that read more tokens than a number, for all that they use."""

    above_input_tokens: int
    unit_prices: UnitPrices


@dataclass(frozen=True, slots=True)
class Variant:
    """Prices that hold in place of the usual ones where a call has certain qualifiers."""

    qualifiers: Mapping[str, str]
    unit_prices: UnitPrices
    tiers: tuple[Tier, ...] = ()


@dataclass(frozen=True, slots=True)
class PriceSheet:
    """All prices of a model."""

    unit_prices: UnitPrices = field(default_factory=dict[int, int])
    # In order of length.
    tiers: tuple[Tier, ...] = ()
    # The first one that is met holds.
    variants: tuple[Variant, ...] = ()
    # What the prices are of, where all else is free beside it; empty where each unit has its own.
    counted: frozenset[int] = frozenset()

    def tells_of(self, leaves: Collection[tuple[int, int]]) -> bool:
        """Tell whether the prices are of anything that was used.

        What is free beside a picture is not free where there was none.
        """
        return not self.counted or not leaves or any(unit in self.counted for unit, _ in leaves)

    def at(self, input_tokens: int, qualifiers: Qualifiers = ()) -> UnitPrices:
        """Return the prices of a call.

        A qualifier that no variant names does not matter. One that they name, with a value that
        none has, makes all prices unknown.
        """
        prices, tiers = self.unit_prices, self.tiers
        if qualifiers and self.variants:
            given = dict(qualifiers)
            named = {name for v in self.variants for name in v.qualifiers if name in given}
            variant = next((v for v in self.variants if _fits(v, given, named)), None)
            if variant is not None:
                prices, tiers = variant.unit_prices, variant.tiers
            elif named:
                return _NONE
        for tier in tiers:
            if input_tokens > tier.above_input_tokens:
                prices = {**prices, **tier.unit_prices}
        return prices

    def message(self, provider_id: int, model: str, version: str) -> Price:
        """Return the prices as the contract has them."""
        return Price(
            provider_id=provider_id,
            actual_model_name=model,
            unit_prices=_messages(self.unit_prices),
            version=version,
            tiers=_tier_messages(self.tiers),
            variants=[
                PriceVariant(
                    qualifiers=variant.qualifiers,
                    unit_prices=_messages(variant.unit_prices),
                    tiers=_tier_messages(variant.tiers),
                )
                for variant in self.variants
            ],
            # Any number is a unit to protobuf.
            counted_units=sorted(self.counted),  # type: ignore[arg-type]
        )


def _fits(variant: Variant, given: Mapping[str, str], named: set[str]) -> bool:
    """Return whether a variant holds for qualifiers, of which variants name some."""
    names = variant.qualifiers.keys()
    return variant.qualifiers.items() <= given.items() and not (named & SERVED) - names


def sheet_of(price: Price) -> PriceSheet:
    """Read the prices of a message."""
    variants = (
        Variant(dict(v.qualifiers), _prices(v.unit_prices), _tiers(v.tiers)) for v in price.variants
    )
    counted = frozenset(int(unit) for unit in price.counted_units)
    return PriceSheet(_prices(price.unit_prices), _tiers(price.tiers), tuple(variants), counted)


def input_tokens_of(leaves: Iterable[tuple[int, int]]) -> int:
    """Count the tokens read, by which tiers are chosen."""
    return sum(count for unit, count in leaves if unit in INPUT_LEAVES)


def _messages(prices: UnitPrices) -> list[UnitPrice]:
    return [
        # Any number is a unit to protobuf.
        UnitPrice(unit=unit, nano_usd_per_million=price)  # type: ignore[arg-type]
        for unit, price in sorted(prices.items())
    ]


def _tier_messages(tiers: Iterable[Tier]) -> list[PriceTier]:
    return [
        PriceTier(
            above_input_tokens=tier.above_input_tokens, unit_prices=_messages(tier.unit_prices)
        )
        for tier in tiers
    ]


def _prices(messages: Iterable[UnitPrice]) -> UnitPrices:
    return {int(each.unit): each.nano_usd_per_million for each in messages}


def _tiers(messages: Iterable[PriceTier]) -> tuple[Tier, ...]:
    return tuple(Tier(each.above_input_tokens, _prices(each.unit_prices)) for each in messages)
