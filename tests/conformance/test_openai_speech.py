"""The official OpenAI SDK as a client of speech: another `base_url`, and nothing else."""

import io
import wave
from base64 import b64decode
from collections.abc import AsyncIterator

import httpx
import openai
import orjson
import pytest
import pytest_asyncio
from openai import AsyncOpenAI
from tests.support.suite import Suite

pytestmark = pytest.mark.asyncio(loop_scope="module")

# Two seconds of the simulator's speech.
TEXT = "a" * 30
SAMPLES = 2 * 24_000


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def client(suite: Suite) -> AsyncIterator[AsyncOpenAI]:
    """Return the SDK's client, pointed at the bridge."""
    async with AsyncOpenAI(
        base_url=f"{suite.url}/v1", api_key=suite.virtual_key, max_retries=0, timeout=20
    ) as made:
        yield made


async def test_speech_is_a_sound_file(client: AsyncOpenAI) -> None:
    """Of its text's length, in the type that it says it is."""
    answer = await client.audio.speech.create(
        model="speech", voice="alloy", input=TEXT, response_format="wav", speed=2
    )
    with wave.open(io.BytesIO(answer.content)) as file:
        assert file.getnframes() == SAMPLES // 2
    assert answer.response.headers["content-type"] == "audio/wav"
    assert answer.response.headers["x-conduit-model"] == "speech"


async def test_speech_is_streamed(client: AsyncOpenAI) -> None:
    """Piece by piece, with what was done in the head."""
    async with client.audio.speech.with_streaming_response.create(
        model="speech", voice={"id": "v"}, input=TEXT, response_format="pcm"
    ) as answer:
        assert answer.headers["content-type"] == "audio/pcm"
        assert answer.headers["x-conduit-attempts"] == "1"
        sound = b"".join([piece async for piece in answer.iter_bytes()])
    assert len(sound) == 2 * SAMPLES


async def test_speech_is_streamed_as_events(client: AsyncOpenAI) -> None:
    """With the counts in the last one, and no mark of the end."""
    async with client.audio.speech.with_streaming_response.create(
        model="speech", voice="alloy", input=TEXT, response_format="pcm", stream_format="sse"
    ) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = [line async for line in answer.iter_lines() if line.startswith("data: ")]
    events = [orjson.loads(line[6:]) for line in lines]
    assert len(b"".join(b64decode(event["audio"]) for event in events[:-1])) == 2 * SAMPLES
    assert events[-1]["usage"]["output_tokens"] == 40


async def test_errors_are_the_sdks_own(client: AsyncOpenAI) -> None:
    """With code and field; a format that there is none of, with those that there are."""
    with pytest.raises(openai.BadRequestError) as refused:
        await client.audio.speech.create(model="speech", voice="alloy", input="")
    assert refused.value.param == "input"
    with pytest.raises(openai.BadRequestError) as lacking:
        await client.audio.speech.create(model="speech", voice="alloy", input=TEXT)
    assert lacking.value.param == "response_format"
    assert "it has pcm, wav" in lacking.value.message
    with pytest.raises(openai.NotFoundError):
        await client.audio.speech.create(model="no-such-model", voice="alloy", input=TEXT)
    with pytest.raises(openai.InternalServerError):
        await client.audio.speech.create(
            model="broken", voice="alloy", input=TEXT, response_format="wav"
        )


async def test_a_cut_speech_does_not_look_whole(suite: Suite) -> None:
    """The connection breaks off: bytes have no other way to say so."""
    wish = {"model": "cut", "voice": "alloy", "input": TEXT, "response_format": "wav"}
    key = {"authorization": f"Bearer {suite.virtual_key}"}
    async with (
        httpx.AsyncClient(base_url=suite.url, headers=key) as plain,
        plain.stream("POST", "/v1/audio/speech", json=wish) as answer,
    ):
        assert answer.status_code == 200
        with pytest.raises(httpx.TransportError):
            _ = [piece async for piece in answer.aiter_bytes()]
