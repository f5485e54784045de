"""What operators say of prices."""

from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from conduit.v1.model_cost_pb2 import (
    COST_CALCULATION_TYPE_REQUEST_BASED,
    COST_CALCULATION_TYPE_TIERED,
    COST_CALCULATION_TYPE_TOKEN_BASED,
    ModelCostSpec,
)
from conduit_billing.pricing.rule_messages import edit_of, new_draft, rule_message
from conduit_billing.pricing.rules import Rule, RuleDraft
from conduit_kernel.errors import InvalidRequest

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
GPT4: dict[str, Any] = {
    "provider_id": 1,
    "model_pattern": "gpt-4*",
    "input_cost_per_1k_tokens_nano_usd": 30_000_000,
    "output_cost_per_1k_tokens_nano_usd": 60_000_000,
}
RULE = Rule("gpt-4*", 1, 30, 60, 15, id=7, created_at=NOW, updated_at=NOW)


def test_a_draft_is_what_was_said() -> None:
    """What was not is unset, which is not zero; a free model costs zero."""
    assert new_draft(ModelCostSpec(**GPT4)) == RuleDraft("gpt-4*", 1, 30_000_000, 60_000_000)
    free = ModelCostSpec(
        model_pattern="*",
        cost_per_unit_nano_usd=0,
        cost_calculation_type=COST_CALCULATION_TYPE_REQUEST_BASED,
    )
    assert new_draft(free) == RuleDraft(
        "*", per_unit=0, calculation=COST_CALCULATION_TYPE_REQUEST_BASED
    )


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"model_pattern": ""}, "modelPattern"),
        ({"model_pattern": " \n"}, "modelPattern"),
        ({"model_pattern": "x" * 201}, "modelPattern"),
        ({"model_pattern": "a\0b"}, "modelPattern"),
        ({"provider_id": -1}, "providerId"),
        ({"provider_id": 2**62}, "providerId"),
        ({"input_cost_per_1k_tokens_nano_usd": -1}, "inputCostPer1kTokens"),
        ({"output_cost_per_1k_tokens_nano_usd": 10**12 + 1}, "outputCostPer1kTokens"),
        ({"cached_input_cost_per_1k_tokens_nano_usd": 2**62}, "cachedInputCostPer1kTokens"),
        ({"cost_per_unit_nano_usd": -1}, "costPerUnit"),
        ({"cost_calculation_type": COST_CALCULATION_TYPE_REQUEST_BASED}, "costPerUnit"),
        ({"cost_calculation_type": 99}, "costCalculationType"),
        ({"output_cost_per_1k_tokens_nano_usd": None}, "outputCostPer1kTokens"),
        ({"cost_calculation_type": COST_CALCULATION_TYPE_TIERED}, "tiers"),
        ({"priority": 10**7}, "priority"),
        ({"effective_from": Timestamp(seconds=-1)}, "effectiveFrom"),
        ({"effective_until": Timestamp(seconds=2**40)}, "effectiveUntil"),
        (
            {"effective_from": Timestamp(seconds=9), "effective_until": Timestamp(seconds=9)},
            "effectiveUntil",
        ),
    ],
)
def test_a_price_that_makes_no_sense_is_refused(change: dict[str, Any], field: str) -> None:
    """A price that says nothing of output would make answers free without a word."""
    with pytest.raises(InvalidRequest) as caught:
        new_draft(ModelCostSpec(**{**GPT4, **change}))
    assert caught.value.metadata["field"] == field


def test_a_change_is_put_over_what_there_is() -> None:
    """What it does not say stays."""
    edit = edit_of(ModelCostSpec(output_cost_per_1k_tokens_nano_usd=0, model_pattern="gpt-4o"))
    assert edit(RULE) == RuleDraft("gpt-4o", 1, 30, 0, 15)


def test_fields_are_taken_back() -> None:
    """As far as the price stays whole; a pattern cannot be."""
    unset = ["cached_input_cost_per_1k_tokens_nano_usd", "provider_id"]
    assert edit_of(ModelCostSpec(), unset)(RULE) == RuleDraft("gpt-4*", 0, 30, 60, None)
    with pytest.raises(InvalidRequest) as caught:
        edit_of(ModelCostSpec(), ["input_cost_per_1k_tokens_nano_usd"])(RULE)
    assert caught.value.metadata["field"] == "inputCostPer1kTokens"
    with pytest.raises(InvalidRequest) as caught:
        edit_of(ModelCostSpec(), ["model_pattern"])
    assert caught.value.metadata["field"] == "modelPattern"


def test_another_way_of_calculation_needs_its_own_amount() -> None:
    """Back to tokens, those that were there hold again."""
    by_request = ModelCostSpec(cost_calculation_type=COST_CALCULATION_TYPE_REQUEST_BASED)
    with pytest.raises(InvalidRequest) as caught:
        edit_of(by_request)(RULE)
    assert caught.value.metadata["field"] == "costPerUnit"
    by_request.cost_per_unit_nano_usd = 5
    changed = edit_of(by_request)(RULE)
    assert (changed.per_unit, changed.input_per_1k) == (5, 30)
    back = edit_of(ModelCostSpec(), ["cost_calculation_type"])(changed)
    assert back.calculation == COST_CALCULATION_TYPE_TOKEN_BASED


def test_a_message_says_all_of_a_rule_and_its_etag_changes_with_it() -> None:
    """What is unset stays unset."""
    message = rule_message(RULE)
    assert (message.id, message.model_pattern, message.created_at.seconds) == (
        7,
        "gpt-4*",
        int(NOW.timestamp()),
    )
    assert message.cached_input_cost_per_1k_tokens_nano_usd == 15
    assert not message.HasField("cost_per_unit_nano_usd")
    again = Rule("gpt-4*", 1, 30, 61, 15, id=7, created_at=NOW, updated_at=NOW)
    assert rule_message(again).etag != message.etag
    assert rule_message(RULE).etag == message.etag


def test_dates_and_priority_are_kept_and_taken_back() -> None:
    """Unset means always, and as any other."""
    spec = ModelCostSpec(**GPT4, priority=3)
    spec.effective_from.FromJsonString("2027-01-01T00:00:00Z")
    spec.effective_until.FromJsonString("2027-02-01T00:00:00Z")
    draft = new_draft(spec)
    assert (draft.priority, draft.effective_from) == (3, 1_798_761_600_000_000)
    values = {each.name: getattr(draft, each.name) for each in fields(draft)}
    message = rule_message(Rule(**values, created_at=NOW, updated_at=NOW))
    assert message.effective_from == spec.effective_from
    assert message.effective_until == spec.effective_until
    back = edit_of(ModelCostSpec(), ["priority", "effective_from", "effective_until"])(draft)
    assert back == new_draft(ModelCostSpec(**GPT4))
    assert not rule_message(RULE).HasField("effective_from")
