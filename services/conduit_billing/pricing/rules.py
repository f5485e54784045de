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
    COST_CALCULATION_TYPE_TOKEN_BASED,
    CostCalculationType,
)
from conduit_billing.money import PER
from conduit_providers.prices import PriceSheet, UnitPrices
from conduit_providers.quantities import (
    CACHE_READS,
    INPUT_LEAVES,
    LEAVES,
    OUTPUT_LEAVES,
    REQUEST,
)

Calculation: TypeAlias = CostCalculationType.ValueType

# What is counted, and how many units of the contract a unit of the rule is.
_COUNTED: Mapping[Calculation, tuple[tuple[int, ...], int]] = {
    COST_CALCULATION_TYPE_REQUEST_BASED: ((REQUEST,), 1),
    COST_CALCULATION_TYPE_IMAGE_BASED: ((pb.UNIT_IMAGE,), 1),
    COST_CALCULATION_TYPE_CHARACTER_BASED: ((pb.UNIT_CHARACTER,), 1),
    COST_CALCULATION_TYPE_SEARCH_UNIT_BASED: ((pb.UNIT_SEARCH_UNIT,), 1),
    COST_CALCULATION_TYPE_MINUTE_BASED: (
        (
            pb.UNIT_AUDIO_INPUT_MILLISECOND,
            pb.UNIT_AUDIO_OUTPUT_MILLISECOND,
            pb.UNIT_SESSION_MILLISECOND,
        ),
        60_000,
    ),
    COST_CALCULATION_TYPE_SECOND_BASED: (
        (pb.UNIT_COMPUTE_MILLISECOND, pb.UNIT_VIDEO_OUTPUT_MILLISECOND),
        1_000,
    ),
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


def best_rule(rules: Iterable[Rule], provider_id: int, model: str) -> Rule | None:
    """Return the rule for a model of an instance, or None.

    A rule of the instance wins over one for all instances. Among those the one with the longest
    literal part wins, then the one with fewer stars, then the older one.
    """
    fitting = (
        rule
        for rule in rules
        if rule.provider_id in {0, provider_id} and matches(rule.model_pattern, model)
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


def rule_prices(rule: Rule) -> Priced:
    """Return what a rule says of each unit.

    A rule names what is counted, so everything else that it covers costs nothing: tokens under a
    price per request, the request as such under a price per token. A price per token says nothing
    of what is no token: pictures, characters, seconds, searches.
    """
    if rule.calculation in _COUNTED:
        units, size = _COUNTED[rule.calculation]
        price = ((rule.per_unit or 0) * PER + size // 2) // size
        counted = {**dict.fromkeys(LEAVES, 0), **dict.fromkeys(units, price)}
        return Priced(PriceSheet(counted), rule.version)
    read, written = (rule.input_per_1k or 0) * 1000, (rule.output_per_1k or 0) * 1000
    prices = {**dict.fromkeys(INPUT_LEAVES, read), **dict.fromkeys(OUTPUT_LEAVES, written)}
    if rule.cached_input_per_1k is not None:
        prices |= dict.fromkeys(CACHE_READS, rule.cached_input_per_1k * 1000)
    return Priced(PriceSheet({**prices, REQUEST: 0}), rule.version)


def _exactness(rule: Rule) -> tuple[bool, int, int, int]:
    stars = rule.model_pattern.count("*")
    return rule.provider_id != 0, len(rule.model_pattern) - stars, -stars, -rule.id
