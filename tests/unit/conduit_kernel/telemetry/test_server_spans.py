"""Spans of requests, whatever their callers write."""

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from conduit_kernel.telemetry.server_spans import (
    MAX_TEXT,
    ServerSpans,
    correlated,
    end_http,
    propagated,
)

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED = {"traceparent": f"00-{TRACE}-{PARENT}-01"}


class Written:
    """Spans, and what was written of them."""

    def __init__(self) -> None:
        self._memory = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self._memory))
        self.spans = ServerSpans(provider.get_tracer("test"))

    @property
    def last(self) -> ReadableSpan:
        """Return the last span that has ended."""
        return self._memory.get_finished_spans()[-1]

    @property
    def count(self) -> int:
        """Return how many have ended."""
        return len(self._memory.get_finished_spans())


@pytest.fixture
def written() -> Written:
    """Return spans that are kept."""
    return Written()


@pytest.mark.parametrize(
    "given",
    [
        "",
        "00",
        "00-0-0-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{TRACE.upper()}-{PARENT}-01",
        "x" * 10_000,
        "00-\r\nset-cookie: a",
        f"00-{TRACE}-{PARENT}-01-and-more",
    ],
)
def test_a_trace_that_is_none_begins_a_new_one(written: Written, given: str) -> None:
    """As the recommendation has it: what cannot be read is ignored."""
    headers = {"traceparent": given}
    with written.spans.http("POST", "/v1/chat/completions", "10.0.0.1", headers):
        pass
    assert written.last.parent is None


def test_what_a_caller_writes_is_cut(written: Written) -> None:
    """Of any length, none of it is more than a bounded attribute."""
    headers = {"user-agent": "u" * 10_000}
    with written.spans.http("GET", "/" + "p" * 10_000, "10.0.0.1", headers) as span:
        end_http(span, "GET ", 404, "ROUTE_NOT_FOUND", {})
    said = written.last.attributes or {}
    assert written.last.name == "GET"
    assert len(str(said["url.path"])) == len(str(said["user_agent.original"])) == MAX_TEXT
    assert "http.route" not in said


def test_a_failure_of_ours_is_an_error(written: Written) -> None:
    """One of the caller's has its code alone."""
    for status, code in ((500, "INTERNAL"), (429, "RATE_LIMITED"), (503, "")):
        with written.spans.http("GET", "/api/providers", "10.0.0.1", {}) as span:
            end_http(span, "GET /api/providers", status, code, {"cost_usd": None})
        said = written.last.attributes or {}
        assert said["error.type"] == (code or str(status))
        is_error = written.last.status.status_code == trace.StatusCode.ERROR
        assert is_error == (status >= 500)


@pytest.mark.parametrize(
    ("status", "code", "is_error"),
    [
        ("OK", "", False),
        ("NOT_FOUND", "MODEL_NOT_FOUND", False),
        ("INTERNAL", "INTERNAL", True),
        ("UNAVAILABLE", "", True),
        ("CANCELLED", "", False),
    ],
)
def test_statuses_of_grpc_that_are_the_servers_fault_are_errors(
    written: Written, status: str, code: str, *, is_error: bool
) -> None:
    """As the conventions of gRPC list them."""
    with written.spans.rpc("/conduit.v1.RouterService/Chat", SAMPLED) as span:
        span.end(status, code, {"attempts": 2})
    said = written.last.attributes or {}
    assert said["rpc.response.status_code"] == status
    assert said["conduit.attempts"] == 2
    assert said.get("error.type", "") == (code or (status if is_error else ""))
    assert (written.last.status.status_code == trace.StatusCode.ERROR) == is_error


def test_services_and_probes_have_spans_where_a_trace_asks_for_them(written: Written) -> None:
    """They come each second."""
    for metadata, count in (({}, 0), (SAMPLED, 1)):
        with written.spans.rpc("/conduit.internal.v1.LedgerService/RecordCharges", metadata) as one:
            one.end("OK", "", {})
        assert written.count == count
    with written.spans.http("GET", "/health/ready", "10.0.0.1", {}) as span:
        end_http(span, "GET /health/ready", 200, "", {})
    with written.spans.http("GET", "/metrics", "10.0.0.1", {}):
        pass
    assert written.count == 1


def test_what_goes_on_within_has_the_span_as_its_parent(written: Written) -> None:
    """Other services by their metadata, lines of the log by their members."""
    assert propagated() == ()
    assert correlated(None, "", {"event": "x"}) == {"event": "x"}
    with written.spans.http("GET", "/api/providers", "10.0.0.1", SAMPLED) as span:
        own = f"{span.get_span_context().span_id:016x}"
        assert dict(propagated())["traceparent"] == f"00-{TRACE}-{own}-01"
        line = correlated(None, "", {"event": "x"})
        assert line == {"event": "x", "trace_id": TRACE, "span_id": own}


def test_a_span_ends_where_its_request_fails(written: Written) -> None:
    """And is nobody's parent any more."""
    around = written.spans.http("GET", "/api/providers", "10.0.0.1", {})
    with pytest.raises(RuntimeError, match="fails"), around:
        raise RuntimeError("fails")
    assert written.count == 1
    assert propagated() == ()
