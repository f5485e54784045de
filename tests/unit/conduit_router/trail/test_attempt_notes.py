"""What is noted of calls on their way."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.support.call_bench import Bench
from tests.support.snapshots import compiled, key, provider, snapshot
from tests.support.written_spans import WrittenSpans, writing_spans

from conduit_kernel.telemetry.trace_context import CURRENT, TraceContext
from conduit_router.routing.attempt_plan import Attempt
from conduit_router.trail.attempt_notes import AttemptNotes
from conduit_router.trail.attempt_spans import AttemptSpans


@contextmanager
def within(*, is_sampled: bool) -> Iterator[None]:
    """Be within a span."""
    token = CURRENT.set(TraceContext(5, 6, is_sampled=is_sampled))
    yield
    CURRENT.reset(token)


def attempted(bench: Bench, written: WrittenSpans) -> Attempt:
    """Return the attempt of a call that is traced, and has ended."""
    spans = AttemptSpans(written.head, written.writer, tells_old_names=False)
    clock = bench.runtime.clock
    bench.runtime.observers = (AttemptNotes(written.notes, spans, None, clock, clock),)
    scope = bench.admit()
    with scope:
        attempt = bench.begun(scope)
        scope.succeed(attempt)
    return attempt


@pytest.mark.parametrize(("kind", "is_told"), [("vLLM", True), ("OpenAI", False)])
def test_an_operators_own_servers_are_told_of_the_attempts_span(
    tmp_path: Path, kind: str, *, is_told: bool
) -> None:
    """However the request goes to them; public providers are not."""
    bench = Bench(tmp_path)
    there = provider(1, "http://127.0.0.1:1/v1", provider_type=kind)
    bench.runtime.table = compiled(snapshot([there], keys=[key(1, 1)]))
    with writing_spans() as written, within(is_sampled=True):
        attempt = attempted(bench, written)
        context = written.last.context
    assert context is not None
    assert context.span_id == attempt.span_id
    said = f"00-{5:032x}-{attempt.span_id:016x}-01".encode() if is_told else b""
    assert attempt.traceparent == attempt.upstream("chat").traceparent == said
    # The key's own is every other call's, too.
    assert attempt.key.endpoint("chat").traceparent == b""


def test_nothing_is_drawn_for_what_is_not_sampled(tmp_path: Path) -> None:
    """Nor noted, where no metrics are made of it."""
    with writing_spans() as written, within(is_sampled=False):
        assert attempted(Bench(tmp_path), written).span_id == 0
        assert written.all == ()
