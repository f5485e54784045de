"""Calls that are jobs, through a router, at a server that plays Replicate."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
from tests.integration.router.conftest import METADATA, Bench, Runner, body, chunks, text
from tests.support.snapshots import key, mapping, provider, snapshot

from conduit.v1 import charge_pb2
from conduit.v1 import router_requests_pb2 as pb
from conduit.v1.call_pb2 import CallOptions
from conduit.v1.charge_pb2 import Charge
from conduit_kernel.errors import (
    ConduitError,
    ContentPolicy,
    DeadlineExceeded,
    InsufficientFunds,
    InvalidApiKey,
    StreamInterrupted,
    UpstreamError,
    UpstreamRefused,
)
from conduit_kernel.http import Exchange, HttpServer, Stream

Json = dict[str, Any]
KEY = b"Bearer sk-1"
WORDS = ("Hel", "lo")
METRICS = {"input_token_count": 5, "output_token_count": 2, "predict_time": 0.2}
EVENTS = tuple(b"event: output\nid: 1:1\ndata: %b\n\n" % word.encode() for word in WORDS)
DONE = b"event: done\nid: 1:9\ndata: {}\n\n"
DETAIL = b'{"detail":"as asked for by the test"}'


@dataclass
class Replicate:
    """A prediction at Replicate, as a test wants it to go."""

    # What the answer to the first request says, and how each look after it finds the prediction:
    # its state, or the HTTP status of a look that fails.
    created: str = "processing"
    looks: list[str] = field(default_factory=lambda: ["succeeded"])
    # Statuses other than 2xx, by what is asked: `create`, `look`, `stream`, `cancel`.
    refusals: dict[str, int] = field(default_factory=dict[str, int])
    # What the stream has; without its end it is cut off or, if `is_slow`, never goes on.
    events: tuple[bytes, ...] = (*EVENTS, DONE)
    is_slow: bool = False
    error: str | None = None
    # Replaces the URLs of the prediction.
    urls: Json = field(default_factory=dict[str, Any])
    # How long the first answer is held back.
    hold: asyncio.Event | None = None
    # The requests that came, and when there was the first one of a kind.
    seen: list[str] = field(default_factory=list[str])
    inputs: list[Json] = field(default_factory=list[Json])
    keys: set[bytes | None] = field(default_factory=set[bytes | None])
    looked: asyncio.Event = field(default_factory=asyncio.Event)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    canceled: asyncio.Event = field(default_factory=asyncio.Event)
    address: str = ""

    async def __call__(self, exchange: Exchange) -> None:
        """Serve one request."""
        what = self._what(exchange)
        self.seen.append(what)
        self.keys.add(exchange.headers.get(b"authorization"))
        if what == "create":
            self.inputs.append(orjson.loads(exchange.body))
            self.arrived.set()
            if self.hold is not None:
                await self.hold.wait()
        elif what == "look":
            self.looked.set()
        elif what == "cancel":
            self.canceled.set()
        if what in self.refusals:
            exchange.respond(self.refusals[what], [(b"content-type", b"application/json")], DETAIL)
        elif what == "stream":
            await self._stream(exchange.start(200, [(b"content-type", b"text/event-stream")]))
        else:
            status = {"create": self.created, "cancel": "canceled"}.get(what) or self._next()
            raw = DETAIL if status.isdigit() else orjson.dumps(self._prediction(status))
            code = int(status) if status.isdigit() else 201
            exchange.respond(code, [(b"content-type", b"application/json")], raw)

    def _what(self, exchange: Exchange) -> str:
        if exchange.method == "POST":
            return "cancel" if exchange.path.endswith("/cancel") else "create"
        return "stream" if exchange.path.startswith("/files/") else "look"

    def _next(self) -> str:
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]

    def _prediction(self, status: str) -> Json:
        base = f"{self.address}/v1/predictions/p1"
        has_ended = status == "succeeded"
        return {
            "id": "p1",
            "model": "meta/llama",
            "status": status,
            "output": WORDS if has_ended else None,
            "error": self.error,
            "metrics": METRICS if has_ended else {},
            "created_at": "2026-11-23T12:00:00Z",
            "urls": {
                "get": base,
                "cancel": f"{base}/cancel",
                "stream": f"{self.address}/files/p1",
                **self.urls,
            },
        }

    async def _stream(self, stream: Stream) -> None:
        for event in self.events:
            stream.write(event)
            await stream.drain()
        if self.is_slow:
            # Until it is canceled, as a model that is still thinking.
            await self.canceled.wait()
        if self.events[-1] == DONE:
            stream.finish()
        else:
            stream.abort()


@pytest.fixture
async def replicate() -> AsyncIterator[Replicate]:
    """Run the server."""
    plays = Replicate()
    server = HttpServer(plays)
    await server.start("127.0.0.1", 0)
    plays.address = f"http://127.0.0.1:{server.port}"
    yield plays
    await server.drain(0.1)


@pytest.fixture
async def run(bench: Runner, replicate: Replicate) -> Bench:
    """Run a router whose only provider is that server."""
    instance = provider(1, f"{replicate.address}/v1", provider_type="Replicate")
    route = mapping(1, 1, actual_model_name="meta/llama")
    return await bench(snapshot([instance], keys=[key(1, 1)], mappings=[route]))


def units(charge: Charge) -> list[int]:
    """Return the quantities of a charge."""
    return [line.quantity for line in charge.lines]


async def test_a_whole_answer_that_is_there_at_once(run: Bench, replicate: Replicate) -> None:
    """The first answer may already be the end; nothing else is asked then."""
    replicate.created = "succeeded"
    response = await run.chat(max_tokens=50)
    assert text(response) == "Hello"
    answer = orjson.loads(response.json)
    assert (answer["id"], answer["created"]) == ("p1", 1795435200)
    assert answer["metrics"]["predict_time"] == METRICS["predict_time"]
    assert replicate.seen == ["create"]
    assert replicate.inputs == [{"input": {"prompt": "hello there", "max_tokens": 50}}]
    [charge] = run.charges()
    assert (units(charge), charge.is_complete) == ([5, 2], True)
    assert charge.usage_source == charge_pb2.USAGE_SOURCE_PROVIDER


async def test_a_whole_answer_is_waited_for(run: Bench, replicate: Replicate) -> None:
    """Predictions are looked at until they end, with the same key."""
    replicate.looks = ["processing", "succeeded"]
    response = await run.chat()
    assert text(response) == "Hello"
    assert replicate.seen == ["create", "look", "look"]
    assert replicate.keys == {KEY}
    assert response.report.attempts == 1


async def test_a_look_that_fails_is_made_again(run: Bench, replicate: Replicate) -> None:
    """The prediction may be well when a look at it is not; it is not made a second time."""
    replicate.looks = ["502", "503", "succeeded"]
    assert text(await run.chat()) == "Hello"
    assert replicate.seen == ["create", "look", "look", "look"]


async def test_looks_that_keep_failing_end_the_wait(run: Bench, replicate: Replicate) -> None:
    """After some of them the prediction is given up, and taken back."""
    replicate.refusals = {"look": 500}
    with pytest.raises(UpstreamError):
        await run.stub.Chat(once(body("gpt")), METADATA)
    await happens(replicate.canceled)
    assert replicate.seen == ["create", "look", "look", "look", "look", "cancel"]


async def test_a_stream_is_read_and_its_counts_are_asked_for(
    run: Bench, replicate: Replicate
) -> None:
    """Pieces come as they are made; the counts come from the prediction after its end."""
    replicate.looks = ["processing", "succeeded"]
    messages = await run.stream(stream_options={"include_usage": True})
    found = chunks(messages)
    assert [c["choices"][0]["delta"].get("content") for c in found[:3]] == ["", "Hel", "lo"]
    assert found[3]["choices"][0]["finish_reason"] == "stop"
    assert found[4]["usage"]["total_tokens"] == 7
    assert {c["id"] for c in found} == {"p1"}
    assert replicate.seen == ["create", "stream", "look", "look"]
    assert replicate.keys == {KEY}
    [charge] = run.charges()
    assert (units(charge), charge.is_complete) == ([5, 2], True)


async def test_a_stream_is_whole_without_its_counts(run: Bench, replicate: Replicate) -> None:
    """If the prediction cannot be looked at any more, the tokens are estimated."""
    replicate.refusals = {"look": 500}
    found = chunks(await run.stream())
    assert found[-1]["choices"][0]["finish_reason"] == "stop"
    [charge] = run.charges()
    assert charge.usage_source == charge_pb2.USAGE_SOURCE_ESTIMATE
    assert charge.is_complete
    assert "cancel" not in replicate.seen


async def test_the_longest_answer_says_so(run: Bench, replicate: Replicate) -> None:
    """Replicate tells no reason for the end, but as many tokens as allowed are one."""
    found = chunks(await run.stream(max_tokens=2))
    assert found[-1]["choices"][0]["finish_reason"] == "length"
    assert replicate.seen[:2] == ["create", "stream"]


REFUSALS = [(401, InvalidApiKey), (402, InsufficientFunds), (422, UpstreamRefused)]


@pytest.mark.parametrize(("status", "error"), REFUSALS)
@pytest.mark.parametrize("is_streamed", [False, True])
async def test_a_prediction_that_is_not_begun(
    run: Bench,
    replicate: Replicate,
    status: int,
    error: type[ConduitError],
    is_streamed: bool,  # noqa: FBT001 # a parameter of the test
) -> None:
    """The provider's reason is the caller's; there is nothing to cancel."""
    replicate.refusals = {"create": status}
    with pytest.raises(error):
        await (run.stream() if is_streamed else run.chat())
    assert set(replicate.seen) == {"create"}
    assert run.charges() == []


@pytest.mark.parametrize(
    ("said", "error"), [("CUDA out of memory", UpstreamError), ("It was flagged", ContentPolicy)]
)
async def test_a_prediction_that_fails_while_it_is_waited_for(
    run: Bench, replicate: Replicate, said: str, error: type[ConduitError]
) -> None:
    """Its error is an answer like any other: it has ended, so it is not canceled."""
    replicate.looks = ["failed"]
    replicate.error = said
    with pytest.raises(error, match=said) as raised:
        await run.stub.Chat(once(body("gpt")), METADATA)
    assert type(raised.value) is error
    assert replicate.seen == ["create", "look"]


def once(raw: bytes, seconds: float = 30) -> pb.ChatRequest:
    """Return a request that is tried once, within some time."""
    options = CallOptions(max_attempts=1)
    options.timeout.FromMilliseconds(round(seconds * 1000))
    return pb.ChatRequest(json=raw, options=options)


async def test_a_prediction_that_cannot_be_looked_at_is_canceled(
    run: Bench, replicate: Replicate
) -> None:
    """A key that was withdrawn meanwhile ends the wait; nobody will read what is being made."""
    replicate.refusals = {"look": 403}
    with pytest.raises(InvalidApiKey):
        await run.stub.Chat(once(body("gpt")), METADATA)
    await happens(replicate.canceled)
    assert replicate.seen == ["create", "look", "cancel"]


async def test_a_prediction_that_takes_too_long_is_canceled(
    run: Bench, replicate: Replicate
) -> None:
    """The time that a request has holds for the whole job."""
    replicate.looks = ["processing"]
    with pytest.raises(DeadlineExceeded):
        await run.stub.Chat(once(body("gpt"), seconds=0.4), METADATA)
    await happens(replicate.canceled)


async def test_a_caller_who_leaves_takes_the_prediction_back(
    run: Bench, replicate: Replicate
) -> None:
    """While it is waited for; what may have been used is charged."""
    replicate.looks = ["processing"]
    call = asyncio.create_task(run.chat())
    await happens(replicate.looked)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await happens(replicate.canceled)
    assert replicate.keys == {KEY}
    assert [charge.is_complete for charge in run.charges()] == [False]


@pytest.mark.parametrize("is_streamed", [False, True])
async def test_a_caller_who_leaves_early_takes_the_prediction_back(
    run: Bench,
    replicate: Replicate,
    is_streamed: bool,  # noqa: FBT001 # a parameter of the test
) -> None:
    """Even before its id is known: the answer that names it is still waited for."""
    replicate.hold = asyncio.Event()
    replicate.looks = ["processing"]
    call: asyncio.Task[object] = asyncio.create_task(run.stream() if is_streamed else run.chat())
    await happens(replicate.arrived)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert replicate.seen == ["create"]
    replicate.hold.set()
    await happens(replicate.canceled)
    assert replicate.seen == ["create", "cancel"]


async def test_a_caller_who_leaves_a_stream_takes_the_prediction_back(
    run: Bench, replicate: Replicate
) -> None:
    """Closing the connection is not enough for Replicate; it is told."""
    replicate.events, replicate.is_slow = EVENTS, True
    stream = run.stub.StreamChat(pb.StreamChatRequest(json=body("gpt", stream=True)), METADATA)
    first = await anext(stream)
    assert first.started.provider_id == 1
    await stream.aclose()
    await happens(replicate.canceled)
    assert replicate.seen == ["create", "stream", "cancel"]
    assert [charge.is_complete for charge in run.charges()] == [False]


async def test_a_stream_that_is_cut_is_an_error_and_canceled(
    run: Bench, replicate: Replicate
) -> None:
    """Words without an end never look whole, and the prediction is not left running."""
    replicate.events = EVENTS
    with pytest.raises(StreamInterrupted):
        await run.stream()
    await happens(replicate.canceled)


async def test_a_stream_that_cannot_be_opened_is_canceled(run: Bench, replicate: Replicate) -> None:
    """The prediction was begun, but nobody can read it."""
    replicate.refusals = {"stream": 404}
    with pytest.raises(UpstreamError):
        await run.stream()
    await happens(replicate.canceled)


async def test_a_prediction_that_fails_before_its_first_word(
    run: Bench, replicate: Replicate
) -> None:
    """The stream's own error is what the caller gets, as long as nothing was passed on."""
    replicate.events = (b'event: error\nid: 1:1\ndata: {"detail":"It was flagged"}\n\n',)
    with pytest.raises(ContentPolicy, match="It was flagged"):
        await run.stream()


async def test_a_model_without_a_stream_is_refused(run: Bench, replicate: Replicate) -> None:
    """The caller is told, and the prediction that nobody can follow is canceled."""
    replicate.urls = {"stream": None}
    with pytest.raises(UpstreamRefused, match="does not stream"):
        await run.stream()
    assert replicate.seen == ["create", "cancel"]


@pytest.mark.parametrize("name", ["get", "cancel", "stream"])
async def test_the_key_goes_nowhere_else(run: Bench, replicate: Replicate, name: str) -> None:
    """An answer that refers to a foreign address is not followed."""
    foreign = Replicate()
    server = HttpServer(foreign)
    await server.start("127.0.0.1", 0)
    replicate.urls = {name: f"http://127.0.0.1:{server.port}/v1/predictions/p1"}
    with pytest.raises(UpstreamError, match="foreign address"):
        await run.stream()
    assert foreign.seen == []
    await server.drain(0.1)


async def happens(event: asyncio.Event) -> None:
    """Wait for something, for at most five seconds."""
    async with asyncio.timeout(5):
        await event.wait()
