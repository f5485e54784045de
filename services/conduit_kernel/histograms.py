"""Plain counts of durations as `/metrics` shows them."""

from collections.abc import Sequence

# Seconds. From an answer out of memory to the longest call of a model.
CALL_BOUNDS = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1.0, 2.5, 5.0, 10.0, 30.0, 60.0),
)


def cumulative(bounds: Sequence[str], buckets: Sequence[int]) -> list[tuple[str, float]]:
    """Return each bound with the count of all that is not above it; the last bucket has none."""
    total = 0
    rows: list[tuple[str, float]] = []
    for name, count in zip((*bounds, "+Inf"), buckets, strict=True):
        total += count
        rows.append((name, total))
    return rows
