"""Spans as processors and exporters get them."""

import pytest
from opentelemetry import trace
from tests.support.written_spans import writing_spans

from conduit_kernel.telemetry.span_writer import EndedSpan
from conduit_kernel.telemetry.trace_context import TraceContext


def test_a_span_has_what_was_said_of_it() -> None:
    """Its resource and its scope are those of the process."""
    context, parent = TraceContext(5, 6, is_sampled=True), TraceContext(5, 4, is_sampled=True)
    with writing_spans() as written:
        written.writer.write(
            EndedSpan(
                *("one", trace.SpanKind.CLIENT, context, parent),
                is_remote=False,
                began=10,
                ended=20,
                attributes={"a": 1, "b": "two"},
                is_error=True,
            )
        )
        span = written.last
    assert (span.name, span.kind) == ("one", trace.SpanKind.CLIENT)
    assert span.context == context.span_context()
    assert span.parent == parent.span_context()
    assert (span.start_time, span.end_time) == (10, 20)
    assert dict(span.attributes or {}) == {"a": 1, "b": "two"}
    assert span.status.status_code is trace.StatusCode.ERROR
    assert span.instrumentation_scope is not None
    assert span.instrumentation_scope.name == "test"


@pytest.mark.parametrize(
    ("variable", "count", "length"),
    [("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", 2, 8), ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", 5, 2)],
)
def test_limits_of_the_sdk_hold(
    monkeypatch: pytest.MonkeyPatch, variable: str, count: int, length: int
) -> None:
    """By its own variables."""
    monkeypatch.setenv(variable, "2")
    with writing_spans() as written:
        span = written.spans.http("GET", "/a", "10.0.0.1", {b"user-agent": b"agent"})
        assert span is not None
        with span:
            pass
        said = written.last.attributes or {}
    assert len(said) == count
    assert max(len(str(each)) for each in said.values()) == length
