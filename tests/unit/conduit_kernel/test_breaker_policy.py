"""The settings of breakers, as an environment has them."""

import pytest

from conduit_kernel.breaker_policy import DEFAULT_POLICY, BreakerPolicy, read_policy


def test_the_environment_sets_the_policy() -> None:
    """What is not set is as ever."""
    policy = read_policy({"CONDUIT_BREAKER_FAILURES": "3", "CONDUIT_BREAKER_OPEN_SECONDS": "5"})
    assert policy == BreakerPolicy(failure_threshold=3, open_seconds=5.0)
    assert read_policy({}) == DEFAULT_POLICY


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CONDUIT_BREAKER_FAILURES", "1.5"),
        ("CONDUIT_BREAKER_FAILURES", "0"),
        ("CONDUIT_BREAKER_OPEN_SECONDS", "soon"),
        ("CONDUIT_BREAKER_HALF_OPEN_SECONDS", "nan"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(name: str, value: str) -> None:
    """By the variable's name."""
    with pytest.raises(ValueError, match=name):
        read_policy({name: value})
