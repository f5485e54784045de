"""Operators' price rules: which one is for a model, and what it says of each unit."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from conduit.v1 import charge_pb2 as pb
from conduit.v1.model_cost_pb2 import (
    COST_CALCULATION_TYPE_CHARACTER_BASED,
    COST_CALCULATION_TYPE_IMAGE_BASED,
    COST_CALCULATION_TYPE_MINUTE_BASED,
    COST_CALCULATION_TYPE_REQUEST_BASED,
    COST_CALCULATION_TYPE_SEARCH_UNIT_BASED,
    COST_CALCULATION_TYPE_SECOND_BASED,
    COST_CALCULATION_TYPE_STEP_BASED,
    COST_CALCULATION_TYPE_TIERED,
    COST_CALCULATION_TYPE_TOKEN_BASED,
    CostCalculationType,
)
from conduit_billing.money import PER
from conduit_billing.pricing.terms import NO_TERMS, Amounts, Terms
from conduit_providers.prices import PriceSheet, Tier, UnitPrices, Variant
from conduit_providers.quantities import (
    CACHE_READS,
    INPUT_LEAVES,
    LEAVES,
    OUTPUT_LEAVES,
    REQUEST,
)

Calculation: TypeAlias = CostCalculationType.ValueType

TOKEN_TYPES = frozenset({COST_CALCULATION_TYPE_TOKEN_BASED, COST_CALCULATION_TYPE_TIERED})
_TIMES = (
    pb.UNIT_AUDIO_INPUT_MILLISECOND,
    pb.UNIT_AUDIO_OUTPUT_MILLISECOND,
    pb.UNIT_SESSION_MILLISECOND,
    pb.UNIT_COMPUTE_MILLISECOND,
    pb.UNIT_VIDEO_OUTPUT_MILLISECOND,
)
# What is counted, and how many units of the contract a unit of the rule is.
_COUNTED: Mapping[Calculation, tuple[tuple[int, ...], int]] = {
    COST_CALCULATION_TYPE_REQUEST_BASED: ((REQUEST,), 1),
    COST_CALCULATION_TYPE_IMAGE_BASED: ((pb.UNIT_IMAGE,), 1),
    COST_CALCULATION_TYPE_CHARACTER_BASED: ((pb.UNIT_CHARACTER,), 1),
    COST_CALCULATION_TYPE_SEARCH_UNIT_BASED: ((pb.UNIT_SEARCH_UNIT,), 1),
    COST_CALCULATION_TYPE_STEP_BASED: ((pb.UNIT_STEP,), 1),
    COST_CALCULATION_TYPE_MINUTE_BASED: (_TIMES, 60_000),
    COST_CALCULATION_TYPE_SECOND_BASED: (_TIMES, 1_000),
}


@dataclass(frozen=True, slots=True)
class Priced:
    """The prices of a model, and where they come from; without any the version is empty."""

    sheet: PriceSheet = field(default_factory=PriceSheet)
    version: str = ""

    @property
    def unit_prices(self) -> UnitPrices:
        """Return the prices of short, usual requests."""
        return self.sheet.unit_prices


UNKNOWN = Priced()


@dataclass(frozen=True, slots=True)
class RuleDraft:
    """A rule before it is stored. Amounts are nano-dollars, as in `ModelCost`."""

    model_pattern: str
    provider_id: int = 0
    input_per_1k: int | None = None
    output_per_1k: int | None = None
    cached_input_per_1k: int | None = None
    per_unit: int | None = None
    calculation: Calculation = COST_CALCULATION_TYPE_TOKEN_BASED
    terms: Terms = NO_TERMS
    priority: int = 0
    # Microseconds since 1970; 0 means always.
    effective_from: int = 0
    # Exclusively; None means for ever.
    effective_until: int | None = None

    def is_in_force(self, at: int) -> bool:
        """Tell whether it holds at a moment, in microseconds since 1970."""
        return self.effective_from <= at and (
            self.effective_until is None or at < self.effective_until
        )

    @property
    def amounts(self) -> Amounts:
        """Return what short requests cost under no condition."""
        return Amounts(
            input_per_1k=self.input_per_1k,
            output_per_1k=self.output_per_1k,
            cached_input_per_1k=self.cached_input_per_1k,
            per_unit=self.per_unit,
            unit_costs=self.terms.unit_costs,
        )


@dataclass(frozen=True, slots=True)
class Rule(RuleDraft):
    """An operator's price, as it is stored."""

    id: int = 0
    created_at: datetime = datetime.min  # noqa: DTZ901 # always given; defaults of the parent ask for one
    updated_at: datetime = datetime.min  # noqa: DTZ901 # the same

    @property
    def version(self) -> str:
        """Name the rule as it is now: `rule:<id>@<time of its last change>`."""
        return f"rule:{self.id}@{self.updated_at.isoformat().replace('+00:00', 'Z')}"


def best_rule(rules: Iterable[Rule], provider_id: int, model: str, at: int) -> Rule | None:
    """Return the rule for a model of an instance at a moment, or None.

    Of those in force the one of the highest priority wins, then one of the instance over one for
    all instances, then the one with the longest literal part, then the one with fewer stars, then
    the one that came into force last, then the older one.
    """
    fitting = (
        rule
        for rule in rules
        if rule.provider_id in {0, provider_id}
        and rule.is_in_force(at)
        and matches(rule.model_pattern, model)
    )
    return max(fitting, key=_exactness, default=None)


def matches(pattern: str, model: str) -> bool:
    """Tell whether a pattern is for a model; `*` stands for any run of characters."""
    first, *rest = pattern.split("*")
    if not rest:
        return pattern == model
    *middle, last = rest
    if len(model) < len(first) + len(last) or not model.startswith(first):
        return False
    if not model.endswith(last):
        return False
    # The leftmost place for each part leaves the most room for those behind it, so there is no
    # going back, which would take a regular expression time exponential in the number of stars.
    at, end = len(first), len(model) - len(last)
    for part in middle:
        found = model.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


def rule_prices(rule: Rule, shipped: UnitPrices) -> Priced:
    """Return what a rule says of each unit, and what it does not say as it is shipped.

    A rule names what is counted, so everything else that it covers costs nothing: tokens under a
    price per request, the request as such under a price per token. A price per token says nothing
    of what is no token: pictures, characters, seconds, searches.
    """
    usual, calculation = rule.amounts, rule.calculation
    prices = _unit_prices(calculation, usual)
    is_tiered = calculation == COST_CALCULATION_TYPE_TIERED
    tiers = tuple(
        Tier(tier.above_input_tokens, _unit_prices(calculation, tier.over(usual)))
        for tier in (rule.terms.tiers if is_tiered else ())
    )
    variants = [
        Variant(dict(each.when), {**shipped, **_unit_prices(calculation, each.over(usual))})
        for each in rule.terms.conditions
    ]
    unit_prices = {**shipped, **prices}
    if variants:
        # An operator's usual price is for what no condition names.
        variants.append(Variant({}, unit_prices, tiers))
    counted = _COUNTED.get(calculation, ((), 1))[0]
    sheet = PriceSheet(unit_prices, tiers, tuple(variants), frozenset(counted) - {REQUEST})
    return Priced(sheet, rule.version)


def _unit_prices(calculation: Calculation, amounts: Amounts) -> UnitPrices:
    if calculation in _COUNTED:
        units, size = _COUNTED[calculation]
        price = ((amounts.per_unit or 0) * PER + size // 2) // size
        counted = {**dict.fromkeys(LEAVES, 0), **dict.fromkeys(units, price)}
        return {**counted, **dict(amounts.unit_costs)}
    read, written = (amounts.input_per_1k or 0) * 1000, (amounts.output_per_1k or 0) * 1000
    prices = {**dict.fromkeys(INPUT_LEAVES, read), **dict.fromkeys(OUTPUT_LEAVES, written)}
    if amounts.cached_input_per_1k is not None:
        prices |= dict.fromkeys(CACHE_READS, amounts.cached_input_per_1k * 1000)
    return {**prices, REQUEST: 0, **dict(amounts.unit_costs)}


def _exactness(rule: Rule) -> tuple[int, bool, int, int, int, int]:
    stars = rule.model_pattern.count("*")
    length = len(rule.model_pattern) - stars
    return (
        rule.priority,
        rule.provider_id != 0,
        length,
        -stars,
        rule.effective_from,
        -rule.id,
    )
