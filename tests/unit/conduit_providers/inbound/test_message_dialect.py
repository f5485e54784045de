"""Codecs of Messages that are made of those of chats; recorded ones are in `tests/wire`."""

import orjson
import pytest
from tests.support.message_replays import ASKED, answered_chats, message_call
from tests.support.replays import Replay

from conduit_kernel.errors import ConduitError, UnsupportedParameter
from conduit_providers.codecs import codec_named
from conduit_providers.inbound.message_dialect import message_codec
from conduit_providers.wire import HttpResponse


def named(name: str) -> Replay:
    """Return a recorded chat."""
    return next(each for each in answered_chats() if each.name == name)


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


def test_an_answer_that_is_none_is_the_providers_failure() -> None:
    """As for chats."""
    replay = named("OpenAI/chat/plain")
    codec, call = message_codec(codec_named("openai_chat")), message_call(replay, ASKED)
    for body in (b"", b"[]", b'{"choices":[]}', b"<html>"):
        with pytest.raises(ConduitError):
            codec.from_upstream(HttpResponse(200, {}, body), call, replay.endpoint)
