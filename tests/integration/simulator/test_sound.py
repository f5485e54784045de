"""Translations, voices and sessions of the simulator, as OpenAI's own SDK understands them."""

import asyncio
from base64 import b64decode, b64encode
from typing import Any

import httpx
import openai
import pytest

from conduit_simulator.bootstrap import SimulatorProcess
from conduit_simulator.transcription import WORDS

SOUND = ("a.wav", bytes(32_000), "audio/wav")
SECOND = b64encode(bytes(48_000)).decode()


async def test_a_translation_is_a_transcription_in_english(http: httpx.AsyncClient) -> None:
    """As all of them are here."""
    form = {"model": "transcribe", "response_format": "text"}
    answer = await http.post("/v1/audio/translations", data=form, files={"file": SOUND})
    assert answer.text == f"{WORDS}\n"


async def test_voices_are_made_and_deleted(sdk: openai.AsyncOpenAI) -> None:
    """One that is not there is not found."""
    made = await sdk.audio.voices.create(name="Ann", audio_sample=SOUND, consent="cons_1")
    assert (made.name, made.type, made.object) == ("Ann", "audio_sample", "audio.voice")
    assert (await sdk.audio.voices.delete(made.id)).deleted
    with pytest.raises(openai.NotFoundError):
        await sdk.audio.voices.delete(made.id)


async def test_a_realtime_session_answers(sdk: openai.AsyncOpenAI) -> None:
    """What it is told, in sound; it ends with its caller."""
    async with sdk.realtime.connect(model="echo") as session:
        await session.conversation.item.create(
            item={
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": "hello there"}],
            }
        )
        await session.response.create()
        said, sound = "", b""
        async for event in session:
            if event.type == "response.output_audio_transcript.delta":
                said += event.delta
            elif event.type == "response.output_audio.delta":
                sound += b64decode(event.delta)
            elif event.type == "response.done":
                break
    assert said == "hello there"
    assert len(sound) > 10_000


async def test_a_session_of_a_model_that_is_not_there_is_refused(sdk: openai.AsyncOpenAI) -> None:
    """Before it begins."""
    with pytest.raises(Exception, match="404"):
        async with sdk.realtime.connect(model="nobody"):
            pass


async def test_a_live_session_hums(sdk: openai.AsyncOpenAI) -> None:
    """As many seconds as it hears."""
    live: Any = sdk.live
    async with live.connect() as session:
        await session.send({"type": "session.start", "session": {"model": "echo"}})
        await session.send({"type": "session.input_audio.append", "audio": SECOND})
        await session.send({"type": "session.close"})
        kinds = [event.type async for event in session]
    assert kinds[0] == "session.started"
    assert "session.output_audio.delta" in kinds
    assert kinds[-1] == "session.closed"


async def test_what_is_no_event_ends_no_session(simulator: SimulatorProcess) -> None:
    """It is told, and a session that nobody ends is cut when the simulator stops."""
    async with (
        openai.AsyncOpenAI(
            base_url=f"http://127.0.0.1:{simulator.port}/v1", api_key="sk-test", max_retries=0
        ) as sdk,
        sdk.realtime.connect(model="echo") as session,
    ):
        assert (await session.recv()).type == "session.created"
        await session._connection.send("no JSON")  # noqa: SLF001 # the SDK sends only what is one
        assert (await session.recv()).type == "error"
        async with asyncio.timeout(30):
            await simulator.drain(0.1)
