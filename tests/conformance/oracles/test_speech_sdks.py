"""The newest official SDKs as oracles of speech: what they send, we send."""

from typing import Any

import groq
import openai
import pytest
from tests.conformance.oracles.test_sdk_requests import SECRET, sdk_sends, we_send

Json = dict[str, Any]

WISHES: dict[str, Json] = {
    "plain": {"voice": "alloy"},
    "everything": {
        "voice": {"id": "voice_1234"},
        "instructions": "Whisper.",
        "response_format": "opus",
        "speed": 1.25,
    },
    "events": {"voice": "alloy", "stream_format": "sse"},
}


@pytest.mark.parametrize("name", WISHES)
async def test_openai_speech_is_asked_for_as_the_sdk_asks(name: str) -> None:
    """Path, members and their order are the OpenAI SDK's."""
    request = {"input": "Hello.", "model": "a-new-tts", **WISHES[name]}

    async def act(address: str) -> object:
        async with openai.AsyncOpenAI(api_key=SECRET, base_url=f"{address}/v1") as client:
            return await client.audio.speech.with_raw_response.create(**request)

    assert we_send("OpenAI", "speak", request, path="/v1") == await sdk_sends(act)


@pytest.mark.parametrize("name", WISHES)
async def test_azure_speech_is_asked_for_as_the_sdk_asks(name: str) -> None:
    """The deployment's path, the version of the API and the key's header are the Azure SDK's."""
    request = {"input": "Hello.", "model": "my-deployment", **WISHES[name]}

    async def act(address: str) -> object:
        async with openai.AsyncAzureOpenAI(
            api_key=SECRET, azure_endpoint=address, api_version="2024-10-21"
        ) as client:
            return await client.audio.speech.with_raw_response.create(**request)

    sent = we_send("AzureOpenAI", "speak", request, settings={"apiVersion": "2024-10-21"})
    assert sent == await sdk_sends(act)


async def test_groq_speech_is_asked_for_as_the_sdk_asks() -> None:
    """In the one format that there is."""
    request: Json = {
        "input": "Hello.",
        "model": "canopylabs/orpheus-v1-english",
        "voice": "autumn",
        "response_format": "wav",
        "speed": 1.1,
    }

    async def act(address: str) -> object:
        async with groq.AsyncGroq(api_key=SECRET, base_url=address) as client:
            return await client.audio.speech.with_raw_response.create(**request)

    assert we_send("Groq", "speak", request, path="/openai/v1") == await sdk_sends(act)
