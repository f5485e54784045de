"""Writes spans that are over, for OpenTelemetry's own processors and exporters."""

from collections.abc import Mapping
from typing import NamedTuple

from opentelemetry import trace
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, SpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from conduit_kernel.telemetry.trace_context import TraceContext

Value = str | int | float | bool
_FAILED, _USUAL = trace.Status(trace.StatusCode.ERROR), trace.Status()
# Of ours, no span has as many.
_FEW = 32


class EndedSpan(NamedTuple):
    """A span that is over. Times are in nanoseconds since 1970."""

    name: str
    kind: trace.SpanKind
    context: TraceContext
    parent: TraceContext | None
    # Whether its parent is another process's.
    is_remote: bool
    began: int
    ended: int
    attributes: Mapping[str, Value]
    is_error: bool


class SpanWriter:
    """Writes spans for a processor."""

    def __init__(self, processor: SpanProcessor, resource: Resource, scope: str) -> None:
        """Take what the spans are of; limits are those of the SDK's own variables."""
        self._processor = processor
        self._resource = resource
        self._scope = InstrumentationScope(scope, "")
        limits = SpanLimits()
        self._count = limits.max_span_attributes
        self._length = limits.max_span_attribute_length
        few = self._count is not None and self._count < _FEW
        self._is_limited = few or self._length is not None

    def write(self, span: EndedSpan) -> None:
        """Write a span that is sampled."""
        parent = span.parent
        self._processor.on_end(
            ReadableSpan(
                name=span.name,
                context=span.context.span_context(),
                parent=parent.span_context(is_remote=span.is_remote) if parent else None,
                resource=self._resource,
                attributes=self._limited(span.attributes) if self._is_limited else span.attributes,
                kind=span.kind,
                status=_FAILED if span.is_error else _USUAL,
                start_time=span.began,
                end_time=span.ended,
                instrumentation_scope=self._scope,
            )
        )

    def _limited(self, attributes: Mapping[str, Value]) -> BoundedAttributes:
        return BoundedAttributes(self._count, dict(attributes), max_value_len=self._length)
