"""Spans and metrics on their way to a collector, or to none."""

import time
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)
from tests.support.otlp_collector import collecting

from conduit_kernel.telemetry.sdk import LAST_SECONDS, Telemetry

PLACE = "OTEL_EXPORTER_OTLP_ENDPOINT"


class Collector(TraceServiceServicer):
    """Keeps the names of the spans that it hears over gRPC."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def Export(  # noqa: N802 # the RPC's name
        self, request: ExportTraceServiceRequest, context: grpc.ServicerContext
    ) -> ExportTraceServiceResponse:
        """Take spans."""
        for one in request.resource_spans:
            self.names += [span.name for each in one.scope_spans for span in each.spans]
        return ExportTraceServiceResponse()


def trace_one(telemetry: Telemetry) -> None:
    """Have a call traced whose name is `one`."""
    spans = telemetry.server_spans
    assert spans is not None
    span = spans.rpc("/one", {})
    assert span is not None
    with span:
        span.end("OK", "", {})


def test_spans_go_out_over_grpc(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where that protocol is named."""
    server, collector = grpc.server(ThreadPoolExecutor(1)), Collector()
    add_TraceServiceServicer_to_server(collector, server)  # type: ignore[no-untyped-call] # the library's
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    monkeypatch.setenv(PLACE, f"http://127.0.0.1:{port}")
    telemetry = Telemetry({"TRACES": "grpc"}, "worker", {})
    assert telemetry.meter is None
    trace_one(telemetry)
    telemetry.close()
    server.stop(0)
    assert collector.names == ["one"]


def test_spans_and_metrics_go_out_over_http(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that are still here when the process ends, too; the service has a name."""
    monkeypatch.delenv("OTEL_SERVICE_NAME", raising=False)
    with collecting() as collector:
        monkeypatch.setenv(PLACE, collector.url)
        telemetry = Telemetry({"TRACES": "http/protobuf", "METRICS": "http/protobuf"}, "worker", {})
        assert telemetry.meter is not None
        trace_one(telemetry)
        telemetry.meter.create_counter("counted").add(1)
        telemetry.close()
    assert [span.name for span in collector.spans] == ["one"]
    assert [metric.name for metric in collector.metrics] == ["counted"]
    [resource] = collector.resources
    assert resource["service.name"] == "conduit"
    assert str(resource["service.instance.id"]).startswith("worker-")


def test_a_collector_that_is_away_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither whoever ends a span nor a process that stops."""
    monkeypatch.setenv(PLACE, "http://127.0.0.1:9")
    telemetry = Telemetry({"TRACES": "http/protobuf"}, "worker", {})
    began = time.monotonic()
    for _ in range(5000):
        trace_one(telemetry)
    ended = time.monotonic()
    assert ended - began < 5
    telemetry.close()
    assert time.monotonic() - ended < LAST_SECONDS + 2


def test_a_sampler_that_cannot_be_is_told_before_anything_starts() -> None:
    """By its variable."""
    env = {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "2"}
    with pytest.raises(ValueError, match="OTEL_TRACES_SAMPLER_ARG must be from 0 to 1"):
        Telemetry({"TRACES": "http/protobuf"}, "worker", env)
