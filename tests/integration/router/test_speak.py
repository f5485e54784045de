"""Speech through a router: bytes and events, failover, leavers, and what is charged."""

import asyncio
import io
import wave
from base64 import b64decode
from collections.abc import AsyncIterator

import orjson
import pytest
from tests.integration.router.conftest import METADATA, Bench, Runner, instances
from tests.support.snapshots import key, mapping, provider, snapshot
from tests.support.waiting import LIMIT_SECONDS

from conduit.internal.v1.snapshot_pb2 import Snapshot
from conduit.v1 import charge_pb2
from conduit.v1.audio_requests_pb2 import SpeakRequest, SpeakResponse
from conduit.v1.speech_pb2 import SpeechRequest
from conduit_kernel.errors import (
    InvalidRequest,
    StreamInterrupted,
    UnsupportedCapability,
    UpstreamError,
)
from conduit_kernel.http import Exchange, HttpServer

# Two seconds of the simulator's speech.
TEXT = "a" * 30
SAMPLES = 2 * 24_000


def asked(**members: object) -> SpeakRequest:
    """Return a wish in JSON."""
    wish = {"model": "gpt", "input": TEXT, "voice": "alloy", "response_format": "wav"}
    return SpeakRequest(json=orjson.dumps(wish | members))


async def spoken(router: Bench, request: SpeakRequest) -> list[SpeakResponse]:
    """Return all messages of an answer."""
    return [message async for message in router.stub.Speak(request, METADATA)]


def sound_in(messages: list[SpeakResponse]) -> bytes:
    """Return the bytes of an answer."""
    return b"".join(message.audio for message in messages)


class Speakers:
    """Answers with bytes, as models do that send no events."""

    def __init__(self) -> None:
        self.address = ""
        self.asked: list[bytes] = []
        # The answer's pieces, each after the event of the one before it.
        self.kind = b"audio/mpeg"
        self.pieces: list[bytes] = [b"ID3", b"more"]
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.has_left = asyncio.Event()
        self.is_cut = False

    async def __call__(self, exchange: Exchange) -> None:
        """Speak."""
        self.asked.append(exchange.body)
        stream = exchange.start(200, [(b"content-type", self.kind)])
        try:
            for piece in self.pieces:
                stream.write(piece)
                await stream.drain()
                await self.go_on.wait()
        except asyncio.CancelledError:
            self.has_left.set()
            raise
        if self.is_cut:
            stream.abort()
        else:
            stream.finish()


@pytest.fixture
async def speakers() -> AsyncIterator[Speakers]:
    """Run a provider that answers with bytes."""
    made = Speakers()
    server = HttpServer(made)
    await server.start("127.0.0.1", 0)
    made.address = f"http://127.0.0.1:{server.port}/v1"
    yield made
    made.go_on.set()
    await server.drain(0.1)


def with_tts_1(speakers: Speakers, upstream: str = "") -> Snapshot:
    """Return a configuration of who speaks by the character, and of one that follows."""
    found = [provider(1, speakers.address, priority=1)]
    found += [provider(2, upstream, priority=2)] if upstream else []
    return snapshot(
        found,
        keys=[key(each.id, each.id) for each in found],
        mappings=[
            mapping(1, 1, actual_model_name="tts-1", priority=1),
            *([mapping(2, 2, actual_model_name="speech", priority=2)] if upstream else []),
        ],
    )


async def test_json_is_answered_with_bytes(bench: Runner, upstream: str) -> None:
    """A sound file, its type in the first message, its counts in the last."""
    source = instances(upstream, "speech")
    source.providers[0].provider_type = "Simulator"
    router = await bench(source)
    messages = await spoken(router, asked())
    assert messages[0].content_type == "audio/wav"
    assert messages[0].started.actual_model_name == "echo"
    assert not any(message.content_type for message in messages[1:])
    with wave.open(io.BytesIO(sound_in(messages))) as file:
        assert file.getnframes() == SAMPLES
    (charge,) = router.charges()
    assert charge.operation == "speak"
    assert charge.usage_source == charge_pb2.USAGE_SOURCE_PROVIDER
    assert messages[-1].finished.usage.output_tokens == 40


async def test_typed_events_are_asked_for_and_come_typed(bench: Runner, upstream: str) -> None:
    """Messages go in and come out; sound is bytes."""
    router = await bench(instances(upstream, "speech"))
    wish = SpeechRequest(model="gpt", input=TEXT, response_format="pcm", stream_format="sse")
    messages = await spoken(router, SpeakRequest(speech=wish))
    pieces = [piece for message in messages for piece in message.pieces]
    sound = b"".join(piece.speech_audio_delta.audio for piece in pieces)
    assert len(sound) == 2 * SAMPLES
    assert pieces[-1].speech_audio_done.usage.output_tokens == 40
    assert messages[0].content_type == "text/event-stream"


async def test_events_in_json_are_server_sent(bench: Runner, upstream: str) -> None:
    """As the provider sent them."""
    router = await bench(instances(upstream, "speech"))
    messages = await spoken(router, asked(response_format="pcm", stream_format="sse"))
    lines = b"".join(message.events for message in messages).splitlines()
    events = [orjson.loads(line[6:]) for line in lines if line]
    assert {event["type"] for event in events[:-1]} == {"speech.audio.delta"}
    assert len(b"".join(b64decode(event["audio"]) for event in events[:-1])) == 2 * SAMPLES
    assert events[-1]["type"] == "speech.audio.done"


async def test_sound_passes_as_it_arrives(bench: Runner, speakers: Speakers) -> None:
    """The first piece is there before the provider sends the second."""
    router = await bench(with_tts_1(speakers))
    speakers.go_on.clear()
    answer = router.stub.Speak(asked(response_format="mp3"), METADATA)
    first = await anext(answer)
    assert (first.audio, first.content_type) == (b"ID3", "audio/mpeg")
    speakers.go_on.set()
    rest = [message async for message in answer]
    assert sound_in(rest) == b"more"


async def test_characters_are_charged_where_the_provider_counts_them(
    bench: Runner, speakers: Speakers
) -> None:
    """Once, as an estimate: nobody says how many there were."""
    router = await bench(with_tts_1(speakers))
    await spoken(router, asked(response_format="mp3", input="Größe"))
    (charge,) = router.charges()
    assert [(line.unit, line.quantity) for line in charge.lines] == [(charge_pb2.UNIT_CHARACTER, 5)]
    assert charge.usage_source == charge_pb2.USAGE_SOURCE_ESTIMATE
    assert charge.is_complete


@pytest.mark.parametrize("behaviour", ["status-500", "reset", "garbage-once"])
async def test_a_failure_before_the_first_byte_is_followed_by_the_next_provider(
    bench: Runner, upstream: str, speakers: Speakers, behaviour: str
) -> None:
    """A page in place of sound, too."""
    if behaviour == "garbage-once":
        speakers.kind, speakers.pieces = b"text/html", [b"<html>"]
        router = await bench(with_tts_1(speakers, upstream))
    else:
        router = await bench(instances(upstream, behaviour, "speech"))
    messages = await spoken(router, asked())
    assert sound_in(messages).startswith(b"RIFF")
    assert messages[-1].finished.report.fallbacks == 1


async def test_a_cut_behind_the_first_byte_is_an_error(
    bench: Runner, upstream: str, speakers: Speakers
) -> None:
    """Nobody else is asked: what another one says would not fit to what was heard."""
    speakers.is_cut = True
    router = await bench(with_tts_1(speakers, upstream))
    heard: list[SpeakResponse] = []
    with pytest.raises(StreamInterrupted):  # noqa: PT012 # pieces come until it raises
        async for message in router.stub.Speak(asked(response_format="mp3"), METADATA):
            heard.append(message)  # noqa: PERF401 # what came must be kept
    assert sound_in(heard) == b"ID3more"
    (charge,) = router.charges()
    assert not charge.is_complete


async def test_who_leaves_cancels_the_provider(bench: Runner, speakers: Speakers) -> None:
    """At once; what was asked for is charged."""
    router = await bench(with_tts_1(speakers))
    speakers.go_on.clear()
    answer = router.stub.Speak(asked(response_format="mp3"), METADATA)
    await anext(answer)
    await answer.aclose()
    async with asyncio.timeout(LIMIT_SECONDS):
        await speakers.has_left.wait()
    (charge,) = router.charges()
    assert [line.quantity for line in charge.lines] == [len(TEXT)]


async def test_a_text_that_is_too_long_is_refused_before_anything_is_sent(
    bench: Runner, speakers: Speakers
) -> None:
    """With the limit."""
    router = await bench(with_tts_1(speakers))
    with pytest.raises(InvalidRequest, match="at most 4096"):
        await spoken(router, asked(input="a" * 4097))
    assert (speakers.asked, router.charges()) == ([], [])


async def test_a_format_that_is_lacking_is_refused_with_the_list(
    bench: Runner, upstream: str
) -> None:
    """Nothing is sent that would be refused."""
    source = instances(upstream, "speech")
    source.providers[0].provider_type = "Simulator"
    router = await bench(source)
    with pytest.raises(UnsupportedCapability, match="has no mp3; it has pcm, wav"):
        await spoken(router, asked(response_format="mp3"))
    assert router.charges() == []


async def test_a_provider_that_has_the_format_is_asked_instead(
    bench: Runner, upstream: str, speakers: Speakers
) -> None:
    """Though another one comes first."""
    source = with_tts_1(speakers, upstream)
    source.providers[1].provider_type = "Simulator"
    for mapped in source.mappings:
        mapped.priority = 3 - mapped.priority
    router = await bench(source)
    assert sound_in(await spoken(router, asked(response_format="mp3"))) == b"ID3more"


async def test_an_error_of_the_only_provider_reaches_the_caller(
    bench: Runner, upstream: str
) -> None:
    """With its status, since nothing was sent yet."""
    router = await bench(instances(upstream, "status-503"))
    with pytest.raises(UpstreamError):
        await spoken(router, asked())
