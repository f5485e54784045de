"""Codecs of Messages that are made of those of chats; recorded ones are in `tests/wire`."""

import orjson
import pytest
from tests.support.message_replays import ASKED, answered_chats, message_call
from tests.support.replays import CATALOG, Replay

from conduit_kernel.errors import ConduitError, StreamInterrupted, UnsupportedParameter
from conduit_providers.codec import StraightCodec, StreamingCodec
from conduit_providers.codecs import codec_named
from conduit_providers.inbound.message_codecs import message_codec, terms_of
from conduit_providers.jobs import JobCodec, JobRequest
from conduit_providers.wire import HttpResponse


def named(name: str) -> Replay:
    """Return a recorded chat."""
    return next(each for each in answered_chats() if each.name == name)


@pytest.mark.parametrize("spec", CATALOG.specs, ids=lambda spec: spec.name)
def test_each_dialect_keeps_its_shape(spec: object) -> None:
    """What is straight stays so, and what is a job."""
    endpoints = getattr(spec, "endpoints", {})
    if "chat" not in endpoints:
        return
    codec = codec_named(endpoints["chat"].codec)
    made = message_codec(codec)
    assert isinstance(made, StreamingCodec)
    assert isinstance(made, StraightCodec) == isinstance(codec, StraightCodec)
    assert isinstance(made, JobCodec) == isinstance(codec, JobCodec)


def test_models_that_reason_are_told_how_hard() -> None:
    """OpenAI's by the name of their limit; others where the catalog knows their efforts."""
    openai = CATALOG.find("OpenAI").endpoints["chat"]
    assert terms_of(openai, "gpt-6").takes_effort
    assert not terms_of(openai, "gpt-4o").takes_effort
    assert not terms_of(openai, "gpt-4o").takes_marks
    assert terms_of(CATALOG.find("Gemini").endpoints["chat"], "gemini-3-pro").takes_effort
    assert terms_of(CATALOG.find("OpenRouter").endpoints["chat"], "x").takes_marks


def test_the_straight_way_sends_the_same() -> None:
    """Head and body are the request."""
    replay = named("OpenAI/chat/plain")
    codec, call = message_codec(codec_named("openai_chat")), message_call(replay, ASKED)
    whole = codec.to_upstream(call, replay.endpoint, replay.target)
    head = codec.head(call.model, replay.endpoint, replay.target)
    assert (head.path, head.headers) == (whole.path, whole.headers)
    assert codec.body(call, replay.endpoint, replay.target) == whole.body
    read = codec.read(replay.response.body, call, replay.endpoint)
    assert read.json == codec.from_upstream(replay.response, call, replay.endpoint).json


def test_strict_calls_refuse_what_is_left_out() -> None:
    """Others are told of it."""
    replay = named("OpenAI/chat/plain")
    codec = message_codec(codec_named("openai_chat"))
    call = message_call(replay, {**ASKED, "top_k": 3})
    codec.to_upstream(call, replay.endpoint, replay.target)
    assert call.dropped == ["top_k"]
    strict = message_call(replay, {**ASKED, "top_k": 3})
    strict.is_strict = True
    with pytest.raises(UnsupportedParameter):
        codec.to_upstream(strict, replay.endpoint, replay.target)


def test_a_job_comes_to_a_message() -> None:
    """Its steps are the chat's, and so is its stream, which ends when the job does."""
    replay = named("Replicate/chat/plain")
    codec, call = message_codec(codec_named("replicate_chat")), message_call(replay, ASKED)
    job = codec.whole(call, replay.endpoint, replay.target)
    assert isinstance(next(job), JobRequest)
    with pytest.raises(StopIteration) as ended:
        job.send(replay.response)
    assert orjson.loads(ended.value.value.json)["content"][0]["type"] == "text"


def test_a_streamed_job_ends_behind_its_last_look() -> None:
    """Its counts come after its stream."""
    replay = named("Replicate/chat/stream")
    codec, call = message_codec(codec_named("replicate_chat")), message_call(replay, ASKED)
    job = codec.stream(call, replay.endpoint, replay.target)
    next(job)
    begun = {
        "id": "p",
        "status": "starting",
        "urls": {
            "get": "https://api.replicate.com/v1/predictions/p",
            "stream": "https://stream.replicate.com/v1/p",
            "cancel": "https://api.replicate.com/v1/predictions/p/cancel",
        },
    }
    with pytest.raises(StopIteration) as opened:
        job.send(HttpResponse(201, {}, orjson.dumps(begun)))
    streaming = opened.value.value
    events = streaming.decoder.feed(replay.response.body)
    assert b"message_stop" not in events.sse
    next(streaming.closing)
    ended = begun | {"status": "succeeded", "metrics": {"input_token_count": 3}}
    with pytest.raises(StopIteration) as closed:
        streaming.closing.send(HttpResponse(200, {}, orjson.dumps(ended)))
    assert closed.value.value.sse.endswith(b'data: {"type":"message_stop"}\n\n')


@pytest.mark.parametrize("cut", range(0, 400, 40))
def test_a_stream_that_breaks_off_never_looks_whole(cut: int) -> None:
    """However little of it came."""
    replay = named("OpenAI/chat/stream")
    decoder = message_codec(codec_named("openai_chat")).decoder(
        message_call(replay, ASKED), replay.endpoint
    )
    events = decoder.feed(replay.response.body[:cut])
    assert events is None or b"message_stop" not in events.sse
    with pytest.raises(StreamInterrupted):
        decoder.close()
    assert not decoder.done


def test_an_answer_that_is_none_is_the_providers_failure() -> None:
    """As for chats."""
    replay = named("OpenAI/chat/plain")
    codec, call = message_codec(codec_named("openai_chat")), message_call(replay, ASKED)
    for body in (b"", b"[]", b'{"choices":[]}', b"<html>"):
        with pytest.raises(ConduitError):
            codec.from_upstream(HttpResponse(200, {}, body), call, replay.endpoint)
