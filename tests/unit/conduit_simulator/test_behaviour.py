"""What the names of the simulator's models ask for."""

import pytest

from conduit_simulator.behaviour import DIMENSIONS, EXAMPLES, Behaviour, behaviour_of


@pytest.mark.parametrize(
    ("name", "behaviour"),
    [
        ("echo", Behaviour()),
        ("echo-slow-50ms", Behaviour(delay_seconds=0.05)),
        ("stream-100x10ms", Behaviour(habit="count", chunks=100, pace_seconds=0.01)),
        ("embed-256", Behaviour(dimensions=256)),
        ("embed-words-256", Behaviour(habit="words", dimensions=256)),
        ("limit-0", Behaviour(fault="limit", degree=0)),
        ("status-404", Behaviour(fault="status", degree=404)),
        ("status-429-retry-2", Behaviour(fault="status", degree=429, retry_after_seconds=2)),
        ("quota", Behaviour(fault="status", degree=429, code="insufficient_quota")),
        ("cut-after-3", Behaviour(fault="cut", degree=3)),
    ],
)
def test_a_name_says_what_happens(name: str, behaviour: Behaviour) -> None:
    """Its numbers in the units that its docstring has."""
    assert behaviour_of(name) == behaviour


@pytest.mark.parametrize(
    "name",
    [
        "",
        "gpt-4",
        "Echo",
        "echo ",
        "echo\n",
        "status-399",
        "status-600",
        "status-99999999",
        "flaky-101",
        "embed-0",
        f"embed-{2 * DIMENSIONS + 1}",
        "cut-after-",
        "cut-after--1",
        "stream-3x",
    ],
)
def test_a_name_that_is_not_in_the_table_is_no_model(name: str) -> None:
    """Numbers out of their range, too: nobody answers with status 600."""
    assert behaviour_of(name) is None


def test_each_kind_is_listed_once() -> None:
    """What `GET /v1/models` shows can be called."""
    assert None not in [behaviour_of(name) for name in EXAMPLES]
    assert len(set(EXAMPLES)) == len(EXAMPLES)
