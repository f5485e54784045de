"""The official OpenAI SDK as a client of voices: another `base_url`, and nothing else."""

from collections.abc import AsyncIterator

import openai
import pytest
import pytest_asyncio
from openai import AsyncOpenAI
from tests.support.suite import Suite

pytestmark = pytest.mark.asyncio(loop_scope="module")

SAMPLE = ("ann.wav", b"RIFF" + bytes(300_000), "audio/wav")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def client(suite: Suite) -> AsyncIterator[AsyncOpenAI]:
    """Return the SDK's client, pointed at the bridge."""
    async with AsyncOpenAI(
        base_url=f"{suite.url}/v1", api_key=suite.virtual_key, max_retries=0, timeout=20
    ) as made:
        yield made


async def test_a_voice_is_made_spoken_with_and_deleted(client: AsyncOpenAI) -> None:
    """By the id that creation told; deleted once, it is not found."""
    voice = await client.audio.voices.create(
        name="Ann", audio_sample=SAMPLE, consent="cons_1", extra_body={"model": "speech"}
    )
    assert (voice.object, voice.name, voice.type) == ("audio.voice", "Ann", "audio_sample")
    assert voice.id.startswith("voice_")
    listed = await client.get("/audio/voices", cast_to=dict[str, object])
    assert voice.id in [each["id"] for each in listed["data"]]  # type: ignore[attr-defined] # JSON
    spoken = await client.audio.speech.create(
        model="speech", input="hello", voice={"id": voice.id}, response_format="wav"
    )
    assert spoken.content.startswith(b"RIFF")
    assert (await client.audio.voices.delete(voice.id)).deleted
    with pytest.raises(openai.NotFoundError) as gone:
        await client.audio.voices.delete(voice.id)
    assert gone.value.code == "voice_not_found"
    with pytest.raises(openai.NotFoundError):
        await client.audio.speech.create(model="speech", input="hello", voice={"id": voice.id})


async def test_a_consent_is_stored_used_and_deleted(client: AsyncOpenAI) -> None:
    """By the SDK's own calls; another key has none of this id."""
    consents = client.audio.voice_consents
    model = {"model": "speech"}
    made = await consents.create(
        name="Ann consents", language="en-US", recording=SAMPLE, extra_body=model
    )
    assert (made.object, made.name, made.language) == (
        "audio.voice_consent",
        "Ann consents",
        "en-US",
    )
    assert await consents.retrieve(made.id) == made
    assert (await consents.update(made.id, name="Bea")).name == "Bea"
    assert made.id in [each.id async for each in consents.list(limit=1)]
    voice = await client.audio.voices.create(
        name="Ann", audio_sample=SAMPLE, consent=made.id, extra_body=model
    )
    assert voice.name == "Ann"
    assert (await consents.delete(made.id)).deleted
    with pytest.raises(openai.NotFoundError) as gone:
        await consents.retrieve(made.id)
    assert gone.value.code == "voice_consent_not_found"
    with pytest.raises(openai.NotFoundError):
        await client.audio.voices.create(
            name="Ann", audio_sample=SAMPLE, consent=made.id, extra_body=model
        )


async def test_a_voice_can_be_described(client: AsyncOpenAI) -> None:
    """As a form, which is what the SDK sends."""
    voice = await client.audio.voices.create(
        name="Bea", type="prompt", prompt="A calm voice", extra_body={"model": "speech"}
    )
    assert (voice.type, voice.prompt) == ("prompt", "A calm voice")


async def test_a_voice_without_consent_is_refused(client: AsyncOpenAI) -> None:
    """Before a provider is asked, and as OpenAI says it."""
    with pytest.raises(openai.BadRequestError) as refused:
        await client.audio.voices.create(
            name="Ann", audio_sample=SAMPLE, consent="", extra_body={"model": "speech"}
        )
    assert refused.value.param == "consent"


async def test_sessions_are_held_without_an_account(client: AsyncOpenAI) -> None:
    """The simulator answers in sound; the session names the alias."""
    async with client.realtime.connect(model="speech") as session:
        opened = await session.recv()
        assert opened.type == "session.created"
        await session.response.create()
        kinds = set[str]()
        async for event in session:
            kinds.add(event.type)
            if event.type == "response.done":
                break
    assert {"response.output_audio.delta", "response.output_audio_transcript.delta"} <= kinds
