"""What providers say that a call cost."""

from math import inf, nan

import pytest

from conduit_providers.provider_cost import cost_of_credits, cost_of_dollars, cost_of_ticks


@pytest.mark.parametrize(
    ("told", "nano"),
    [
        (0.00014, 140_000),
        (2.975e-05, 29_750),
        ({"currency": "USD", "total_cost": 0.00252975}, 2_529_750),
        (0, 0),
        (3, 3_000_000_000),
        # Half a nano-dollar counts.
        (5e-10, 1),
        (4.9e-10, 0),
        (0.1 + 0.2, 300_000_000),
    ],
)
def test_dollars_are_read_as_they_are_written(told: object, nano: int) -> None:
    """Without the dust of binary fractions; OpenRouter's credits are dollars."""
    assert cost_of_dollars(told) == nano


@pytest.mark.parametrize(
    "told", [None, True, "0.1", [], {}, {"total_cost": "x"}, -0.1, 2_000_000, inf, nan, 10**400]
)
def test_what_is_no_amount_is_no_word(told: object) -> None:
    """A provider that says nonsense breaks no charge."""
    assert cost_of_dollars(told) is None
    assert cost_of_credits(told, {"upstream_inference_cost": 1}) is None


def test_a_tick_is_a_tenth_of_a_nano_dollar() -> None:
    """318,319,000 of them are 0.0318319 dollars, as xAI's SDK has it."""
    assert cost_of_ticks(318_319_000) == 31_831_900
    assert cost_of_ticks(2_070_005) == 207_001
    for nonsense in (None, True, 1.5, "7", -10, 10**40):
        assert cost_of_ticks(nonsense) is None


def test_a_key_of_ones_own_costs_the_fee_and_the_providers_part() -> None:
    """As far as both are told."""
    assert cost_of_credits(0.001, {"upstream_inference_cost": 0.02}) == 21_000_000
    assert cost_of_credits(0.001, {"upstream_inference_cost": None}) == 1_000_000
    assert cost_of_credits(0.001, "x") == 1_000_000
