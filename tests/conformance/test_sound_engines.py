"""Real speech and real ears behind Conduit: espeak-ng and pocketsphinx; `make engines` runs them.

What one library wrote another one measures: the engines write with libsndfile, Conduit with FFmpeg.
"""

import asyncio
import io
import os
import wave
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import av
import pytest
import pytest_asyncio
from openai import AsyncOpenAI
from tests.support.elevenlabs_agent_upstream import ElevenLabsAgentUpstream
from tests.support.scripted_upstream import serve
from tests.support.suite import Suite
from tests.support.waiting import eventually

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif("CONDUIT_ENGINES" not in os.environ, reason="`make engines` installs them"),
]

SERVER = Path(__file__).parent / "engines" / "server.py"
TEXT = "go forward two meters"
SLOWLY = 0.8
# A frame of MP3 is 26 ms, and encoders begin with one or two that are silent.
SLACK_SECONDS = 0.12
# By the name that OpenAI gives a format, FFmpeg's of what is in it.
CODECS = {"flac": "flac", "mp3": "mp3float", "opus": "opus", "wav": "pcm_s16le"}

Format = Literal["mp3", "opus", "flac", "wav"]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def engines() -> AsyncIterator[str]:
    """Run the engines; return their address."""
    python = Path(os.environ["CONDUIT_ENGINES"]) / "bin" / "python"
    process = await asyncio.create_subprocess_exec(
        *(str(python), str(SERVER)), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(await process.stdout.readline())}/v1"
    finally:
        process.stdin.close()
        await process.wait()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def client(suite: Suite, engines: str) -> AsyncIterator[AsyncOpenAI]:
    """Return the official SDK at a gateway whose provider the engines are."""
    await add_provider(suite, "OpenAI", engines, {"voice": "tts-1", "ears": "whisper-1"})
    async with AsyncOpenAI(
        base_url=f"{suite.url}/v1", api_key=suite.virtual_key, max_retries=0, timeout=60
    ) as made:
        yield made


async def add_provider(suite: Suite, kind: str, url: str, models: dict[str, str]) -> None:
    """Add an instance with its models, by their aliases."""
    made = await suite.call(
        "POST", "/api/providers", {"name": " ".join(models), "providerType": kind, "baseUrl": url}
    )
    await suite.call("POST", f"/api/providers/{made['id']}/keys", {"apiKey": "sk-any"})
    for alias, model in models.items():
        mapping = {"modelAlias": alias, "providerId": made["id"], "actualModelName": model}
        await suite.call("POST", "/api/model-provider-mappings", mapping)
    await suite.settled()


async def charged(suite: Suite, request_id: str) -> dict[str, int]:
    """Return what a call was charged for, by unit."""
    await suite.deliver_charges()
    page = await suite.call("GET", "/api/usage/charges", params={"pageSize": 100})
    [charge] = [each for each in page["charges"] if each["requestId"] == request_id]
    return {line["unit"]: line["quantity"] for line in charge["lines"]}


def seconds_of(sound: bytes) -> tuple[float, str]:
    """Return how long a file of sound is, and by which codec, as FFmpeg reads it."""
    with av.open(io.BytesIO(sound), "r") as file:
        stream = file.streams.audio[0]
        samples = sum(frame.samples for frame in file.decode(stream))
        return samples / stream.codec_context.sample_rate, stream.codec_context.codec.name


def in_wav(samples: bytes, rate: int) -> bytes:
    """Return samples as a file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as made:
        made.setnchannels(1)
        made.setsampwidth(2)
        made.setframerate(rate)
        made.writeframes(samples)
    return file.getvalue()


async def spoken(
    client: AsyncOpenAI, kind: str = "pcm", text: str = TEXT, speed: float = 1.0
) -> bytes:
    """Return a text as sound."""
    answer = await client.audio.speech.create(
        model="voice",
        voice="alloy",
        input=text,
        response_format=kind,  # type: ignore[arg-type] # ours has more
        speed=speed,
    )
    return answer.content


@pytest.mark.parametrize("kind", CODECS)
async def test_speech_is_of_the_format_and_the_length_that_was_asked_for(
    client: AsyncOpenAI, kind: Format
) -> None:
    """As long as the bare samples are, and half as long at twice the speed."""
    seconds = len(await spoken(client)) / 48_000
    found, codec = seconds_of(await spoken(client, kind))
    assert codec == CODECS[kind]
    assert found == pytest.approx(seconds, abs=SLACK_SECONDS)
    twice, _ = seconds_of(await spoken(client, kind, speed=2))
    assert twice == pytest.approx(seconds / 2, rel=0.15, abs=SLACK_SECONDS)


@pytest.mark.parametrize("kind", CODECS)
async def test_what_was_spoken_is_understood(client: AsyncOpenAI, kind: Format) -> None:
    """From the text to sound and back to the text."""
    for text in (TEXT, "go backward", "look right", "turn right"):
        sound = await spoken(client, kind, text, SLOWLY)
        heard = await client.audio.transcriptions.create(
            model="ears", file=(f"speech.{kind}", sound)
        )
        assert heard.text == text


@pytest.mark.parametrize(("kind", "law"), [("mulaw", 1), ("alaw", 27)])
async def test_what_is_made_for_telephones_is_understood(
    client: AsyncOpenAI, kind: str, law: int
) -> None:
    """By others than who made it; as long as before."""
    seconds = len(await spoken(client, speed=SLOWLY)) / 48_000
    sound = await spoken(client, kind, speed=SLOWLY)
    assert len(sound) / 8_000 == pytest.approx(seconds, abs=0.002)
    # The head of a Sun audio file, which names the law: https://en.wikipedia.org/wiki/Au_file_format
    numbers = (24, len(sound), law, 8_000, 1)
    head = b".snd" + b"".join(number.to_bytes(4, "big") for number in numbers)
    heard = await client.audio.transcriptions.create(model="ears", file=("call.au", head + sound))
    assert heard.text == TEXT


@asynccontextmanager
async def agent(suite: Suite, alias: str) -> AsyncIterator[ElevenLabsAgentUpstream]:
    """Add an agent that hears at 16 kHz."""
    upstream = ElevenLabsAgentUpstream()
    async with serve(upstream) as server:
        await add_provider(suite, "ElevenLabs", server.url, {alias: f"agent_{alias}"})
        yield upstream


@pytest.mark.parametrize("kind", ["audio/pcm", "audio/pcmu", "audio/pcma"])
async def test_an_agent_understands_what_was_said_in_another_format(
    suite: Suite, client: AsyncOpenAI, kind: str
) -> None:
    """In pieces of 20 ms; of the agent's own rate when they arrive."""
    names = {"audio/pcm": ("pcm", 960), "audio/pcmu": ("mulaw", 160), "audio/pcma": ("alaw", 160)}
    name, size = names[kind]
    sound = await spoken(client, name, speed=SLOWLY)
    seconds = len(sound) / size / 50
    async with (
        agent(suite, f"agent {name}") as upstream,
        client.realtime.connect(model=f"agent {name}") as connection,
    ):
        sound_in: Any = {"format": {"type": kind}}
        await connection.session.update(session={"type": "realtime", "audio": {"input": sound_in}})
        for place in range(0, len(sound), size):
            piece = b64encode(sound[place : place + size]).decode()
            await connection.input_audio_buffer.append(audio=piece)

        async def has_heard() -> bool:
            return len(upstream.heard) / 32_000 > seconds - 0.01

        await eventually(has_heard)
        heard = bytes(upstream.heard)
        await connection.close()
    assert len(heard) / 32_000 == pytest.approx(seconds, abs=0.01)
    words = await client.audio.transcriptions.create(
        model="ears", file=("heard.wav", in_wav(heard, 16_000))
    )
    assert words.text == TEXT


async def test_charges_are_for_the_characters_and_the_seconds_that_there_are(
    suite: Suite, client: AsyncOpenAI
) -> None:
    """Of the text that was sent, and of the file, as another library measures it."""
    raw = await client.audio.speech.with_raw_response.create(
        model="voice", voice="alloy", input=TEXT, response_format="wav"
    )
    sound = raw.content
    seconds, _ = seconds_of(sound)
    words = await client.audio.transcriptions.with_raw_response.create(
        model="ears",
        file=("speech.wav", sound),
        response_format="verbose_json",
        timestamp_granularities=["word"],
    )
    found = words.parse()
    assert found.words is not None
    assert [each.word for each in found.words] == TEXT.split()
    assert found.words[-1].end <= seconds + 0.02
    # From here on the gateway is at another address.
    assert await charged(suite, raw.headers["x-request-id"]) == {"Character": len(TEXT)}
    units = await charged(suite, words.headers["x-request-id"])
    assert units == {"AudioInputMillisecond": pytest.approx(seconds * 1000, abs=1)}
