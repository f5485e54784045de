"""Plain counts of durations as `/metrics` shows them."""

from collections.abc import Sequence


def cumulative(bounds: Sequence[str], buckets: Sequence[int]) -> list[tuple[str, float]]:
    """Return each bound with the count of all that is not above it; the last bucket has none."""
    total = 0
    rows: list[tuple[str, float]] = []
    for name, count in zip((*bounds, "+Inf"), buckets, strict=True):
        total += count
        rows.append((name, total))
    return rows
