"""What is measured of instances and keys, with time of the test's own."""

from math import inf

import pytest

from conduit_providers.spec import RateLimitHeaders
from conduit_router.routing.load import FRESH_SECONDS, Load

PLACE = (1, "gpt-4o")
NAMES = RateLimitHeaders(
    requests_limit="x-limit",
    requests_remaining="x-remaining",
    requests_reset="x-reset",
)


class Clock:
    """Time that the test sets."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        """Return it."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Return the time."""
    return Clock()


@pytest.fixture
def load(clock: Clock) -> Load:
    """Return measures of nothing yet."""
    return Load(clock, clock)


def measured(load: Load, *seconds: float | None) -> None:
    """Make attempts that took so long."""
    for each in seconds:
        load.begin(PLACE)
        load.end(PLACE, each)


def test_calls_under_way_count_for_the_weight_until_they_end(load: Load) -> None:
    """Whatever the model; ends that nobody began do no harm."""
    load.begin(PLACE)
    load.begin((1, "other"))
    assert load.busyness(1, 4) == 0.5
    load.end(PLACE, None)
    load.end((1, "other"), None)
    load.end(PLACE, None)
    load.begin(PLACE)
    assert load.busyness(1, 1) == 1.0


def test_the_newest_latency_counts_the_most(load: Load) -> None:
    """As an average whose older parts fade."""
    measured(load, 1.0, 2.0)
    assert load.latency(PLACE) == pytest.approx(1.3)
    measured(load, *[2.0] * 30)
    assert load.latency(PLACE) == pytest.approx(2.0, abs=0.001)


def test_one_call_finds_out_what_is_not_known(load: Load, clock: Clock) -> None:
    """While it is under way the others go elsewhere; what is old is not known."""
    assert load.latency(PLACE) == -inf
    load.begin(PLACE)
    assert load.latency(PLACE) == inf
    load.end(PLACE, 0.25)
    assert load.latency(PLACE) == 0.25
    clock.now += FRESH_SECONDS
    assert load.latency(PLACE) == -inf
    measured(load, 3.0)
    assert load.latency(PLACE) == 3.0


def test_an_attempt_that_tells_nothing_leaves_the_latency_as_it_was(load: Load) -> None:
    """Such as one whose caller left."""
    measured(load, 0.5, None)
    assert load.latency(PLACE) == 0.5


def test_the_used_share_of_a_limit_counts_until_it_resets(load: Load, clock: Clock) -> None:
    """Answers without limits say nothing, and undo nothing."""
    assert load.usage("key_1") == -inf
    headers = {"x-limit": "100", "x-remaining": "25", "x-reset": "30s"}
    load.note_quota("key_1", headers, NAMES)
    assert load.usage("key_1") == 0.75
    load.note_quota("key_1", {}, NAMES)
    assert load.usage("key_1") == 0.75
    clock.now += 31
    assert load.usage("key_1") == -inf


def test_a_limit_that_does_not_say_when_it_resets_is_believed_for_a_minute(
    load: Load, clock: Clock
) -> None:
    """As most windows are minutes."""
    load.note_quota("key_1", {"x-limit": "100", "x-remaining": "0"}, NAMES)
    assert load.usage("key_1") == 1.0
    clock.now += FRESH_SECONDS
    assert load.usage("key_1") == -inf
