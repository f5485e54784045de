"""What `/metrics` says of calls and attempts: by alias, and by provider, model and key."""

from collections import defaultdict
from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from conduit_kernel.histograms import cumulative
from conduit_providers.quantities import LEAVES
from conduit_router.accounting.call_counts import ATTEMPT_BOUNDS, AttemptCounts
from conduit_router.accounting.charging import NANO, ChargeRecorder

_NAMES = [str(bound / 1000) for bound in ATTEMPT_BOUNDS]
_PLACE = ("provider", "provider_type", "model", "operation")


class CallMetrics(Collector):
    """Collects what a router counted, for a Prometheus registry."""

    def __init__(self, recorder: ChargeRecorder) -> None:
        self._recorder = recorder

    def collect(self) -> Iterator[Metric]:
        """Yield the counts of what was called so far."""
        yield from self._calls()
        attempts = list(self._recorder.attempts.values())
        yield from _counted(attempts)
        yield from _timed(attempts)

    def _calls(self) -> Iterator[Metric]:
        calls = CounterMetricFamily(
            "conduit_calls",
            "Calls of models that are over, by alias; `outcome` is OK or the reason of the error.",
            labels=("alias", "operation", "outcome"),
        )
        fallbacks = CounterMetricFamily(
            "conduit_call_fallbacks",
            "How often a call went on to another candidate.",
            labels=("alias", "operation"),
        )
        for place, counts in self._recorder.calls.items():
            for outcome, count in counts.outcomes.items():
                calls.add_metric((*place, outcome or "OK"), count)
            fallbacks.add_metric(place, counts.fallbacks)
        yield from (calls, fallbacks)


def _counted(attempts: list[AttemptCounts]) -> Iterator[Metric]:
    labels = (*_PLACE, "key")
    outcomes = CounterMetricFamily(
        "conduit_attempts",
        "Requests to providers that are over; `outcome` is OK or the reason of the error.",
        labels=(*labels, "outcome"),
    )
    units = CounterMetricFamily(
        "conduit_usage", "What was charged, by unit: tokens, seconds, ...", labels=(*labels, "unit")
    )
    cost = CounterMetricFamily(
        "conduit_cost_usd", "What was charged, where the price is known.", labels=labels
    )
    unpriced = CounterMetricFamily(
        "conduit_unpriced_charges", "Charges whose price is not known.", labels=labels
    )
    for each in attempts:
        place = (*_place(each), each.key_id)
        for outcome, count in each.outcomes.items():
            outcomes.add_metric((*place, outcome or "OK"), count)
        for unit, count in each.units.items():
            units.add_metric((*place, LEAVES[unit].name), count)
        cost.add_metric(place, each.nano_usd / NANO)
        unpriced.add_metric(place, each.unpriced)
    yield from (outcomes, units, cost, unpriced)


def _timed(attempts: list[AttemptCounts]) -> Iterator[Metric]:
    """Yield durations, of all keys together."""
    seconds = HistogramMetricFamily(
        "conduit_attempt_seconds", "How long requests to providers took.", labels=_PLACE
    )
    first = HistogramMetricFamily(
        "conduit_first_token_seconds",
        "How long streams of providers took to begin.",
        labels=_PLACE,
    )
    by_place = defaultdict[tuple[str, ...], list[AttemptCounts]](list)
    for each in attempts:
        by_place[_place(each)].append(each)
    for place, alike in by_place.items():
        for family, counted in (
            (seconds, [(each.buckets, each.ms) for each in alike]),
            (first, [(each.first_buckets, each.first_ms) for each in alike]),
        ):
            buckets = [sum(counts) for counts in zip(*(row for row, _ in counted), strict=True)]
            if any(buckets):
                total = sum(ms for _, ms in counted) / 1000
                family.add_metric(place, cumulative(_NAMES, buckets), total)
    yield from (seconds, first)


def _place(counts: AttemptCounts) -> tuple[str, ...]:
    return counts.provider, counts.provider_type, counts.model, counts.operation
