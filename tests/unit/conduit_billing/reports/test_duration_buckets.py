"""Quantiles from buckets."""

import math
import random
from collections import Counter

import pytest

from conduit_billing.reports.duration_buckets import FIRST_MS, GROWTH, quantile


@pytest.mark.parametrize("share", [0.5, 0.95, 0.99])
def test_a_quantile_is_exact_to_five_percent(share: float) -> None:
    """Whatever the durations, the answer is within 5 percent of the true one."""
    chance = random.Random(3)  # noqa: S311 # the same durations in every run
    durations = sorted(chance.lognormvariate(6, 1.5) + 10 for _ in range(5000))
    buckets = Counter(int(math.log(ms / FIRST_MS) / math.log(GROWTH)) for ms in durations)
    true = durations[math.ceil(share * len(durations)) - 1]
    assert quantile(buckets, share) == pytest.approx(true, rel=0.05)


def test_nothing_took_no_time() -> None:
    """Without attempts there is no duration to tell."""
    assert quantile({}, 0.5) == 0
    assert quantile({3: 0}, 0.5) == 0
