"""What a scrape sees of providers."""

from prometheus_client import CollectorRegistry
from tests.integration.health.conftest import NOW, configuration, key
from tests.unit.conduit_health.conftest import Watched

from conduit.v1.provider_health_pb2 import KeyRateLimits, RateLimit
from conduit_health.state.health_metrics import HealthMetrics
from conduit_health.state.observation import Classification, Observation

URL = "http://127.0.0.1:1/v1"


def test_statuses_and_what_is_left_of_limits_are_shown(watched: Watched) -> None:
    """What nobody knows is unknown, and what a provider did not say is left out."""
    registry = CollectorRegistry()
    registry.register(HealthMetrics(watched.monitor))
    assert registry.get_sample_value("conduit_provider_status", {}) is None
    watched.configure(configuration(URL, key(1)))
    [health] = watched.monitor.all()
    name = health.provider_name

    def value(metric: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"conduit_{metric}", {"provider": name} | labels)

    assert value("provider_status", status="unknown") == 1
    assert value("key_status", key="key_1", status="unknown") == 1
    limits = KeyRateLimits(
        key_id="key_1",
        requests_per_minute=RateLimit(limit=60, remaining=0),
        tokens_per_minute=RateLimit(remaining=900),
    )
    works = Observation(NOW, Classification.WORKS, "key_1", limits=limits)
    watched.monitor.observe(1, [works])
    assert value("provider_status", status="healthy") == 1
    assert value("provider_status", status="unknown") is None
    assert value("key_status", key="key_1", status="active") == 1
    assert value("rate_limit", key="key_1", kind="requests") == 60
    assert value("rate_limit_remaining", key="key_1", kind="requests") == 0
    assert value("rate_limit", key="key_1", kind="tokens") is None
    assert value("rate_limit_remaining", key="key_1", kind="tokens") == 900
