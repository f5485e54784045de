"""What `/metrics` says of the loops that a process runs beside its calls."""

from collections.abc import Iterator, Sequence

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from conduit_kernel.background import Background


class BackgroundMetrics(Collector):
    """The counts of the loops of this process, for a Prometheus registry."""

    def __init__(self, backgrounds: Sequence[Background]) -> None:
        self._backgrounds = backgrounds

    def collect(self) -> Iterator[Metric]:
        """Yield the counts of all loops, also of those that never failed."""
        failures = CounterMetricFamily(
            "conduit_background_failures",
            "Steps of background loops that failed, or that another process's absence prevented.",
            labels=("loop", "cause"),
        )
        failing = GaugeMetricFamily(
            "conduit_background_failing",
            "Workers whose background loop failed last, or is kept waiting by an absence.",
            labels=("loop",),
        )
        for loop in (loop for background in self._backgrounds for loop in background.loops):
            failures.add_metric((loop.name, "failure"), loop.failures)
            failures.add_metric((loop.name, "absence"), loop.absences)
            failing.add_metric((loop.name,), 1 if loop.problem else 0)
        yield from (failures, failing)
