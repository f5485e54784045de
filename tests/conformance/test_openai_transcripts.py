"""The official OpenAI SDK as a client of transcriptions: another `base_url`, and nothing else."""

from collections.abc import AsyncIterator

import openai
import pytest
import pytest_asyncio
from openai import AsyncOpenAI
from tests.support.suite import Suite

from conduit_simulator.transcription import WORDS

pytestmark = pytest.mark.asyncio(loop_scope="module")

# A second and a half, as the simulator counts.
SOUND = ("talk.wav", bytes(48_000), "audio/wav")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def client(suite: Suite) -> AsyncIterator[AsyncOpenAI]:
    """Return the SDK's client, pointed at the bridge."""
    async with AsyncOpenAI(
        base_url=f"{suite.url}/v1", api_key=suite.virtual_key, max_retries=0, timeout=20
    ) as made:
        yield made


async def test_whole(client: AsyncOpenAI) -> None:
    """The words, and how long they took."""
    found = await client.audio.transcriptions.create(model="words", file=SOUND)
    assert found.text == WORDS
    assert found.usage
    assert found.usage.type == "duration"
    assert found.usage.seconds == 1.5


async def test_formats(client: AsyncOpenAI) -> None:
    """Documents are text, times are in the verbose form."""
    verbose = await client.audio.transcriptions.create(
        model="words", file=SOUND, response_format="verbose_json", timestamp_granularities=["word"]
    )
    assert verbose.words
    assert (verbose.words[0].word, verbose.words[-1].end) == ("The", 1.5)
    subtitles = await client.audio.transcriptions.create(
        model="words", file=SOUND, response_format="srt"
    )
    assert "00:00:00,000 --> 00:00:01,500" in subtitles


async def test_streamed(client: AsyncOpenAI) -> None:
    """Events of the SDK's own types, in their order."""
    stream = await client.audio.transcriptions.create(model="words", file=SOUND, stream=True)
    events = [event async for event in stream]
    words, last = events[:-1], events[-1]
    assert "".join(e.delta for e in words if e.type == "transcript.text.delta") == WORDS
    assert last.type == "transcript.text.done"
    assert last.text == WORDS


async def test_errors_are_the_sdks_own(client: AsyncOpenAI) -> None:
    """Also where a stream was asked for; a cut one is never taken for whole."""
    with pytest.raises(openai.NotFoundError):
        await client.audio.transcriptions.create(model="no-such-model", file=SOUND, stream=True)
    with pytest.raises(openai.APIError):  # noqa: PT012 # events come until it raises
        stream = await client.audio.transcriptions.create(model="cut", file=SOUND, stream=True)
        async for _ in stream:
            pass
