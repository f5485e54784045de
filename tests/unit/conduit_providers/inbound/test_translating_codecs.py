"""Codecs of callers' dialects that are made of those of chats, in each shape of these."""

from collections.abc import Callable
from typing import Any, NamedTuple

import orjson
import pytest
from tests.support.completion_replays import ASKED as COMPLETION
from tests.support.completion_replays import completion_call
from tests.support.message_replays import ASKED as MESSAGE
from tests.support.message_replays import answered_chats, message_call
from tests.support.replays import CATALOG, Replay
from tests.support.response_replays import ASKED as RESPONSE
from tests.support.response_replays import response_call

from conduit_kernel.errors import StreamInterrupted
from conduit_providers.calls import Call
from conduit_providers.codec import StraightCodec, StreamingCodec
from conduit_providers.codecs import codec_named
from conduit_providers.inbound.completion_dialect import completion_codec
from conduit_providers.inbound.message_dialect import message_codec
from conduit_providers.inbound.response_dialect import response_codec
from conduit_providers.inbound.translating_codecs import used_by
from conduit_providers.jobs import JobCodec, JobRequest
from conduit_providers.quantities import plain


class Spoken(NamedTuple):
    """A dialect: how its codec is made, what a caller of it asks, and how its streams end."""

    make: Callable[[Any], Any]
    ask: Callable[[Replay], Call[Any]]
    end: bytes


DIALECTS = {
    "message": Spoken(message_codec, lambda r: message_call(r, MESSAGE), b"message_stop"),
    "completion": Spoken(
        completion_codec, lambda r: completion_call(r, COMPLETION), b'"finish_reason":"stop"'
    ),
    "response": Spoken(response_codec, lambda r: response_call(r, RESPONSE), b"response.completed"),
}
each_dialect = pytest.mark.parametrize("spoken", DIALECTS.values(), ids=DIALECTS)


def named(name: str) -> Replay:
    """Return a recorded chat."""
    return next(each for each in answered_chats() if each.name == name)


@each_dialect
def test_each_codec_keeps_its_shape(spoken: Spoken) -> None:
    """What is straight stays so, and what is a job."""
    names = {s.endpoints["chat"].codec for s in CATALOG.specs if "chat" in s.endpoints}
    for codec in map(codec_named, names):
        made = spoken.make(codec)
        assert isinstance(made, StreamingCodec)
        assert isinstance(made, StraightCodec) == isinstance(codec, StraightCodec)
        assert isinstance(made, JobCodec) == isinstance(codec, JobCodec)


@each_dialect
def test_the_straight_way_sends_the_same(spoken: Spoken) -> None:
    """Head and body are the request."""
    replay = named("OpenAI/chat/plain")
    codec, call = spoken.make(codec_named("openai_chat")), spoken.ask(replay)
    whole = codec.to_upstream(call, replay.endpoint, replay.target)
    head = codec.head(call.model, replay.endpoint, replay.target)
    assert (head.path, head.headers) == (whole.path, whole.headers)
    assert codec.body(call, replay.endpoint, replay.target) == whole.body
    read = codec.read(replay.response.body, call, replay.endpoint)
    assert read.json == codec.from_upstream(replay.response, call, replay.endpoint).json


@each_dialect
def test_a_job_comes_to_an_answer(spoken: Spoken) -> None:
    """Its steps are the chat's."""
    replay = named("Replicate/chat/plain")
    codec, call = spoken.make(codec_named("replicate_chat")), spoken.ask(replay)
    job = codec.whole(call, replay.endpoint, replay.target)
    assert isinstance(next(job), JobRequest)
    with pytest.raises(StopIteration) as ended:
        job.send(replay.response)
    assert orjson.loads(ended.value.value.json)["model"]


@pytest.mark.parametrize("cut", range(0, 400, 80))
@each_dialect
def test_a_stream_that_breaks_off_never_looks_whole(spoken: Spoken, cut: int) -> None:
    """However little of it came."""
    replay = named("OpenAI/chat/stream")
    decoder = spoken.make(codec_named("openai_chat")).decoder(spoken.ask(replay), replay.endpoint)
    events = decoder.feed(replay.response.body[:cut])
    assert events is None or spoken.end not in events.sse
    with pytest.raises(StreamInterrupted):
        decoder.close()
    assert not decoder.done


def test_what_was_not_counted_is_an_estimate() -> None:
    """Of what was asked, and of what was written."""
    replay = named("OpenAI/chat/plain")
    call = response_call(replay, RESPONSE)
    assert used_by(call, replay.endpoint, plain(3, 4)) == (plain(3, 4), False)
    estimated = used_by(call, replay.endpoint, None, 9)
    assert (estimated.usage.output_tokens, estimated.is_estimate) == (9, True)
    assert estimated.usage.input_tokens > 0
