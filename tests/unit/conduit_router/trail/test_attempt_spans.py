"""The span of each attempt, with the times and the names of what was done."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from tests.support.call_bench import Bench
from tests.support.written_spans import writing_spans
from tests.unit.conduit_router.trail.test_attempt_facts import call_twice

from conduit_kernel.telemetry.trace_context import CURRENT, TraceContext
from conduit_router.trail.attempt_notes import AttemptNotes
from conduit_router.trail.attempt_spans import AttemptSpans


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Return a bench."""
    return Bench(tmp_path)


def traced(bench: Bench, *, is_sampled: bool | None) -> tuple[ReadableSpan, ...]:
    """Call twice within a span, or in none; return the spans of the attempts."""
    with writing_spans() as written, within(is_sampled=is_sampled):
        spans = AttemptSpans(written.head, written.writer, tells_old_names=False)
        clocks = bench.runtime.clock, lambda: 1_000_000.0 + bench.now
        bench.runtime.observers = (AttemptNotes(written.notes, spans, None, *clocks),)
        call_twice(bench, bench.admit())
        return written.all


@contextmanager
def within(*, is_sampled: bool | None) -> Iterator[None]:
    """Be within a span, or in none."""
    token = CURRENT.set(None if is_sampled is None else TraceContext(5, 6, is_sampled=is_sampled))
    yield
    CURRENT.reset(token)


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
