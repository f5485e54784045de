"""The newest SDKs of those who speak and hear as oracles: what they send, we send.

An SDK talks to a server that answers as a wire case received; the case's request is the SDK's.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import httpx
import orjson
import pytest
from deepgram import AsyncDeepgramClient
from deepgram.environment import DeepgramClientEnvironment
from elevenlabs.client import AsyncElevenLabs
from google.api_core.client_options import ClientOptions
from google.cloud import texttospeech
from tests.support.replays import CATALOG, Replay
from tests.support.transcribers import read_form
from tests.support.wire_cases import SECRET, WireCase, case_named

from conduit_kernel.http import Exchange, HttpServer

MEANINGFUL = (b"authorization", b"xi-api-key", b"x-goog-api-key")
SOUND = b"RIFFhow"
Act = Callable[[str, httpx.AsyncClient], Awaitable[object]]

# Deepgram's imports names of the websockets package that are to go.
pytestmark = pytest.mark.filterwarnings("ignore:websockets.*deprecated:DeprecationWarning")


class Meaning(NamedTuple):
    """A request, as far as it means something."""

    method: str
    path: str
    # In any order.
    query: list[tuple[str, str]]
    credentials: list[tuple[bytes, bytes]]
    # JSON, the parts of a form in any order, or bytes.
    body: object


def meaning_of(exchange: Exchange, body: bytes) -> Meaning:
    """Return what a request means."""
    kind = exchange.fields.get(b"content-type", b"")
    content: object = body
    if kind.startswith(b"multipart/"):
        form = read_form(exchange, kind, body)
        # What is not said, ElevenLabs' says so of some members.
        members = [(name, _plain(value)) for name, value in form.members if value != "null"]
        content = sorted(members), form.files
    elif kind.startswith(b"application/json"):
        content = orjson.loads(body)
    return Meaning(
        exchange.method,
        exchange.path,
        sorted(parse_qsl(exchange.query, keep_blank_values=True)),
        [(name, exchange.fields[name]) for name in MEANINGFUL if name in exchange.fields],
        content,
    )


def _plain(value: str) -> str:
    """Return a member's text; of JSON without what means nothing."""
    return orjson.dumps(orjson.loads(value)).decode() if value.startswith("{") else value


@asynccontextmanager
async def answering(case: WireCase) -> AsyncIterator[tuple[str, list[Meaning]]]:
    """Run a provider that answers as a case received; yield its address, and what it was asked."""
    asked: list[Meaning] = []

    async def answer(exchange: Exchange) -> None:
        asked.append(meaning_of(exchange, exchange.body))
        told = case.answer
        kept = {"content-type", "dg-char-count", "dg-model-name"}
        fields = [(n.encode(), v.encode()) for n, v in told.headers.items() if n in kept]
        exchange.respond(told.status, fields, told.body)

    server = HttpServer(answer)
    await server.start("127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.port}", asked
    finally:
        await server.drain(0.1)


async def ours(name: str) -> Meaning:
    """Return what we send in a case."""
    case = case_named(name)
    replay = Replay(case, CATALOG.find(case.owner), case.operation)
    head, _, body = replay.sent(replay.fresh_call()).partition(b"\n\n")
    first, *lines = head.decode().split("\n")
    method, url = first.split(" ", 1)
    fields = [(name, value) for name, _, value in (line.partition(": ") for line in lines)]
    async with answering(case) as (address, asked):
        parts = urlsplit(url)
        async with httpx.AsyncClient() as client:
            target = f"{address}{parts.path}?{parts.query}"
            await client.request(method, target, headers=fields, content=body)
    return asked[0]


async def _deepgram_transcribe(address: str, http: httpx.AsyncClient) -> object:
    client = _deepgram(address, http)
    return await client.listen.v1.media.transcribe_file(
        request=SOUND,
        model="nova-3",
        smart_format=True,
        language="multi",
        language_hint=["en", "es"],
        keyterm=["Conduit", "cold cash"],
    )


async def _deepgram_speak(address: str, http: httpx.AsyncClient) -> object:
    pieces = _deepgram(address, http).speak.v1.audio.generate(
        text="The quick brown fox.",
        model="aura-2-thalia-en",
        encoding="linear16",
        container="none",
        sample_rate=8000,
        speed=1.2,
        mip_opt_out=True,
        tag=["a b", "c"],
    )
    return [piece async for piece in pieces]


def _deepgram(address: str, http: httpx.AsyncClient) -> Any:  # noqa: ANN401 # theirs
    socket = address.replace("http", "ws", 1)
    places = DeepgramClientEnvironment(
        base=address, production=socket, agent=socket, agent_rest=address
    )
    return AsyncDeepgramClient(api_key=SECRET, environment=places, httpx_client=http)


def _elevenlabs(address: str, http: httpx.AsyncClient) -> Any:  # noqa: ANN401 # theirs
    return AsyncElevenLabs(api_key=SECRET, base_url=address, httpx_client=http)


async def _elevenlabs_speak(address: str, http: httpx.AsyncClient) -> object:
    pieces = _elevenlabs(address, http).text_to_speech.stream(
        "JBFqnCBsd6RMkjVDRZzb",
        text="The quick brown fox.",
        model_id="eleven_v3",
        output_format="mp3_22050_32",
        enable_logging=False,
        optimize_streaming_latency=2,
        voice_settings={"speed": 1.1, "stability": 0.5},
        seed=7,
        language_code="en",
        previous_text="Once.",
    )
    return [piece async for piece in pieces]


async def _elevenlabs_transcribe(address: str, http: httpx.AsyncClient) -> object:
    return await _elevenlabs(address, http).speech_to_text.convert(
        model_id="scribe_v3",
        file=("harvard.wav", SOUND, "audio/wav"),
        tag_audio_events=False,
        language_code="en",
        secondary_language_codes=["es"],
        keyterms=["Conduit", "cold cash"],
    )


async def _elevenlabs_voice(address: str, http: httpx.AsyncClient) -> object:
    return await _elevenlabs(address, http).voices.ivc.create(
        name="Ann",
        description="calm",
        labels={"accent": "british"},
        remove_background_noise=True,
        files=[("ann.wav", SOUND, "audio/wav"), ("b.mp3", b"ID3", "audio/mpeg")],
    )


SDKS: dict[str, Act] = {
    "Deepgram/transcribe/everything": _deepgram_transcribe,
    "Deepgram/speak/everything": _deepgram_speak,
    "ElevenLabs/speak/everything": _elevenlabs_speak,
    "ElevenLabs/transcribe/everything": _elevenlabs_transcribe,
    "ElevenLabs/create_voice/everything": _elevenlabs_voice,
}


async def test_google_speech_is_asked_for_as_the_sdk_asks() -> None:
    """By its transport over REST, whose enumerations are numbers."""
    case = case_named("GoogleCloud/speak/everything")
    wish = texttospeech.SynthesizeSpeechRequest(
        input={
            "text": "The quick brown fox.",
            "custom_pronunciations": {
                "pronunciations": [
                    {
                        "phrase": "fox",
                        "phonetic_encoding": "PHONETIC_ENCODING_IPA",
                        "pronunciation": "f\u0251ks",
                    }
                ]
            },
        },
        voice={"ssml_gender": "FEMALE", "language_code": "en-US", "name": "en-US-Neural2-C"},
        audio_config={
            "audio_encoding": "MP3",
            "speaking_rate": 1.2,
            "pitch": -2.0,
            "volume_gain_db": 3.0,
            "effects_profile_id": ["telephony-class-application"],
        },
        advanced_voice_options={"low_latency_journey_synthesis": True},
    )
    async with answering(case) as (address, asked):
        with texttospeech.TextToSpeechClient(
            transport="rest",
            client_options=ClientOptions(api_endpoint=address, api_key=SECRET),
        ) as client:
            answer = await asyncio.to_thread(client.synthesize_speech, wish, timeout=10)
    assert answer.audio_content
    sent = await ours("GoogleCloud/speak/everything")
    assert isinstance(sent.body, dict)
    # Names of enumerations are what the JSON of protobuf may have as well.
    read = texttospeech.SynthesizeSpeechRequest.from_json(orjson.dumps(sent.body))
    (theirs,) = asked
    assert texttospeech.SynthesizeSpeechRequest.from_json(orjson.dumps(theirs.body)) == read
    assert (theirs.method, theirs.path) == (sent.method, sent.path)
    assert theirs.credentials == sent.credentials


@pytest.mark.parametrize("name", SDKS)
async def test_what_the_sdk_sends_we_send(name: str) -> None:
    """And the SDK reads what the case received."""
    async with answering(case_named(name)) as (address, asked), httpx.AsyncClient() as http:
        await SDKS[name](address, http)
    assert asked == [await ours(name)]
