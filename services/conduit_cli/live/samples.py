"""What `/metrics` says at a moment, and what happened between two of them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families

Labels = frozenset[tuple[str, str]]
_INFINITE = float("inf")


class Samples(NamedTuple):
    """All samples of one scrape, by name and labels."""

    # Seconds of any clock.
    at: float
    values: Mapping[str, Mapping[Labels, float]]


def read(text: str, at: float) -> Samples:
    """Read a scrape. ValueError if it is none."""
    found: dict[str, dict[Labels, float]] = defaultdict(dict)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name][frozenset(sample.labels.items())] = sample.value
    return Samples(at, found)


class Interval:
    """The change between two scrapes."""

    def __init__(self, before: Samples, after: Samples) -> None:
        self._before = before
        self._after = after
        self.seconds = max(after.at - before.at, 1e-9)

    def rates(self, name: str, *labels: str) -> dict[tuple[str, ...], float]:
        """Return how often a counter's event happened in a second, by some of its labels."""
        found: dict[tuple[str, ...], float] = defaultdict(float)
        for key, value in self._after.values.get(name, {}).items():
            # One that is less than before is of a process that was started again.
            before = self._before.values.get(name, {}).get(key, 0.0)
            grown = value - before if value >= before else value
            found[_place(key, labels)] += grown / self.seconds
        return dict(found)

    def now(self, name: str, *labels: str) -> dict[tuple[str, ...], float]:
        """Return what a gauge is, by some of its labels."""
        found: dict[tuple[str, ...], float] = defaultdict(float)
        for key, value in self._after.values.get(name, {}).items():
            found[_place(key, labels)] += value
        return dict(found)

    def quantile(self, name: str, share: float, **only: str) -> float | None:
        """Return what a share of a histogram's events was below; None if there were none."""
        buckets: dict[float, float] = defaultdict(float)
        for (bound, *others), rate in self.rates(f"{name}_bucket", "le", *only).items():
            if others == [*only.values()]:
                buckets[_INFINITE if bound == "+Inf" else float(bound)] += rate
        return quantile(sorted(buckets.items()), share)


def quantile(buckets: Iterable[tuple[float, float]], share: float) -> float | None:
    """Return what a share of events was below, from how many were up to each bound."""
    counted = list(buckets)
    total = counted[-1][1] if counted else 0.0
    if total <= 0:
        return None
    lower, below = 0.0, 0.0
    for bound, count in counted:
        if count >= share * total:
            if bound == _INFINITE:
                # Nobody knows how far beyond.
                return lower
            inside = count - below
            return lower + (bound - lower) * ((share * total - below) / inside if inside else 1.0)
        lower, below = bound, count
    return lower


def _place(key: Labels, labels: Iterable[str]) -> tuple[str, ...]:
    told = dict(key)
    return tuple(told.get(label, "") for label in labels)
