"""OpenTelemetry's SDK as this process uses it. Importing it takes the `otel` extra."""

import random
import threading
from collections.abc import Callable, Mapping, Sequence

from opentelemetry import metrics
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import (
    OTLPMetricExporter as GrpcMetricExporter,
)
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import (
    OTLPSpanExporter as GrpcSpanExporter,
)
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricExporter, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import SERVICE_INSTANCE_ID, SERVICE_NAME, Resource
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from structlog.typing import Processor

from conduit_kernel.telemetry.head_sampler import HeadSampler, head_sampler
from conduit_kernel.telemetry.note_queue import NoteQueue
from conduit_kernel.telemetry.protocols import Exporters
from conduit_kernel.telemetry.server_spans import ServerSpans, correlated
from conduit_kernel.telemetry.span_writer import SpanWriter

DEFAULT_SERVICE = "conduit"
# How long a process that stops waits for its collector.
LAST_SECONDS = 1.5
SCOPE = "conduit"
_SPANS: dict[str, Callable[[], SpanExporter]] = {
    "grpc": GrpcSpanExporter,
    "http/protobuf": OTLPSpanExporter,
}
_METRICS: dict[str, Callable[[], MetricExporter]] = {
    "grpc": GrpcMetricExporter,
    "http/protobuf": OTLPMetricExporter,
}


class Traces:
    """Spans on their way out: who decides which are recorded, and what writes them."""

    def __init__(self, env: Mapping[str, str], protocol: str, resource: Resource) -> None:
        """Start exporting. ValueError for a sampler that cannot be."""
        self.head: HeadSampler = head_sampler(env)
        self._processor = BatchSpanProcessor(_SPANS[protocol]())
        self.writer = SpanWriter(self._processor, resource, SCOPE)

    def flush(self) -> None:
        """Export what was written so far."""
        self._processor.force_flush()

    def close(self) -> None:
        """Export what is left, and stop."""
        self._processor.shutdown()  # type: ignore[no-untyped-call] # the library's


class Telemetry:
    """Spans and metrics on their way out of this process; `close` it at its end.

    Endpoints, headers, certificates, samplers, batches and the resource are the SDK's own
    variables. Exporting is done by threads of its own, which nothing waits for.
    """

    def __init__(self, exporters: Exporters, service: str, env: Mapping[str, str]) -> None:
        """Start what is exported. ValueError for variables that cannot be."""
        instance = f"{service}-{random.getrandbits(32):08x}"  # tells processes apart, no more
        own = {SERVICE_INSTANCE_ID: instance}
        resource = Resource.create(own)
        if str(resource.attributes[SERVICE_NAME]).startswith("unknown_service"):
            resource = resource.merge(Resource({SERVICE_NAME: DEFAULT_SERVICE}))
        self.traces = self._meters = None
        if "TRACES" in exporters:
            self.traces = Traces(env, exporters["TRACES"], resource)
        if "METRICS" in exporters:
            reader = PeriodicExportingMetricReader(_METRICS[exporters["METRICS"]]())
            self._meters = MeterProvider([reader], resource=resource, shutdown_on_exit=False)
        # What spans and metrics are made of, behind the calls.
        self.notes = NoteQueue()

    @property
    def meter(self) -> metrics.Meter | None:
        """Return what makes instruments, None where no metrics are exported."""
        return self._meters.get_meter(SCOPE) if self._meters else None

    @property
    def server_spans(self) -> ServerSpans | None:
        """Return what begins spans of requests that come in, None where none are exported."""
        traces = self.traces
        return None if traces is None else ServerSpans(traces.head, self.notes, traces.writer)

    @property
    def log_processors(self) -> Sequence[Processor]:
        """Return what adds to lines of the log the span that they belong to."""
        return (correlated,) if self.traces else ()

    def flush(self) -> None:
        """Export what has ended so far."""
        self.notes.flush()
        if self.traces is not None:
            self.traces.flush()
        if self._meters is not None:
            self._meters.force_flush()

    def close(self) -> None:
        """Export what is still here, but wait no longer than `LAST_SECONDS`."""
        # The SDK itself would wait ten seconds for each batch that a collector does not take.
        last = threading.Thread(target=self._shut_down, name="telemetry_end", daemon=True)
        last.start()
        last.join(LAST_SECONDS)

    def _shut_down(self) -> None:
        self.notes.close()
        if self.traces is not None:
            self.traces.close()
        if self._meters is not None:
            self._meters.shutdown()
