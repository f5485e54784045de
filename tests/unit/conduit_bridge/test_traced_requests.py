"""The span around a handler."""

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from conduit_bridge.traced_requests import TracedRequests
from conduit_kernel.http import Exchange
from conduit_kernel.telemetry.server_spans import ServerSpans


async def test_a_request_has_a_span_also_where_its_handler_fails() -> None:
    """What it was answered is told within; bytes of a head that are no text do no harm."""
    memory, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(memory))
    traced = TracedRequests(ServerSpans(provider.get_tracer("test")))

    async def handle(_: Exchange) -> None:
        assert trace.get_current_span().is_recording()
        traced.end("POST /v1/chat/completions", 502, "PROVIDER_ERROR", {"request_id": "req_1"})
        raise RuntimeError("fails")

    exchange = Exchange.__new__(Exchange)
    exchange.method, exchange.path, exchange.peer = "POST", "/v1/chat/completions", "10.0.0.1"
    exchange.fields = {b"traceparent": b"\xff\x00", b"user-agent": b"\xe9"}
    with pytest.raises(RuntimeError, match="fails"):
        await traced.around(handle)(exchange)
    [span] = memory.get_finished_spans()
    assert span.name == "POST /v1/chat/completions"
    assert (span.attributes or {})["conduit.request.id"] == "req_1"
    assert not trace.get_current_span().is_recording()


def test_an_answer_without_a_span_is_told_nowhere() -> None:
    """As of a request that is refused by its head."""
    provider = TracerProvider()
    TracedRequests(ServerSpans(provider.get_tracer("test"))).end("GET /", 401, "", {})
