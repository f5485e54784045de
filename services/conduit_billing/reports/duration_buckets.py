"""Durations counted in buckets that grow by a tenth: bucket i begins at 10 ms times 1.1 ** i.

What takes less than 10 ms is in buckets below zero. A value read from the middle of its bucket is
exact to 5 percent.
"""

import math
from collections.abc import Mapping

FIRST_MS = 10.0
GROWTH = 1.1
# From under a millisecond to over a day.
LEAST_BUCKET, MOST_BUCKET = -50, 200


def quantile(buckets: Mapping[int, int], share: float) -> float:
    """Return the duration, in milliseconds, that a share of all stays at or under; 0 of none."""
    total = sum(buckets.values())
    rank = max(1, math.ceil(share * total))
    seen = 0
    for bucket in sorted(buckets):
        seen += buckets[bucket]
        if seen >= rank:
            # The geometric middle is equally far from both ends.
            return FIRST_MS * math.pow(GROWTH, bucket + 0.5)
    return 0.0
