"""What `/metrics` says of charges on their way to Billing."""

from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from conduit_router.accounting.backlog import Backlog
from conduit_router.accounting.spool import Spool


class SpoolMetrics(Collector):
    """Collects the spool's figures that people should look at, for a Prometheus registry."""

    def __init__(self, spool: Spool, backlog: Backlog) -> None:
        self._spool = spool
        self._backlog = backlog

    def collect(self) -> Iterator[Metric]:
        """Yield the counts, also those that are zero."""
        kept = CounterMetricFamily(
            "conduit_spool_set_aside",
            "What was kept in the spool's folder for people to look at: segments that the disk"
            " damaged, and records that Billing refused.",
            labels=("kind",),
        )
        kept.add_metric(("damaged_segment",), self._spool.damaged_segments)
        kept.add_metric(("refused_record",), self._spool.refused_records)
        waiting = GaugeMetricFamily(
            "conduit_charges_waiting",
            "Charges that the disk refuses, in memory until it takes them.",
            value=len(self._backlog.records),
        )
        lost = CounterMetricFamily(
            "conduit_charges_lost",
            "Charges that the disk refused and for which there was no memory either.",
            value=self._backlog.lost,
        )
        depth = GaugeMetricFamily(
            "conduit_spool_bytes",
            "Charges on the disk that Billing does not have yet.",
            value=self._spool.waiting_bytes,
        )
        yield from (kept, waiting, lost, depth)
