"""What `/metrics` says of the cache."""

from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from conduit_router.caching.answers import AnswerCache


class CacheMetrics(Collector):
    """Collects how often the cache had an answer, for a Prometheus registry."""

    def __init__(self, answers: AnswerCache) -> None:
        self._answers = answers

    def collect(self) -> Iterator[Metric]:
        """Yield the counts, also those that are zero."""
        answers = self._answers
        asked = CounterMetricFamily(
            "conduit_cache_lookups",
            "Calls that looked for their answer in the cache.",
            labels=("outcome",),
        )
        asked.add_metric(("hit",), answers.hits - answers.similar_hits)
        asked.add_metric(("similar",), answers.similar_hits)
        asked.add_metric(("miss",), answers.misses)
        size = GaugeMetricFamily(
            "conduit_cache_bytes", "The room that kept answers take.", value=answers.taken_bytes
        )
        kept = GaugeMetricFamily("conduit_cache_answers", "Answers kept.", value=len(answers))
        yield from (asked, size, kept)
