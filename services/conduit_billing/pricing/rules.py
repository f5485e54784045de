"""Operators' price rules: which one is for a model, and what it says of each unit."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from conduit.v1.charge_pb2 import (
    UNIT_AUDIO_INPUT_TOKEN,
    UNIT_AUDIO_OUTPUT_TOKEN,
    UNIT_CACHE_WRITE_1H_TOKEN,
    UNIT_CACHE_WRITE_TOKEN,
    UNIT_CACHED_INPUT_TOKEN,
    UNIT_CHARACTER,
    UNIT_IMAGE,
    UNIT_INPUT_TOKEN,
    UNIT_MILLISECOND,
    UNIT_OUTPUT_TOKEN,
    UNIT_REQUEST,
    Unit,
)
from conduit.v1.model_cost_pb2 import (
    COST_CALCULATION_TYPE_CHARACTER_BASED,
    COST_CALCULATION_TYPE_IMAGE_BASED,
    COST_CALCULATION_TYPE_MINUTE_BASED,
    COST_CALCULATION_TYPE_REQUEST_BASED,
    COST_CALCULATION_TYPE_SECOND_BASED,
    COST_CALCULATION_TYPE_TOKEN_BASED,
    CostCalculationType,
)
from conduit_billing.money import PER

UnitNumber: TypeAlias = Unit.ValueType
Calculation: TypeAlias = CostCalculationType.ValueType
# Nano-dollars of a million units, by unit.
UnitPrices = Mapping[UnitNumber, int]

INPUT_UNITS = (
    UNIT_INPUT_TOKEN,
    UNIT_CACHED_INPUT_TOKEN,
    UNIT_CACHE_WRITE_TOKEN,
    UNIT_CACHE_WRITE_1H_TOKEN,
    UNIT_AUDIO_INPUT_TOKEN,
)
OUTPUT_UNITS = (UNIT_OUTPUT_TOKEN, UNIT_AUDIO_OUTPUT_TOKEN)
# What is counted, and how many units of the contract a unit of the rule is.
_COUNTED: Mapping[Calculation, tuple[UnitNumber, int]] = {
    COST_CALCULATION_TYPE_REQUEST_BASED: (UNIT_REQUEST, 1),
    COST_CALCULATION_TYPE_IMAGE_BASED: (UNIT_IMAGE, 1),
    COST_CALCULATION_TYPE_CHARACTER_BASED: (UNIT_CHARACTER, 1),
    COST_CALCULATION_TYPE_MINUTE_BASED: (UNIT_MILLISECOND, 60_000),
    COST_CALCULATION_TYPE_SECOND_BASED: (UNIT_MILLISECOND, 1_000),
}
_EVERY_UNIT = (*INPUT_UNITS, *OUTPUT_UNITS, *(unit for unit, _ in _COUNTED.values()))


@dataclass(frozen=True, slots=True)
class Priced:
    """The prices of a model's units, and where they come from.

    A unit that is not there has an unknown price, which is not zero. Without any unit the version
    is empty.
    """

    unit_prices: UnitPrices = field(default_factory=dict[UnitNumber, int])
    version: str = ""


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
    of pictures, characters and seconds.
    """
    if rule.calculation in _COUNTED:
        unit, size = _COUNTED[rule.calculation]
        prices: dict[UnitNumber, int] = dict.fromkeys(_EVERY_UNIT, 0)
        prices[unit] = ((rule.per_unit or 0) * PER + size // 2) // size
        return Priced(prices, rule.version)
    read, written = (rule.input_per_1k or 0) * 1000, (rule.output_per_1k or 0) * 1000
    prices = {**dict.fromkeys(INPUT_UNITS, read), **dict.fromkeys(OUTPUT_UNITS, written)}
    if rule.cached_input_per_1k is not None:
        prices[UNIT_CACHED_INPUT_TOKEN] = rule.cached_input_per_1k * 1000
    return Priced({**prices, UNIT_REQUEST: 0}, rule.version)


def _exactness(rule: Rule) -> tuple[bool, int, int, int]:
    stars = rule.model_pattern.count("*")
    return rule.provider_id != 0, len(rule.model_pattern) - stars, -stars, -rule.id
