"""Traces as headers tell of them, against OpenTelemetry's own reading."""

import pytest
from opentelemetry import trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from conduit_kernel.telemetry.trace_context import TraceContext, callers_context

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.parametrize(
    "given",
    [
        f"00-{TRACE}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-00",
        f"00-{TRACE}-{PARENT}-03",
        f"00-{TRACE}-{PARENT}-ff",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-01-more",
        f"01-{TRACE}-{PARENT}-01-more",
        f"cc-{TRACE}-{PARENT}-00",
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-01\n",
        f" 00-{TRACE}-{PARENT}-01 ",
        f"00-{TRACE[1:]}\u0664-{PARENT}-01",
        "",
        "00",
        "x" * 10_000,
    ],
)
@pytest.mark.parametrize("state", ["", "vendor=1", "=,;" * 1_000])
def test_what_is_read_is_what_opentelemetry_reads(given: str, state: str) -> None:
    """Also of what no sender should write."""
    carrier = {"traceparent": given, "tracestate": state}
    context = TraceContextTextMapPropagator().extract(carrier)
    theirs = trace.get_current_span(context).get_span_context()
    ours = callers_context(carrier)
    if not theirs.is_valid:
        assert ours is None
        return
    assert ours is not None
    read = ours.span_context(is_remote=True)
    assert (read.trace_id, read.span_id) == (theirs.trace_id, theirs.span_id)
    assert read.trace_flags.sampled == theirs.trace_flags.sampled
    assert read.trace_state.to_header() == theirs.trace_state.to_header()


def test_a_span_is_told_as_it_is_read() -> None:
    """Whether it is sampled or not."""
    for is_sampled in (True, False):
        own = TraceContext(5, 6, is_sampled=is_sampled)
        read = callers_context({"traceparent": own.traceparent})
        assert read is not None
        assert (read.trace_id, read.span_id, read.is_sampled) == (5, 6, is_sampled)
