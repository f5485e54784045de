"""What operators say of other units, long requests and conditions, read and written."""

from collections.abc import Collection, Iterable, Sequence

from conduit.v1.charge_pb2 import Unit
from conduit.v1.cost_terms_pb2 import ConditionalCost, CostTier, UnitCost
from conduit.v1.model_cost_pb2 import ModelCostSpec
from conduit_billing.pricing.terms import (
    Amounts,
    ConditionalAmounts,
    Terms,
    TierAmounts,
    UnitCosts,
)
from conduit_billing.validation import refuse
from conduit_kernel.limits import check_items, number_of, text

_UNITS = frozenset(Unit.values()) - {0}
# As long as charges keep them.
_LONGEST = 40


def edited_terms(old: Terms, spec: ModelCostSpec, unset: Collection[str]) -> Terms:
    """Put what an operator says over the terms of a rule, less what is taken back.

    InvalidRequest if it makes no sense.
    """
    for name in ("unit_costs", "tiers", "conditions"):
        check_items(spec, name)
    return Terms(
        _unit_costs(spec.unit_costs, "unitCosts")
        if spec.unit_costs or "unit_costs" in unset
        else old.unit_costs,
        _tiers(spec.tiers) if spec.tiers or "tiers" in unset else old.tiers,
        _conditions(spec.conditions)
        if spec.conditions or "conditions" in unset
        else old.conditions,
    )


def unit_cost_messages(costs: UnitCosts) -> list[UnitCost]:
    """Write prices of kinds of units."""
    return [
        # Any number is a unit to protobuf.
        UnitCost(unit=unit, nano_usd_per_million=price)  # type: ignore[arg-type]
        for unit, price in costs
    ]


def tier_messages(tiers: Iterable[TierAmounts]) -> list[CostTier]:
    """Write what long requests cost."""
    return [
        CostTier(
            above_input_tokens=tier.above_input_tokens,
            input_cost_per_1k_tokens_nano_usd=tier.input_per_1k,
            output_cost_per_1k_tokens_nano_usd=tier.output_per_1k,
            cached_input_cost_per_1k_tokens_nano_usd=tier.cached_input_per_1k,
            unit_costs=unit_cost_messages(tier.unit_costs),
        )
        for tier in tiers
    ]


def condition_messages(conditions: Iterable[ConditionalAmounts]) -> list[ConditionalCost]:
    """Write what calls cost under conditions."""
    return [
        ConditionalCost(
            when=dict(each.when),
            input_cost_per_1k_tokens_nano_usd=each.input_per_1k,
            output_cost_per_1k_tokens_nano_usd=each.output_per_1k,
            cached_input_cost_per_1k_tokens_nano_usd=each.cached_input_per_1k,
            cost_per_unit_nano_usd=each.per_unit,
            unit_costs=unit_cost_messages(each.unit_costs),
        )
        for each in conditions
    ]


def _unit_costs(given: Sequence[UnitCost], field: str) -> UnitCosts:
    costs: dict[int, int] = {}
    for at, each in enumerate(given):
        inside = f"{field}[{at}]"
        if each.unit not in _UNITS:
            refuse(f"{inside}.unit", "must be a unit that is counted")
        if each.unit in costs:
            refuse(f"{inside}.unit", "is there twice")
        if not each.HasField("nano_usd_per_million"):
            refuse(f"{inside}.costPerMillion", "is required")
        costs[each.unit] = number_of(each, "nano_usd_per_million", inside)
    return tuple(costs.items())


def _tiers(given: Sequence[CostTier]) -> tuple[TierAmounts, ...]:
    found = sorted(
        (_tier(each, f"tiers[{at}]") for at, each in enumerate(given)),
        key=lambda tier: tier.above_input_tokens,
    )
    if len({tier.above_input_tokens for tier in found}) < len(found):
        refuse("tiers", "must each be above another number of tokens")
    return tuple(found)


def _tier(given: CostTier, inside: str) -> TierAmounts:
    said = _amounts(given, inside)
    if said == Amounts():
        refuse(inside, "must say a price")
    return TierAmounts(
        input_per_1k=said.input_per_1k,
        output_per_1k=said.output_per_1k,
        cached_input_per_1k=said.cached_input_per_1k,
        unit_costs=said.unit_costs,
        above_input_tokens=number_of(given, "above_input_tokens", inside),
    )


def _conditions(given: Sequence[ConditionalCost]) -> tuple[ConditionalAmounts, ...]:
    found = tuple(_condition(each, f"conditions[{at}]") for at, each in enumerate(given))
    if len({each.when for each in found}) < len(found):
        refuse("conditions", "must each be of something else")
    return found


def _condition(given: ConditionalCost, inside: str) -> ConditionalAmounts:
    check_items(given, "when", inside)
    if not given.when:
        refuse(f"{inside}.when", "must name a qualifier")
    said = _amounts(given, inside)
    if said == Amounts():
        refuse(inside, "must say a price")
    when = {
        text(name, f"{inside}.when", least=1, most=_LONGEST): text(
            value, f"{inside}.when.{name[:_LONGEST]}", least=1, most=_LONGEST
        )
        for name, value in given.when.items()
    }
    return ConditionalAmounts(
        input_per_1k=said.input_per_1k,
        output_per_1k=said.output_per_1k,
        cached_input_per_1k=said.cached_input_per_1k,
        per_unit=said.per_unit,
        unit_costs=said.unit_costs,
        when=tuple(sorted(when.items())),
    )


def _amounts(given: CostTier | ConditionalCost, inside: str) -> Amounts:
    check_items(given, "unit_costs", inside)
    per_unit: int | None = None
    if isinstance(given, ConditionalCost):
        per_unit = _amount(given, "cost_per_unit_nano_usd", inside)
    return Amounts(
        input_per_1k=_amount(given, "input_cost_per_1k_tokens_nano_usd", inside),
        output_per_1k=_amount(given, "output_cost_per_1k_tokens_nano_usd", inside),
        cached_input_per_1k=_amount(given, "cached_input_cost_per_1k_tokens_nano_usd", inside),
        per_unit=per_unit,
        unit_costs=_unit_costs(given.unit_costs, f"{inside}.unitCosts"),
    )


def _amount(given: CostTier | ConditionalCost, name: str, inside: str) -> int | None:
    # One of their optional fields, which are checked alike.
    if not given.HasField(name):  # type: ignore[arg-type]
        return None
    return number_of(given, name, inside)
