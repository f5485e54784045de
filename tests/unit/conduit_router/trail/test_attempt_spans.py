"""The span of each attempt, with the times and the names of what was done."""

from pathlib import Path

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tests.support.call_bench import Bench
from tests.unit.conduit_router.trail.test_attempt_facts import call_twice

from conduit_kernel.telemetry.sdk import SpanIds
from conduit_router.trail.attempt_spans import AttemptSpans


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Return a bench."""
    return Bench(tmp_path)


def traced(bench: Bench, *, is_sampled: bool | None) -> tuple[ReadableSpan, ...]:
    """Call twice within a span, or in none; return the spans of the attempts."""
    memory, ids = InMemorySpanExporter(), SpanIds()
    provider = TracerProvider(id_generator=ids)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    tracer = provider.get_tracer("test")
    spans = AttemptSpans(
        *(tracer, ids, bench.runtime.clock, lambda: 1_000_000.0 + bench.now), tells_old_names=False
    )
    bench.runtime.observers = (spans,)
    if is_sampled is None:
        call_twice(bench, bench.admit())
        return memory.get_finished_spans()
    flags = trace.TraceFlags(trace.TraceFlags.SAMPLED if is_sampled else 0)
    parent = trace.NonRecordingSpan(trace.SpanContext(5, 6, is_remote=False, trace_flags=flags))
    with trace.use_span(parent):
        call_twice(bench, bench.admit())
    return memory.get_finished_spans()


def test_spans_have_the_times_of_the_attempts(bench: Bench) -> None:
    """By the clock on the wall, whatever the call's own counts from."""
    began = bench.now
    failed, made = traced(bench, is_sampled=True)
    wall = 1_000_000.0 + began
    second = 1_000_000_000
    assert (failed.start_time, failed.end_time) == (int(wall) * second, int(wall + 2) * second)
    assert (made.start_time, made.end_time) == (int(wall + 3) * second, int(wall + 7) * second)
    assert failed.kind is trace.SpanKind.CLIENT
    for span in (failed, made):
        assert span.parent is not None
        assert (span.parent.trace_id, span.parent.span_id) == (5, 6)
    assert failed.status.status_code is trace.StatusCode.ERROR
    assert made.status.status_code is trace.StatusCode.UNSET


def test_what_is_not_sampled_has_no_spans(bench: Bench) -> None:
    """Nor is anything drawn for it."""
    assert traced(bench, is_sampled=False) == ()


def test_calls_that_nobody_waits_for_have_spans_of_their_own(bench: Bench) -> None:
    """As batches and tasks: each begins a trace."""
    failed, made = traced(bench, is_sampled=None)
    assert (failed.parent, made.parent) == (None, None)
