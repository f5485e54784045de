"""An operator sees what a router does not ask just now."""

from pathlib import Path

from prometheus_client import CollectorRegistry
from tests.support.call_bench import Bench

from conduit_router.routing.health_view import Asked, Subject
from conduit_router.routing.state_metrics import StateMetrics


def test_circuits_rests_and_unhealthy_instances_are_shown_while_they_last(tmp_path: Path) -> None:
    """With the instance's name, the model and the key; by its id, if it is gone."""
    bench = Bench(tmp_path)
    registry = CollectorRegistry()
    registry.register(StateMetrics(bench.state, lambda: bench.runtime.table))
    name = bench.runtime.table.instances[1].provider.name
    instance = {"provider": name, "model": "", "key": ""}
    assert registry.get_sample_value("conduit_circuits_open", instance) is None
    for _ in range(5):
        asked = Asked(1, "model-1", "key_1", 1, bench.now)
        bench.state.failed(asked, is_impersonal=True)
    bench.state.cool_down(Subject(9, "m", "key_9"), 5.0, "slow down", "PROVIDER_RATE_LIMITED")
    bench.state.set_unhealthy(frozenset({2}))
    assert registry.get_sample_value("conduit_circuits_open", instance) == 1
    rest = {"provider": "9", "model": "m", "key": "key_9", "reason": "PROVIDER_RATE_LIMITED"}
    assert registry.get_sample_value("conduit_cooldowns", rest) == 1
    other = {"provider": bench.runtime.table.instances[2].provider.name}
    assert registry.get_sample_value("conduit_providers_unhealthy", other) == 1
    bench.now += 6.0
    assert registry.get_sample_value("conduit_cooldowns", rest) is None


def test_the_configuration_that_is_served_by_is_shown(tmp_path: Path) -> None:
    """So that workers that fell behind others show, when the counts are added up."""
    bench = Bench(tmp_path)
    registry = CollectorRegistry()
    registry.register(StateMetrics(bench.state, lambda: bench.runtime.table))
    labels = {"revision": str(bench.runtime.table.revision)}
    assert registry.get_sample_value("conduit_configuration_info", labels) == 1
