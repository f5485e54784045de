"""The span around a handler."""

import pytest
from tests.support.written_spans import writing_spans

from conduit_bridge.traced_requests import TracedRequests
from conduit_kernel.http import Exchange
from conduit_kernel.telemetry.trace_context import CURRENT


def exchange_of(path: str) -> Exchange:
    """Return a request whose head is no text."""
    exchange = Exchange.__new__(Exchange)
    exchange.method, exchange.path, exchange.peer = "GET", path, "10.0.0.1"
    exchange.fields = {b"user-agent": b"\xe9"}
    return exchange


async def test_a_request_has_a_span_also_where_its_handler_fails() -> None:
    """What it was answered is told within; bytes of a head that are no text do no harm."""
    with writing_spans() as written:
        traced = TracedRequests(written.spans)

        async def handle(_: Exchange) -> None:
            current = CURRENT.get()
            assert current is not None
            assert current.is_sampled
            traced.end("POST /v1/chat/completions", 502, "PROVIDER_ERROR", {"request_id": "req_1"})
            raise RuntimeError("fails")

        exchange = exchange_of("/v1/chat/completions")
        exchange.fields[b"traceparent"] = b"\xff\x00"
        with pytest.raises(RuntimeError, match="fails"):
            await traced.around(handle)(exchange)
        [span] = written.all
    assert span.name == "POST /v1/chat/completions"
    assert (span.attributes or {})["conduit.request.id"] == "req_1"
    assert (span.attributes or {})["user_agent.original"] == "\xe9"
    assert CURRENT.get() is None


async def test_a_probe_is_answered_without_a_span() -> None:
    """Nobody asks for one."""
    with writing_spans() as written:
        seen: list[object] = []

        async def handle(_: Exchange) -> None:
            seen.append(CURRENT.get())

        await TracedRequests(written.spans).around(handle)(exchange_of("/health/ready"))
        assert (seen, written.all) == ([None], ())


def test_an_answer_without_a_span_is_told_nowhere() -> None:
    """As of a request that is refused by its head."""
    with writing_spans() as written:
        TracedRequests(written.spans).end("GET /", 401, "", {})
        assert written.all == ()
