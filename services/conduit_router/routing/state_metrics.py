"""What `/metrics` says of what a router works by: the configuration, circuits and rests."""

from collections.abc import Callable, Iterator

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from conduit_router.routing.health_view import Subject
from conduit_router.routing.provider_state import ProviderState
from conduit_router.routing.table import RoutingTable


class StateMetrics(Collector):
    """Collects what a router knows of providers, for a Prometheus registry."""

    def __init__(self, state: ProviderState, table: Callable[[], RoutingTable]) -> None:
        """Take what is known, and what says how instances are called."""
        self._state = state
        self._table = table

    def collect(self) -> Iterator[Metric]:
        """Yield what is so now; of several workers each counts."""
        view, labels = self._state.view(), ("provider", "model", "key")
        circuits = GaugeMetricFamily(
            "conduit_circuits_open",
            "Workers that have the circuit of an instance, a model or a key of it open.",
            labels=labels,
        )
        rests = GaugeMetricFamily(
            "conduit_cooldowns",
            "Workers where a key, or a model, rests after a failure of its own.",
            labels=(*labels, "reason"),
        )
        unhealthy = GaugeMetricFamily(
            "conduit_providers_unhealthy",
            "Workers that ask an instance last, as Health found it unhealthy.",
            labels=("provider",),
        )
        for subject in view.open_circuits:
            circuits.add_metric(self._named(subject), 1)
        for subject, cooldown in view.cooldowns.items():
            rests.add_metric((*self._named(subject), cooldown.reason), 1)
        for provider_id in view.unhealthy:
            unhealthy.add_metric((self._name(provider_id),), 1)
        configuration = GaugeMetricFamily(
            "conduit_configuration_info",
            "Workers that serve by this revision of the configuration.",
            labels=("revision",),
        )
        configuration.add_metric((str(self._table().revision),), 1)
        yield from (circuits, rests, unhealthy, configuration)

    def _named(self, subject: Subject) -> tuple[str, str, str]:
        return self._name(subject.provider_id), subject.model, subject.key_id

    def _name(self, provider_id: int) -> str:
        instance = self._table().instances.get(provider_id)
        return instance.provider.name if instance is not None else str(provider_id)
