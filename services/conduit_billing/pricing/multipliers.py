"""Conditions that multiply the prices of tokens, of which the shipped catalog has no prices."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from types import MappingProxyType
from typing import NamedTuple

from conduit_providers.prices import Tier, UnitPrices, Variant
from conduit_providers.quantities import CACHE_READS, INPUT_LEAVES, OUTPUT_LEAVES


class Multiplier(NamedTuple):
    """A factor of all prices of tokens under a condition; searches and the like cost as much."""

    when: Mapping[str, str]
    factor: Fraction
    # Whether it holds together with others, such as that of a batch.
    is_stacked: bool = False
    # Tokens that cost as much under the condition.
    but: frozenset[int] = frozenset()


_NONE: Sequence[Multiplier] = ()
_BATCH: Mapping[str, str] = MappingProxyType({"processing": "batch"})
_HALF = Multiplier(_BATCH, Fraction(1, 2))
# By the catalog's name of the provider.
MULTIPLIERS: Mapping[str, Sequence[Multiplier]] = MappingProxyType(
    {
        # Fast answers and batches included.
        # https://platform.claude.com/docs/en/about-claude/pricing#data-residency-pricing
        "anthropic": (Multiplier({"inference_geo": "us"}, Fraction(11, 10), is_stacked=True),),
        # https://ai.google.dev/gemini-api/docs/optimization
        # https://docs.cloud.google.com/vertex-ai/generative-ai/docs/flex-paygo
        "google": (
            Multiplier({"service_tier": "flex"}, Fraction(1, 2)),
            # What is read from the cache keeps its own discount, which does not stack:
            # https://docs.cloud.google.com/vertex-ai/generative-ai/docs/multimodal/batch-prediction-gemini
            _HALF._replace(but=frozenset(CACHE_READS)),
        ),
    }
)


def multiplied(provider: str, usual: Variant, variants: Iterable[Variant]) -> Iterator[Variant]:
    """Yield the prices under each condition, the ones with more of them first.

    `usual` are the prices under none. A condition that the catalog prices by itself is left out.
    """
    known = [usual, *variants]
    for each in MULTIPLIERS.get(provider, _NONE):
        if any(each.when.items() <= variant.qualifiers.items() for variant in known):
            continue
        for variant in reversed(known) if each.is_stacked else (usual,):
            yield Variant(
                {**variant.qualifiers, **each.when},
                _times(variant.unit_prices, each),
                tuple(
                    Tier(tier.above_input_tokens, _times(tier.unit_prices, each))
                    for tier in variant.tiers
                ),
            )


def with_long_batches(
    provider: str, usual: Variant, variants: Iterable[Variant]
) -> Iterator[Variant]:
    """Yield prices under conditions, OpenAI's batches with those of long requests.

    The catalog leaves them out for some models. OpenAI's table of batches has them for each that
    has others, and they are half of these: https://github.com/BerriAI/litellm/pull/39861
    """
    for variant in variants:
        if provider == "openai" and not variant.tiers and variant.qualifiers == _BATCH:
            halves = (Tier(t.above_input_tokens, _times(t.unit_prices, _HALF)) for t in usual.tiers)
            yield Variant(variant.qualifiers, variant.unit_prices, tuple(halves))
        else:
            yield variant


def _times(prices: UnitPrices, multiplier: Multiplier) -> UnitPrices:
    tokens = (INPUT_LEAVES | OUTPUT_LEAVES) - multiplier.but
    return {
        unit: round(price * multiplier.factor) if unit in tokens else price
        for unit, price in prices.items()
    }
