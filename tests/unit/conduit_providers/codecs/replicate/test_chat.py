"""What Replicate's dialect holds beyond the wire cases: its flows, and where they may lead."""

import random
from typing import Any

import orjson
import pytest

from conduit.v1.provider_pb2 import Provider
from conduit_kernel.errors import (
    ConduitError,
    InvalidApiKey,
    StreamInterrupted,
    UpstreamError,
    UpstreamRefused,
)
from conduit_providers.calls import Call
from conduit_providers.catalog import load_catalog
from conduit_providers.chat_events import ChatEvents
from conduit_providers.codec import MAX_EVENT_BYTES
from conduit_providers.codecs.replicate.chat import CODEC, MAX_CLOSING_LOOKS
from conduit_providers.codecs.replicate.job import MAX_MISSES
from conduit_providers.codecs.replicate.options import ChatModel
from conduit_providers.codecs.replicate.prediction import step_to
from conduit_providers.codecs.replicate.stream import ReplicateDecoder
from conduit_providers.jobs import Job, JobCodec, JobRequest, ResultT, StreamingJob
from conduit_providers.operations.chat import ChatAnswer, ChatCall, chat_request
from conduit_providers.quantities import plain
from conduit_providers.wire import HttpRequest, HttpResponse

Json = dict[str, Any]
CATALOG = load_catalog()
ENDPOINT = CATALOG.find("Replicate").endpoints["chat"]
TARGET = CATALOG.target(Provider(name="P", provider_type="Replicate"))
API = "https://api.replicate.com"
URLS = {
    "get": f"{API}/v1/predictions/p1",
    "cancel": f"{API}/v1/predictions/p1/cancel",
    "stream": "https://stream.replicate.com/v1/files/abc?x=1",
}
STREAM = (
    "event: output\nid: 1:0\ndata: Grü\n\n: hi\n\nevent: output\nid: 1:1\ndata: ße\n\n"
    "event: logs\nid: 1:2\ndata: 1 s\n\nevent: done\nid: 1:3\ndata: {}\n\n"
).encode()


def call(*, stream: bool = False, **members: object) -> ChatCall:
    """Return a call with one word."""
    request = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], **members}
    form = chat_request(json=orjson.dumps(request))
    return Call(
        form, alias="m", model="acme/llm", stream=stream, include_usage=stream, provider="P"
    )


def prediction(status: str, **members: object) -> HttpResponse:
    """Return an answer of the API."""
    body: Json = {"id": "p1", "status": status, "urls": URLS, "model": "acme/llm", **members}
    return HttpResponse(201, {}, orjson.dumps(body))


DONE = prediction(
    "succeeded", output=["a", "b"], metrics={"input_token_count": 3, "output_token_count": 2}
)


def end_of(flow: Job[ResultT], answer: HttpResponse) -> ResultT:
    """Return what a flow comes to with its last answer."""
    with pytest.raises(StopIteration) as end:
        flow.send(answer)
    result: ResultT = end.value.value
    return result


def test_the_codec_is_one_of_flows() -> None:
    """By this the router knows that chats are jobs here."""
    assert isinstance(CODEC, JobCodec)


def sent(step: JobRequest) -> HttpRequest:
    """Return the request of a step."""
    assert isinstance(step.request, HttpRequest)
    return step.request


def test_waiting_slows_down_and_can_be_taken_back() -> None:
    """Looks come at longer and longer intervals; each says how to cancel."""
    flow = CODEC.whole(call(), ENDPOINT, TARGET)
    first = next(flow)
    assert (first.origin, first.cancel, first.after_seconds) == ("", None, 0.0)
    looks = [flow.send(prediction(status)) for status in ("starting", *["processing"] * 3)]
    assert [look.after_seconds for look in looks] == [0.25, 0.5, 1.0, 1.0]
    assert {(look.origin, sent(look).path) for look in looks} == {(API, "/v1/predictions/p1")}
    cancel = looks[0].cancel
    assert cancel is not None
    assert (sent(cancel).method, sent(cancel).path) == ("POST", "/v1/predictions/p1/cancel")
    answer: ChatAnswer = end_of(flow, DONE)
    assert answer.usage == plain(3, 2)


def test_looks_may_fail_for_a_while() -> None:
    """Failures that pass are borne some times in a row; others end the wait at once."""
    flow = CODEC.whole(call(), ENDPOINT, TARGET)
    next(flow)
    flow.send(prediction("starting"))
    for _ in range(2):
        for _ in range(MAX_MISSES):
            flow.throw(UpstreamError("down", provider="P"))
        flow.send(prediction("processing"))
    with pytest.raises(InvalidApiKey):
        flow.throw(InvalidApiKey("withdrawn", provider="P"))


def opened(**members: object) -> tuple[Job[StreamingJob[ChatEvents]], JobRequest]:
    """Begin a stream; return the flow and its first step."""
    flow = CODEC.stream(call(stream=True, **members), ENDPOINT, TARGET)
    return flow, next(flow)


def test_stream_is_closed_with_its_counts() -> None:
    """After the last event, the prediction tells why it ended, and how many tokens there were."""
    flow, first = opened(max_tokens=2)
    assert "prefer" not in dict(sent(first).headers)
    found = end_of(flow, prediction("starting"))
    assert (found.step.origin, sent(found.step).path) == (
        "https://stream.replicate.com",
        "/v1/files/abc?x=1",
    )
    events = found.decoder.feed(STREAM)
    assert events is not None
    assert all(not chunk.choices[0].finish_reason for chunk in events.chunks)
    assert found.decoder.done
    next(found.closing)
    last = end_of(found.closing, DONE)
    assert last is not None
    finish, counts = (orjson.loads(e[6:]) for e in last.sse.split(b"\n\n") if e)
    assert finish["choices"][0]["finish_reason"] == "length"
    assert counts["usage"]["total_tokens"] == 5
    assert found.decoder.usage == plain(3, 2)


def test_counts_are_not_waited_for_without_end() -> None:
    """A prediction that never ends, or cannot be looked at, leaves the answer whole."""
    flow, _ = opened()
    found = end_of(flow, prediction("starting"))
    found.decoder.feed(STREAM)
    next(found.closing)
    for _ in range(MAX_CLOSING_LOOKS - 1):
        found.closing.send(prediction("processing"))
    last = end_of(found.closing, prediction("processing"))
    assert last is not None
    assert orjson.loads(last.sse.split(b"\n\n")[0][6:])["choices"][0]["finish_reason"] == "stop"
    assert found.decoder.usage is None


def test_model_without_a_stream_is_taken_back_and_refused() -> None:
    """There would be nothing to read."""
    flow, _ = opened()
    cancel = flow.send(prediction("starting", urls={**URLS, "stream": None}))
    assert sent(cancel).path.endswith("/cancel")
    with pytest.raises(UpstreamRefused, match="does not stream"):
        flow.send(prediction("canceled"))


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/v1/predictions/p1",
        "http://api.replicate.com/v1/x",
        "https://api.replicate.com:8443/v1/x",
        "https://api.replicate.com.example.com/v1/x",
        "https://api.replicate.com@example.com/v1/x",
        "https://user@api.replicate.com/v1/x",
        "https://replicate.com/x",
        "https://169.254.169.254/latest",
        "https://[::1/x",
        "https://api.replicate.com/v1/x y",
        "https://api.replicate.com/v1/ü",
        "file:///etc/passwd",
    ],
)
def test_keys_go_to_replicate_only(url: str) -> None:
    """A URL in an answer that leads anywhere else is never followed."""
    with pytest.raises(UpstreamError, match="foreign address"):
        step_to("GET", url, (), TARGET, ENDPOINT)


def read(*pieces: bytes) -> str:
    """Return the words of a stream that arrives in pieces."""
    decoder = ReplicateDecoder(call(stream=True), ChatModel())
    found = [decoder.feed(piece) for piece in pieces if not decoder.done]
    if not decoder.done:
        found.append(decoder.close())
    chunks = [chunk for events in found if events for chunk in events.chunks]
    return "".join(chunk.choices[0].delta.content for chunk in chunks)


def test_stream_survives_any_cut_and_never_looks_whole_without_its_end() -> None:
    """Only the blank line behind the last event may be missing."""
    assert all(read(STREAM[:i], STREAM[i:]) == "Grüße" for i in range(len(STREAM)))
    for end in range(len(STREAM) - 2):
        with pytest.raises(StreamInterrupted):
            read(STREAM[:end])
    assert read(STREAM[:-2]) == read(STREAM[:-1]) == "Grüße"


@pytest.mark.parametrize("seed", range(200))
def test_garbage_is_an_error_of_the_provider(seed: int) -> None:
    """Whatever is changed in a stream, it is read, or fails as the provider's fault."""
    draw = random.Random(seed)  # noqa: S311 # reproducible on purpose
    raw = bytearray(STREAM)
    for _ in range(draw.randint(1, 8)):
        raw[draw.randrange(len(raw))] = draw.randrange(256)
    size = draw.randint(1, len(raw))
    pieces = [bytes(raw[i : i + size]) for i in range(0, len(raw), size)]
    try:
        words = read(*pieces)
    except ConduitError as error:
        assert isinstance(error, UpstreamError)  # noqa: PT017 # it need not raise
    else:
        assert isinstance(words, str)


def test_long_events_are_read_and_endless_ones_are_not_kept() -> None:
    """An event may be long, but memory is bounded."""
    text = b"x" * (MAX_EVENT_BYTES // 2)
    event = b"event: output\ndata: %b\n\nevent: done\ndata: {}\n\n" % text
    assert read(event) == text.decode()
    decoder = ReplicateDecoder(call(stream=True), ChatModel())
    endless = b"x" * (1024 * 1024)
    for _ in range(MAX_EVENT_BYTES // len(endless)):
        assert decoder.feed(endless) is None
    with pytest.raises(UpstreamError, match="an event of more than"):
        decoder.feed(endless)
