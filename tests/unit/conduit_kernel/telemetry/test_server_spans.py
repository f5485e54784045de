"""Spans of requests, whatever their callers write."""

from collections.abc import Iterator, Mapping

import pytest
from opentelemetry import trace
from tests.support.written_spans import WrittenSpans, writing_spans

from conduit_kernel.telemetry.server_spans import MAX_TEXT, HttpSpan, RpcSpan, correlated
from conduit_kernel.telemetry.trace_context import propagated

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED = {"traceparent": f"00-{TRACE}-{PARENT}-01"}


@pytest.fixture
def written() -> Iterator[WrittenSpans]:
    """Return spans that are kept."""
    with writing_spans() as found:
        yield found


def http(
    written: WrittenSpans, method: str, path: str, peer: str, headers: Mapping[str, str]
) -> HttpSpan:
    """Return the span of a request."""
    fields = {name.encode(): value.encode("latin-1") for name, value in headers.items()}
    span = written.spans.http(method, path, peer, fields)
    assert span is not None
    return span


def rpc(written: WrittenSpans, method: str, metadata: Mapping[str, str]) -> RpcSpan:
    """Return the span of a call."""
    span = written.spans.rpc(method, metadata)
    assert span is not None
    return span


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
def test_a_trace_that_is_none_begins_a_new_one(written: WrittenSpans, given: str) -> None:
    """As the recommendation has it: what cannot be read is ignored."""
    headers = {"traceparent": given}
    with http(written, "POST", "/v1/chat/completions", "10.0.0.1", headers):
        pass
    assert written.last.parent is None


def test_what_a_caller_writes_is_cut(written: WrittenSpans) -> None:
    """Of any length, none of it is more than a bounded attribute."""
    headers = {"user-agent": "u" * 10_000}
    with http(written, "GET", "/" + "p" * 10_000, "10.0.0.1", headers) as span:
        span.end("GET ", 404, "ROUTE_NOT_FOUND", {})
    said = written.last.attributes or {}
    assert written.last.name == "GET"
    assert len(str(said["url.path"])) == len(str(said["user_agent.original"])) == MAX_TEXT
    assert "http.route" not in said


def test_a_failure_of_ours_is_an_error(written: WrittenSpans) -> None:
    """One of the caller's has its code alone."""
    for status, code in ((500, "INTERNAL"), (429, "RATE_LIMITED"), (503, "")):
        with http(written, "GET", "/api/providers", "10.0.0.1", {}) as span:
            span.end("GET /api/providers", status, code, {"cost_usd": None})
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
    written: WrittenSpans, status: str, code: str, *, is_error: bool
) -> None:
    """As the conventions of gRPC list them."""
    with rpc(written, "/conduit.v1.RouterService/Chat", SAMPLED) as span:
        span.end(status, code, {"attempts": 2})
    said = written.last.attributes or {}
    assert said["rpc.response.status_code"] == status
    assert said["conduit.attempts"] == 2
    assert said.get("error.type", "") == (code or (status if is_error else ""))
    assert (written.last.status.status_code == trace.StatusCode.ERROR) == is_error


def test_services_and_probes_have_spans_where_a_trace_asks_for_them(written: WrittenSpans) -> None:
    """They come each second."""
    method = "/conduit.internal.v1.LedgerService/RecordCharges"
    assert written.spans.rpc(method, {}) is None
    for path in ("/health/ready", "/metrics"):
        assert written.spans.http("GET", path, "10.0.0.1", {}) is None
    with rpc(written, method, SAMPLED) as one:
        one.end("OK", "", {})
    with http(written, "GET", "/health/ready", "10.0.0.1", SAMPLED) as probe:
        probe.end("GET /health/ready", 200, "", {})
    assert [span.name for span in written.all] == [method[1:], "GET /health/ready"]


def test_what_goes_on_within_has_the_span_as_its_parent(written: WrittenSpans) -> None:
    """Other services by their metadata, lines of the log by their members."""
    assert propagated() == ()
    assert correlated(None, "", {"event": "x"}) == {"event": "x"}
    with http(written, "GET", "/api/providers", "10.0.0.1", SAMPLED) as span:
        own = f"{span.span_id:016x}"
        assert dict(propagated())["traceparent"] == f"00-{TRACE}-{own}-01"
        line = correlated(None, "", {"event": "x"})
        assert line == {"event": "x", "trace_id": TRACE, "span_id": own}


def test_a_span_ends_where_its_request_fails(written: WrittenSpans) -> None:
    """And is nobody's parent any more."""
    around = http(written, "GET", "/api/providers", "10.0.0.1", {})
    with pytest.raises(RuntimeError, match="fails"), around:
        raise RuntimeError("fails")
    assert len(written.all) == 1
    assert propagated() == ()


def test_states_of_a_trace_go_on_with_it(written: WrittenSpans) -> None:
    """As their vendors wrote them, to the collector and to other services."""
    headers = SAMPLED | {"tracestate": "vendor=1,other=2"}
    with http(written, "GET", "/api/providers", "10.0.0.1", headers):
        assert dict(propagated())["tracestate"] == "vendor=1,other=2"
    context = written.last.context
    assert context is not None
    assert context.trace_state.to_header() == "vendor=1,other=2"
    assert written.last.parent is not None
    assert written.last.parent.is_remote


def test_states_that_are_none_go_nowhere(written: WrittenSpans) -> None:
    """The trace itself goes on."""
    headers = SAMPLED | {"tracestate": "=,;\x00" * 100}
    with http(written, "GET", "/api/providers", "10.0.0.1", headers):
        assert [name for name, _ in propagated()] == ["traceparent"]


def test_what_is_not_sampled_is_known_within_and_written_nowhere(written: WrittenSpans) -> None:
    """Others are told that it is not."""
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-00"}
    with http(written, "GET", "/api/providers", "10.0.0.1", headers) as span:
        span.end("GET /api/providers", 200, "", {})
        assert dict(propagated())["traceparent"] == f"00-{TRACE}-{span.span_id:016x}-00"
        assert correlated(None, "", {})["trace_id"] == TRACE
    assert written.all == ()


def test_a_version_of_tomorrow_is_read_as_far_as_it_is_known(written: WrittenSpans) -> None:
    """As the recommendation asks of whoever reads one."""
    headers = {"traceparent": f"01-{TRACE}-{PARENT}-01-more"}
    with http(written, "GET", "/api/providers", "10.0.0.1", headers) as span:
        assert f"{span.trace_id:032x}" == TRACE
    assert written.last.parent is not None
