"""What operators say of other units, long requests and conditions."""

from typing import Any

import pytest

from conduit.v1.charge_pb2 import UNIT_AUDIO_INPUT_TOKEN, UNIT_CACHE_WRITE_TOKEN
from conduit.v1.cost_terms_pb2 import ConditionalCost, CostTier, UnitCost
from conduit.v1.model_cost_pb2 import ModelCostSpec
from conduit_billing.pricing.term_messages import (
    condition_messages,
    edited_terms,
    tier_messages,
    unit_cost_messages,
)
from conduit_billing.pricing.terms import NO_TERMS
from conduit_kernel.errors import InvalidRequest

SOUND = UnitCost(unit=UNIT_AUDIO_INPUT_TOKEN, nano_usd_per_million=7)
WRITES = UnitCost(unit=UNIT_CACHE_WRITE_TOKEN, nano_usd_per_million=0)
LONG = CostTier(above_input_tokens=9, input_cost_per_1k_tokens_nano_usd=4)
LONGER = CostTier(above_input_tokens=99, unit_costs=[SOUND])
LARGE = ConditionalCost(when={"size": "1x1", "quality": "high"}, cost_per_unit_nano_usd=5)
ALL = ModelCostSpec(unit_costs=[SOUND, WRITES], tiers=[LONGER, LONG], conditions=[LARGE])


def test_what_is_read_is_written_as_it_was() -> None:
    """Tiers in order of length, the rest as it was said."""
    terms = edited_terms(NO_TERMS, ALL, ())
    assert unit_cost_messages(terms.unit_costs) == [SOUND, WRITES]
    assert tier_messages(terms.tiers) == [LONG, LONGER]
    assert condition_messages(terms.conditions) == [LARGE]


def test_each_list_is_replaced_or_taken_back_by_itself() -> None:
    """What is not named stays."""
    terms = edited_terms(NO_TERMS, ALL, ())
    assert edited_terms(terms, ModelCostSpec(), ()) == terms
    changed = edited_terms(terms, ModelCostSpec(unit_costs=[WRITES]), ("tiers",))
    assert unit_cost_messages(changed.unit_costs) == [WRITES]
    assert not changed.tiers
    assert changed.conditions == terms.conditions


NONSENSE: list[tuple[dict[str, Any], str]] = [
    ({"unit_costs": [UnitCost(nano_usd_per_million=1)]}, "unitCosts[0].unit"),
    ({"unit_costs": [UnitCost(unit=999, nano_usd_per_million=1)]}, "unitCosts[0].unit"),  # type: ignore[arg-type] # any number is one
    ({"unit_costs": [SOUND, SOUND]}, "unitCosts[1].unit"),
    ({"unit_costs": [UnitCost(unit=UNIT_AUDIO_INPUT_TOKEN)]}, "unitCosts[0].costPerMillion"),
    (
        {"unit_costs": [UnitCost(unit=UNIT_AUDIO_INPUT_TOKEN, nano_usd_per_million=-1)]},
        "unitCosts[0].costPerMillion",
    ),
    ({"unit_costs": [SOUND] * 33}, "unitCosts"),
    ({"tiers": [CostTier(above_input_tokens=9)]}, "tiers[0]"),
    ({"tiers": [CostTier(unit_costs=[SOUND])]}, "tiers[0].aboveInputTokens"),
    ({"tiers": [LONG, LONG]}, "tiers"),
    ({"tiers": [LONG] * 9}, "tiers"),
    ({"conditions": [ConditionalCost(cost_per_unit_nano_usd=1)]}, "conditions[0].when"),
    ({"conditions": [ConditionalCost(when={"size": "1x1"})]}, "conditions[0]"),
    (
        {"conditions": [ConditionalCost(when={"size": ""}, cost_per_unit_nano_usd=1)]},
        "conditions[0].when.size",
    ),
    (
        {"conditions": [ConditionalCost(when={"s" * 41: "x"}, cost_per_unit_nano_usd=1)]},
        "conditions[0].when",
    ),
    (
        {"conditions": [ConditionalCost(when={"size": "x"}, cost_per_unit_nano_usd=2**62)]},
        "conditions[0].costPerUnit",
    ),
    ({"conditions": [LARGE, LARGE]}, "conditions"),
]


@pytest.mark.parametrize(("given", "field"), NONSENSE)
def test_nonsense_is_refused_and_names_its_field(given: dict[str, Any], field: str) -> None:
    """Prices that say nothing, twice the same, or beyond all measure."""
    with pytest.raises(InvalidRequest) as caught:
        edited_terms(NO_TERMS, ModelCostSpec(**given), ())
    assert caught.value.metadata["field"] == field
