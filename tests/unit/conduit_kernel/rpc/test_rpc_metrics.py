"""gRPC at `/metrics`."""

from prometheus_client import CollectorRegistry
from tests.support.clock import Clock

from conduit_kernel.rpc.observed import ObservedRpcs
from conduit_kernel.rpc.rpc_metrics import RpcMetrics


def test_calls_are_shown_by_service_method_and_code() -> None:
    """With their durations, and those under way."""
    clock = Clock()
    rpcs, registry = ObservedRpcs(clock), CollectorRegistry()
    registry.register(RpcMetrics([rpcs]))
    for is_whole in (True, False):
        call = rpcs.begin("/conduit.v1.RouterService/Chat")
        clock.now += 0.2
        call.end("", is_whole=is_whole)
    rpcs.begin("/conduit.v1.RouterService/Chat")
    labels = {"service": "conduit.v1.RouterService", "method": "Chat"}

    def value(name: str, **more: str) -> float | None:
        return registry.get_sample_value(f"conduit_grpc_{name}", {**labels, **more})

    assert value("requests_total", code="OK") == value("requests_total", code="CANCELLED") == 1
    assert value("request_seconds_bucket", le="0.1") == 0
    assert value("request_seconds_bucket", le="0.25") == 2
    assert value("requests_under_way") == 1
