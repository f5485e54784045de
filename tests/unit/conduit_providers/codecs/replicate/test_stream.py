"""The events of a streamed prediction; what cuts them is tested in test_chat."""

import orjson
import pytest

from conduit.v1.chat_pb2 import FINISH_REASON_LENGTH, FINISH_REASON_STOP
from conduit_kernel.errors import StreamInterrupted, UpstreamError
from conduit_providers.calls import Call
from conduit_providers.chat_events import ChatEvents
from conduit_providers.codecs.replicate.options import ChatModel
from conduit_providers.codecs.replicate.prediction import Prediction, read_prediction
from conduit_providers.codecs.replicate.stream import ReplicateDecoder
from conduit_providers.operations.chat import ChatCall, chat_request
from conduit_providers.quantities import plain


def call() -> ChatCall:
    """Return a call that asks for the counts."""
    form = chat_request(json=b'{"model":"a","messages":[],"max_tokens":2}')
    made: ChatCall = Call(form, alias="a", model="acme/llm", stream=True, provider="P", created=7)
    made.include_usage = True
    return made


def prediction(**members: object) -> Prediction:
    """Read a prediction."""
    raw = {"id": "p1", "status": "starting", "urls": {}, "model": "acme/llm-2", **members}
    return read_prediction(orjson.dumps(raw), "P")


def event(name: str, data: str) -> bytes:
    """Return an event."""
    return f"event: {name}\ndata: {data}\n\n".encode()


DONE = event("done", "{}")


def said(events: ChatEvents | None) -> list[str]:
    """Return the words of pieces that came together."""
    chunks = events.chunks if events else ()
    return [choice.delta.content for chunk in chunks for choice in chunk.choices]


def test_words_are_told_and_the_rest_passed_over() -> None:
    """Lines of one event are joined; logs are no words."""
    decoder = ReplicateDecoder(call(), ChatModel())
    lines = b"event: output\ndata: a\ndata: b\n\n"
    events = decoder.feed(event("logs", "1 s") + lines + event("new", "x"))
    assert said(events) == ["", "a\nb"]
    assert events is not None
    assert {chunk.id for chunk in events.chunks} == {"chatcmpl-replicate-7"}
    assert said(decoder.feed(DONE)) == [""]
    assert decoder.done


def test_a_known_prediction_says_what_it_is_and_how_it_ended() -> None:
    """The end is told when that was looked at."""
    decoder = ReplicateDecoder(call(), ChatModel(), prediction())
    events = decoder.feed(event("output", "a") + DONE)
    assert events is not None
    assert {(chunk.id, chunk.model) for chunk in events.chunks} == {("p1", "acme/llm-2")}
    assert said(events) == ["", "a"]
    end = decoder.end(prediction(metrics={"input_token_count": 3, "output_token_count": 2}))
    assert end.chunks[0].choices[0].finish_reason == FINISH_REASON_LENGTH
    assert end.chunks[1].usage.total_tokens == 5
    assert decoder.usage == plain(3, 2)


def test_an_end_that_nobody_could_look_at_is_a_plain_one() -> None:
    """An answer of nothing has a head all the same."""
    decoder = ReplicateDecoder(call(), ChatModel(), prediction())
    assert decoder.feed(DONE) is None
    end = decoder.end(None)
    assert [len(chunk.choices) for chunk in end.chunks] == [1, 1]
    assert end.chunks[1].choices[0].finish_reason == FINISH_REASON_STOP
    assert decoder.usage is None


@pytest.mark.parametrize(
    ("failure", "why"),
    [
        (event("error", '{"detail":"It broke."}'), "It broke"),
        (event("error", "It broke."), "It broke"),
        (event("error", ""), "The prediction failed"),
        (event("error", "{}"), "The prediction failed"),
        (event("done", '{"reason":"canceled"}'), "was canceled"),
        (event("done", '{"reason":"error"}'), "The prediction failed"),
        (event("done", "odd"), "The prediction failed"),
        (b"event: output\ndata: \xff\n\n", "makes no sense"),
        (b"event: error\ndata: \xff\n\n", "makes no sense"),
    ],
)
def test_failures_end_the_stream(failure: bytes, why: str) -> None:
    """In JSON, in words, or in what is no text."""
    with pytest.raises(UpstreamError, match=why):
        ReplicateDecoder(call(), ChatModel()).feed(failure)


@pytest.mark.parametrize("rest", [b"", b"event: done\ndata: {", b"event: output\ndata: b"])
def test_a_stream_without_its_end_is_cut_off(rest: bytes) -> None:
    """Half of the last event is no end."""
    decoder = ReplicateDecoder(call(), ChatModel())
    decoder.feed(event("output", "a") + rest)
    with pytest.raises(StreamInterrupted):
        decoder.close()
