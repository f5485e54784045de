"""OpenTelemetry's SDK as this process uses it. Importing it takes the `otel` extra."""

import random
import threading
from collections.abc import Callable, Sequence

from opentelemetry import metrics, trace
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
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from structlog.typing import Processor

from conduit_kernel.telemetry.protocols import Exporters
from conduit_kernel.telemetry.server_spans import ServerSpans, correlated

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


class SpanIds(IdGenerator):
    """Draws ids; a span that is written down once it is over has the id that it was given before.

    What is asked of a provider carries the id of its span, which begins and ends later here.
    """

    def __init__(self) -> None:
        self._random = RandomIdGenerator()
        self._given = 0

    def give(self, span_id: int) -> None:
        """Have the next span get this id."""
        self._given = span_id

    def generate_span_id(self) -> int:
        """Return the id of a span."""
        given, self._given = self._given, 0
        return given or self._random.generate_span_id()

    def generate_trace_id(self) -> int:
        """Return the id of a trace."""
        return self._random.generate_trace_id()

    def draw(self) -> int:
        """Return an id for `give`."""
        return random.getrandbits(64) or 1  # tells spans apart, guards nothing


class Telemetry:
    """Spans and metrics on their way out of this process; `close` it at its end.

    Endpoints, headers, certificates, samplers, batches and the resource are the SDK's own
    variables. Exporting is done by threads of its own, which nothing waits for.
    """

    def __init__(self, exporters: Exporters, service: str) -> None:
        """Start what is exported."""
        instance = f"{service}-{random.getrandbits(32):08x}"  # as above
        own = {SERVICE_INSTANCE_ID: instance}
        resource = Resource.create(own)
        if str(resource.attributes[SERVICE_NAME]).startswith("unknown_service"):
            resource = resource.merge(Resource({SERVICE_NAME: DEFAULT_SERVICE}))
        self.ids = SpanIds()
        self._traces = self._meters = None
        if "TRACES" in exporters:
            self._traces = TracerProvider(
                resource=resource, id_generator=self.ids, shutdown_on_exit=False
            )
            exporter = _SPANS[exporters["TRACES"]]()
            self._traces.add_span_processor(BatchSpanProcessor(exporter))
        if "METRICS" in exporters:
            reader = PeriodicExportingMetricReader(_METRICS[exporters["METRICS"]]())
            self._meters = MeterProvider([reader], resource=resource, shutdown_on_exit=False)

    @property
    def tracer(self) -> trace.Tracer | None:
        """Return what begins spans, None where none are exported."""
        return self._traces.get_tracer(SCOPE) if self._traces else None

    @property
    def meter(self) -> metrics.Meter | None:
        """Return what makes instruments, None where no metrics are exported."""
        return self._meters.get_meter(SCOPE) if self._meters else None

    @property
    def server_spans(self) -> ServerSpans | None:
        """Return what begins spans of requests that come in, None where none are exported."""
        tracer = self.tracer
        return None if tracer is None else ServerSpans(tracer)

    @property
    def log_processors(self) -> Sequence[Processor]:
        """Return what adds to lines of the log the span that they belong to."""
        return (correlated,) if self._traces else ()

    def flush(self) -> None:
        """Export what has ended so far."""
        for provider in (self._traces, self._meters):
            if provider is not None:
                provider.force_flush()

    def close(self) -> None:
        """Export what is still here, but wait no longer than `LAST_SECONDS`."""
        # The SDK itself would wait ten seconds for each batch that a collector does not take.
        last = threading.Thread(target=self._shut_down, name="telemetry_end", daemon=True)
        last.start()
        last.join(LAST_SECONDS)

    def _shut_down(self) -> None:
        for provider in (self._traces, self._meters):
            if provider is not None:
                provider.shutdown()
