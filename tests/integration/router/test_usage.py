"""What providers report of their usage, as charges have it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
from structlog.testing import capture_logs
from tests.integration.router.conftest import Runner
from tests.support.snapshots import mapping, provider, snapshot

from conduit.v1 import charge_pb2 as pb
from conduit_kernel.http import Exchange, HttpServer

Json = dict[str, Any]
JSON = [(b"content-type", b"application/json")]
EVENTS = [(b"content-type", b"text/event-stream")]


@dataclass
class Upstream:
    """Answers every chat, and reports what a test sets."""

    report: Json = field(default_factory=dict[str, Any])
    address: str = ""

    async def __call__(self, exchange: Exchange) -> None:
        """Serve one request."""
        choice = {"index": 0, "message": {"role": "assistant", "content": "Hi."}}
        answer = {"choices": [{**choice, "finish_reason": "stop"}], **self.report}
        if orjson.loads(exchange.body).get("stream"):
            delta = {"index": 0, "delta": {"content": "Hi."}, "finish_reason": "stop"}
            events = [{"choices": [delta]}, {**self.report, "choices": []}]
            body = b"".join(b"data: %b\n\n" % orjson.dumps(event) for event in events)
            exchange.respond(200, EVENTS, body + b"data: [DONE]\n\n")
            return
        exchange.respond(200, JSON, orjson.dumps(answer))


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    """Run the server."""
    plays = Upstream()
    server = HttpServer(plays)
    await server.start("127.0.0.1", 0)
    plays.address = f"http://127.0.0.1:{server.port}"
    yield plays
    await server.drain(0.1)


async def test_usage_that_contradicts_itself_is_marked_and_fails_no_call(
    bench: Runner, upstream: Upstream
) -> None:
    """Each charge says so, the log once; the totals are charged and the odd part left out."""
    run = await bench(
        snapshot([provider(1, upstream.address)], mappings=[mapping(1, 1, actual_model_name="m")])
    )
    usage = {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14}
    upstream.report = {"usage": {**usage, "prompt_tokens_details": {"cached_tokens": 11}}}
    with capture_logs() as logs:
        for _ in range(3):
            await run.chat()
    charges = run.charges()
    assert len(charges) == 3
    for charge in charges:
        assert charge.usage_source == pb.USAGE_SOURCE_INCONSISTENT
        assert [(line.unit, line.quantity) for line in charge.lines] == [
            (pb.UNIT_INPUT_TOKEN, 10),
            (pb.UNIT_OUTPUT_TOKEN, 4),
        ]
    said = [entry for entry in logs if entry["event"] == "usage_inconsistent"]
    assert [(entry["provider_type"], entry["model"]) for entry in said] == [("OpenAI", "m")]


async def test_a_charge_names_the_service_tier_that_is_not_the_usual(
    bench: Runner, upstream: Upstream
) -> None:
    """Its price depends on it, whole or streamed."""
    run = await bench(
        snapshot([provider(1, upstream.address)], mappings=[mapping(1, 1, actual_model_name="m")])
    )
    usage = {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14}
    for tier in ("flex", "default"):
        upstream.report = {"usage": usage, "service_tier": tier}
        await run.chat()
        await run.stream()
    named = [dict(charge.qualifiers) for charge in run.charges()]
    assert named == [{"service_tier": "flex"}] * 2 + [{}] * 2
