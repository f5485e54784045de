"""What operators say of prices, made into rules, and rules into messages."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from conduit.v1.model_cost_pb2 import (
    COST_CALCULATION_TYPE_TIERED,
    COST_CALCULATION_TYPE_TOKEN_BASED,
    CostCalculationType,
    ModelCost,
    ModelCostSpec,
)
from conduit_billing.pricing.rules import TOKEN_TYPES, Calculation, Rule, RuleDraft
from conduit_billing.pricing.term_messages import (
    condition_messages,
    edited_terms,
    tier_messages,
    unit_cost_messages,
)
from conduit_billing.timestamps import micros_at, micros_of, timestamp_of
from conduit_billing.validation import bounded, plain_text_of, refuse
from conduit_kernel.limits import number_of
from conduit_kernel.updates import defaults, etag_of

# The end of the year 9999, in microseconds since 1970.
_LAST_MOMENT = 253_402_300_799_999_999
# What a field goes to when it is taken back. A pattern cannot be.
_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "provider_id": {"provider_id": 0},
    "input_cost_per_1k_tokens_nano_usd": {"input_per_1k": None},
    "output_cost_per_1k_tokens_nano_usd": {"output_per_1k": None},
    "cached_input_cost_per_1k_tokens_nano_usd": {"cached_input_per_1k": None},
    "cost_per_unit_nano_usd": {"per_unit": None},
    "cost_calculation_type": {"calculation": COST_CALCULATION_TYPE_TOKEN_BASED},
    "priority": {"priority": 0},
    "effective_from": {"effective_from": 0},
    "effective_until": {"effective_until": None},
    # Parts of one value, which what is given replaces one by one.
    "unit_costs": {},
    "tiers": {},
    "conditions": {},
}


def new_draft(spec: ModelCostSpec) -> RuleDraft:
    """Return the rule that an operator asks for. InvalidRequest if it makes no sense."""
    if not spec.model_pattern:
        refuse("modelPattern", "is required")
    return edit_of(spec)(RuleDraft(spec.model_pattern))


def edit_of(spec: ModelCostSpec, unset: Iterable[str] = ()) -> Callable[[RuleDraft], RuleDraft]:
    """Return what puts an operator's words over a rule, less the fields that are taken back."""
    unset = tuple(unset)
    taken_back = defaults(spec, unset, _DEFAULTS)

    def edit(rule: RuleDraft) -> RuleDraft:
        rule = replace(rule, **taken_back)
        given = spec.HasField
        pattern = _pattern(spec) if given("model_pattern") else rule.model_pattern
        provider_id = rule.provider_id
        if given("provider_id"):
            provider_id = number_of(spec, "provider_id")
        return _complete(
            RuleDraft(
                pattern,
                provider_id,
                _amount(spec, "input_cost_per_1k_tokens_nano_usd", rule.input_per_1k),
                _amount(spec, "output_cost_per_1k_tokens_nano_usd", rule.output_per_1k),
                _amount(spec, "cached_input_cost_per_1k_tokens_nano_usd", rule.cached_input_per_1k),
                _amount(spec, "cost_per_unit_nano_usd", rule.per_unit),
                _calculation(spec, rule),
                edited_terms(rule.terms, spec, unset),
                number_of(spec, "priority") if given("priority") else rule.priority,
                _moment(spec, "effective_from", rule.effective_from) or 0,
                _moment(spec, "effective_until", rule.effective_until),
            )
        )

    return edit


def rule_message(rule: Rule) -> ModelCost:
    """Return a rule as the contract says it."""
    message = ModelCost(
        id=rule.id,
        provider_id=rule.provider_id,
        model_pattern=rule.model_pattern,
        input_cost_per_1k_tokens_nano_usd=rule.input_per_1k,
        output_cost_per_1k_tokens_nano_usd=rule.output_per_1k,
        cached_input_cost_per_1k_tokens_nano_usd=rule.cached_input_per_1k,
        cost_per_unit_nano_usd=rule.per_unit,
        cost_calculation_type=rule.calculation,
        created_at=timestamp_of(micros_at(rule.created_at)),
        updated_at=timestamp_of(micros_at(rule.updated_at)),
        unit_costs=unit_cost_messages(rule.terms.unit_costs),
        tiers=tier_messages(rule.terms.tiers),
        conditions=condition_messages(rule.terms.conditions),
        priority=rule.priority,
    )
    if rule.effective_from:
        message.effective_from.CopyFrom(timestamp_of(rule.effective_from))
    if rule.effective_until is not None:
        message.effective_until.CopyFrom(timestamp_of(rule.effective_until))
    message.etag = etag_of(message)
    return message


def _pattern(spec: ModelCostSpec) -> str:
    if not spec.model_pattern.strip():
        refuse("modelPattern", "must not be empty; * stands for any run of characters")
    return plain_text_of(spec, "model_pattern")


def _amount(spec: ModelCostSpec, name: str, old: int | None) -> int | None:
    # One of four optional fields that are checked alike.
    if not spec.HasField(name):  # type: ignore[arg-type]
        return old
    return number_of(spec, name)


def _moment(spec: ModelCostSpec, name: str, old: int | None) -> int | None:
    # One of two optional fields that are checked alike.
    if not spec.HasField(name):  # type: ignore[arg-type]
        return old
    return bounded(
        ModelCostSpec.DESCRIPTOR.fields_by_name[name].json_name,
        micros_of(getattr(spec, name)),
        0,
        _LAST_MOMENT,
    )


def _calculation(spec: ModelCostSpec, rule: RuleDraft) -> Calculation:
    if not spec.HasField("cost_calculation_type"):
        return rule.calculation
    if spec.cost_calculation_type not in CostCalculationType.values():
        refuse("costCalculationType", "is unknown")
    return spec.cost_calculation_type or COST_CALCULATION_TYPE_TOKEN_BASED


def _complete(rule: RuleDraft) -> RuleDraft:
    required = (
        {"inputCostPer1kTokens": rule.input_per_1k, "outputCostPer1kTokens": rule.output_per_1k}
        if rule.calculation in TOKEN_TYPES
        else {"costPerUnit": rule.per_unit}
    )
    for name, amount in required.items():
        if amount is None:
            refuse(name, "is required for this costCalculationType")
    if rule.calculation == COST_CALCULATION_TYPE_TIERED and not rule.terms.tiers:
        refuse("tiers", "must have at least one entry for this costCalculationType")
    if rule.effective_until is not None and rule.effective_until <= rule.effective_from:
        refuse("effectiveUntil", "must be after effectiveFrom")
    return rule
