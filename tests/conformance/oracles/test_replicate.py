"""Replicate's own SDK as an oracle: what it sends, we send, and what we read, it reads."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import orjson
import pytest
from replicate.client import Client
from replicate.prediction import Prediction
from replicate.stream import EventSource
from tests.support.wire_cases import WireCase, cases

from conduit.v1.provider_pb2 import Provider
from conduit_kernel.http import Exchange, HttpServer
from conduit_providers.auth import signer_for
from conduit_providers.calls import Call
from conduit_providers.catalog import load_catalog
from conduit_providers.chat_events import ChatEvents
from conduit_providers.codecs.replicate.chat import CODEC
from conduit_providers.jobs import JobRequest, StreamingJob
from conduit_providers.operations.chat import ChatCall, chat_request
from conduit_providers.wire import HttpRequest, HttpResponse

Json = dict[str, Any]
CATALOG = load_catalog()
SECRET = "r8_oracle0123456789"
MEANINGFUL = ("authorization", "content-type", "prefer", "accept", "cache-control")
VERSION = "5c7d5dc6dd8bf75c1acaa8565735e7986bc5b66206b55cca93cb72c9bf15ccaa"
LLAMA = "meta/meta-llama-3-70b-instruct"
PROMPT = {"prompt": "Hi"}
# A request: method, path, the headers that mean something, body.
Received = tuple[str, str, dict[str, str], object]


class Recorder:
    """Keeps each request, and answers it as Replicate would."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.address = ""

    async def __call__(self, exchange: Exchange) -> None:
        """Serve one request."""
        headers = {
            name: value.decode()
            for name in MEANINGFUL
            if (value := exchange.headers.get(name.encode())) not in {None, b"*/*"}
        }
        body = orjson.loads(exchange.body) if exchange.body else None
        self.received.append((exchange.method, exchange.path, headers, body))
        if "stream" in exchange.path:
            exchange.respond(
                200, [(b"content-type", b"text/event-stream")], b"event: done\nid: 1\ndata: {}\n\n"
            )
        else:
            exchange.respond(201, [(b"content-type", b"application/json")], self.prediction())

    def prediction(self) -> bytes:
        """Return a prediction that is being made."""
        base = f"{self.address}/v1/predictions/p1"
        urls = {"get": base, "cancel": f"{base}/cancel", "stream": f"{self.address}/v1/stream/p1"}
        status = {"status": "processing", "model": LLAMA, "version": "hidden"}
        return orjson.dumps({"id": "p1", "urls": urls, "input": PROMPT, **status})


@pytest.fixture
async def recorder() -> AsyncIterator[Recorder]:
    """Run a recorder."""
    found = Recorder()
    server = HttpServer(found)
    await server.start("127.0.0.1", 0)
    found.address = f"http://127.0.0.1:{server.port}"
    yield found
    await server.drain(0.1)


def chat(model: str, *, stream: bool = False) -> ChatCall:
    """Return a call with one word."""
    raw = orjson.dumps({"model": "m", "messages": [{"role": "user", "content": "Hi"}]})
    return Call(chat_request(json=raw), alias="m", model=model, stream=stream, provider="R")


class Ours:
    """Our side of the same conversation."""

    def __init__(self, recorder: Recorder) -> None:
        self.spec = CATALOG.find("Replicate")
        self.endpoint = self.spec.endpoints["chat"]
        self.recorder = recorder
        base = Provider(name="R", provider_type="Replicate", base_url=f"{recorder.address}/v1")
        self.target = CATALOG.target(base)

    def meaning(self, step: JobRequest) -> Received:
        """Return a step as the recorder would have kept it."""
        assert isinstance(step.request, HttpRequest)
        signed = signer_for(self.spec.auth, SECRET, self.target).sign(step.request)
        headers = {name: value for name, value in signed.headers if name in MEANINGFUL}
        path = signed.path if step.origin else f"/v1{signed.path}"
        return (signed.method, path, headers, orjson.loads(signed.body) if signed.body else None)

    def answer(self) -> HttpResponse:
        """Return what the recorder answers."""
        return HttpResponse(201, {}, self.recorder.prediction())


@pytest.fixture
async def sdk(recorder: Recorder) -> AsyncIterator[Client]:
    """Return the SDK, at the recorder."""
    # The SDK has no way to close its own.
    transport = httpx.AsyncHTTPTransport()
    yield Client(api_token=SECRET, base_url=recorder.address, transport=transport)
    await transport.aclose()


async def test_prediction_is_made_as_the_sdk_makes_it(recorder: Recorder, sdk: Client) -> None:
    """Path, key, waiting and input of an official model are the SDK's; then it is looked at."""
    ours = Ours(recorder)
    flow = CODEC.whole(chat(LLAMA), ours.endpoint, ours.target)
    steps = [next(flow), flow.send(ours.answer())]
    made = await sdk.models.predictions.async_create(LLAMA, PROMPT, wait=5)
    await made.async_reload()
    assert [ours.meaning(step) for step in steps] == recorder.received


async def test_prediction_of_a_version_is_made_as_the_sdk_makes_it(
    recorder: Recorder, sdk: Client
) -> None:
    """Models that are not official are known by their version."""
    ours = Ours(recorder)
    flow = CODEC.whole(chat(f"acme/llm:{VERSION}"), ours.endpoint, ours.target)
    step = next(flow)
    await sdk.predictions.async_create(VERSION, PROMPT, wait=5)
    assert [ours.meaning(step)] == recorder.received


async def test_prediction_is_streamed_and_canceled_as_the_sdk_does_it(
    recorder: Recorder, sdk: Client
) -> None:
    """The stream is asked for, and the prediction taken back, at the URLs that it names."""
    ours = Ours(recorder)
    flow = CODEC.stream(chat(LLAMA, stream=True), ours.endpoint, ours.target)
    steps = [next(flow)]
    with pytest.raises(StopIteration) as end:
        flow.send(ours.answer())
    opened: StreamingJob[ChatEvents] = end.value.value
    assert opened.step.cancel is not None
    made = await sdk.models.predictions.async_create(LLAMA, PROMPT)
    assert [event.event.value async for event in made.async_stream()] == ["done"]
    await made.async_cancel()
    steps += [opened.step, opened.step.cancel]
    assert [ours.meaning(step) for step in steps] == recorder.received


CASES = [
    case
    for case in cases("Replicate/chat/*")
    if {"answer", "events"} & (found := case.result).keys() and "error" not in found
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_the_sdk_reads_the_words_that_we_read(case: WireCase) -> None:
    """Whole and streamed outputs, as our wire cases have them."""
    received, result = case.received, case.result
    body = received.body
    if "event-stream" in received.media_type:
        response = httpx.Response(200, headers={"content-type": "text/event-stream"}, content=body)
        async with asyncio.timeout(5):
            words = [str(event) async for event in EventSource(Client(), response)]
        ours = [event["choices"][0]["delta"].get("content", "") for event in result["events"]]
    else:
        output = Prediction(**orjson.loads(body)).output or ""
        words = [output] if isinstance(output, str) else output
        ours = [result["answer"]["choices"][0]["message"]["content"]]
    assert "".join(words) == "".join(ours)
