"""SDKs of those who hear live speech, holding sessions with the emulators that tests go by.

So an emulator says what its SDK understands, and what our sessions ask for is what the SDK asks.
"""

import asyncio
import inspect
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from amazon_transcribe.deserialize import TranscribeStreamingEventParser
from amazon_transcribe.eventstream import EventStreamBuffer, EventStreamMessageSerializer
from amazon_transcribe.exceptions import LimitExceededException
from amazon_transcribe.model import AudioEvent, StartStreamTranscriptionRequest, TranscriptEvent
from amazon_transcribe.serialize import AudioEventSerializer, TranscribeStreamingSerializer
from deepgram import AsyncDeepgramClient
from deepgram.environment import DeepgramClientEnvironment
from elevenlabs.realtime.scribe import AudioFormat, CommitStrategy, ScribeRealtime
from tests.support.deepgram_upstream import DeepgramUpstream
from tests.support.elevenlabs_upstream import ElevenLabsUpstream
from tests.support.transcribe_upstream import exception, words
from tests.support.wire_cases import WIRE

from conduit_kernel.http import Handler, HttpServer
from conduit_providers.codecs.shared.aws_eventstream import event_frame

SECRET = "live-secret"
# A second of speech and one of silence, at 24 kHz.
SPEECH, SILENCE = b"\1\0" * 24_000, bytes(48_000)

# Deepgram's imports names of the websockets package that are to go.
pytestmark = pytest.mark.filterwarnings("ignore:websockets.*deprecated:DeprecationWarning")


@asynccontextmanager
async def served(upstream: Handler) -> AsyncIterator[str]:
    """Run an emulator; yield its address."""
    server = HttpServer(upstream)
    await server.start("127.0.0.1", 0)
    try:
        yield f"ws://127.0.0.1:{server.port}"
    finally:
        await server.drain(0.1)


def asked(case: str) -> dict[str, list[str]]:
    """Return the query with which we ask for the session of a case."""
    text = (WIRE / f"{case}.session").read_text("utf-8")
    line = text.partition("=== sent\n")[2].split("\n", 1)[0]
    return parse_qs(urlsplit(line.split(" ")[1]).query)


def deepgram(address: str) -> Any:  # noqa: ANN401 # theirs, which takes texts for numbers as well
    """Return Deepgram's client of an address."""
    places = DeepgramClientEnvironment(
        base=address, production=address, agent=address, agent_rest=address
    )
    return AsyncDeepgramClient(api_key=SECRET, environment=places)


@pytest.fixture(autouse=True)
def direct(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the SDKs from proxies."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


async def test_deepgrams_sdk_holds_a_session_of_its_first_protocol() -> None:
    """With the very wishes of ours; words come as it knows them."""
    upstream, wishes = DeepgramUpstream(), asked("Deepgram/converse/transcription")
    single = {name: values[0] for name, values in wishes.items()}
    async with (
        asyncio.timeout(20),
        served(upstream) as address,
        deepgram(address).listen.v1.connect(**single) as socket,
    ):
        for sound in (SPEECH, SILENCE):
            await socket.send_media(sound)
        await socket.send_close_stream()
        told: list[Any] = [message async for message in socket]
    assert upstream.queries == [wishes]
    results = [each for each in told if each.type == "Results"]
    assert results[-1].channel.alternatives[0].transcript == "one two"
    assert (results[-1].is_final, results[-1].speech_final) == (True, True)
    assert {each.type for each in told} == {"SpeechStarted", "Results", "Metadata"}


async def test_deepgrams_sdk_holds_a_session_of_flux() -> None:
    """Its second protocol, with turns."""
    upstream, wishes = DeepgramUpstream(), asked("Deepgram/converse/flux")
    assert wishes.keys() <= {*inspect.signature(deepgram("ws://x").listen.v2.connect).parameters}
    single = {name: values[0] for name, values in wishes.items()}
    async with (
        asyncio.timeout(20),
        served(upstream) as address,
        deepgram(address).listen.v2.connect(**single) as socket,
    ):
        for sound in (SPEECH, SILENCE):
            await socket.send_media(sound)
        await socket.send_close_stream()
        told: list[Any] = [message async for message in socket]
    assert upstream.queries == [wishes]
    turns = [(each.event, each.transcript) for each in told if each.type == "TurnInfo"]
    assert turns[-1] == ("EndOfTurn", "one two")
    assert told[0].type == "Connected"


async def test_elevenlabs_sdk_holds_a_session() -> None:
    """Its own query has all of ours; words come as it knows them."""
    upstream, wishes = ElevenLabsUpstream(), asked("ElevenLabs/converse/transcription")
    async with served(upstream) as address, asyncio.timeout(20):
        connection = await ScribeRealtime(SECRET, address).connect(
            {
                "model_id": wishes["model_id"][0],
                "audio_format": AudioFormat(wishes["audio_format"][0]),
                "sample_rate": 24_000,
                "commit_strategy": CommitStrategy(wishes["commit_strategy"][0]),
                "vad_silence_threshold_secs": float(wishes["vad_silence_threshold_secs"][0]),
            }
        )
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        connection.on("committed_transcript", done.set_result)
        for sound in (SPEECH, SILENCE):
            chunk = {"audio_base_64": b64encode(sound).decode(), "commit": False}
            await connection.send(chunk)
        assert (await done)["text"] == "one two"
        await connection.close()
    (query,) = upstream.queries
    assert {name: query[name] for name in wishes} == wishes


def test_amazons_sdk_writes_sound_as_we_do() -> None:
    """To the byte, the empty event at its end, too."""
    for sound in (b"\1\2" * 1600, b""):
        headers, payload = AudioEventSerializer().serialize(AudioEvent(audio_chunk=sound))
        theirs = EventStreamMessageSerializer().serialize(headers, payload)
        assert event_frame("AudioEvent", sound, "application/octet-stream") == theirs


def test_amazons_sdk_reads_what_the_emulator_says() -> None:
    """Words, and by its class how hearing failed."""
    # They have no types.
    parser: Any = TranscribeStreamingEventParser()
    frames: Any = EventStreamBuffer
    buffer = frames()
    buffer.add_data(words("Hello there.", 0.9) + exception("LimitExceededException", "Enough."))
    words_heard, failure = buffer
    heard = parser.parse(words_heard)
    assert isinstance(heard, TranscriptEvent)
    (result,) = heard.transcript.results
    assert result.alternatives is not None
    (best,) = result.alternatives
    assert (best.transcript, result.end_time) == ("Hello there.", 0.9)
    with pytest.raises(LimitExceededException, match="Enough"):
        parser.parse(failure)


def test_amazons_sdk_knows_the_names_of_what_we_ask_for() -> None:
    """Its headers have them behind a prefix; a WebSocket's query has them plain."""
    # It has no types.
    kind: Any = StartStreamTranscriptionRequest
    request = kind(
        language_code=None,
        media_sample_rate_hz=24_000,
        media_encoding="pcm",
        identify_language=True,
        language_options=["en-US", "es-US", "fr-FR", "de-DE", "pt-BR"],
    )
    serializer = TranscribeStreamingSerializer()
    sent = serializer.serialize_start_stream_transcription_request("https://x.example", request)
    prefix = "x-amzn-transcribe-"
    named = {n.removeprefix(prefix): v for n, v in sent.headers.items() if n.startswith(prefix)}
    told = {name: values[0] for name, values in asked("AWS/converse/transcription").items()}
    ours = {name: value for name, value in told.items() if not name.startswith("X-Amz-")}
    assert {**named, "identify-language": named["identify-language"].lower()} == ours
