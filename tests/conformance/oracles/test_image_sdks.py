"""The newest official SDKs as oracles of images: what they send, we send."""

from typing import Any

import openai
import pytest
from tests.conformance.oracles.test_sdk_requests import SECRET, sdk_sends, we_send

Json = dict[str, Any]

WISHES: dict[str, Json] = {
    "plain": {},
    "everything": {
        "n": 2,
        "size": "1536x864",
        "quality": "high",
        "background": "transparent",
        "output_format": "webp",
        "output_compression": 80,
        "moderation": "low",
        "user": "u",
    },
    "streamed": {"stream": True, "partial_images": 2},
}


@pytest.mark.parametrize("name", WISHES)
async def test_openai_images_are_asked_for_as_the_sdk_asks(name: str) -> None:
    """Path, members and their order are the OpenAI SDK's."""
    request = {"model": "gpt-image-2", "prompt": "a red bicycle", **WISHES[name]}

    async def act(address: str) -> object:
        async with openai.AsyncOpenAI(api_key=SECRET, base_url=f"{address}/v1") as client:
            return await client.images.with_raw_response.generate(**request)

    assert we_send("OpenAI", "image", request, path="/v1") == await sdk_sends(act)


@pytest.mark.parametrize("name", WISHES)
async def test_azure_images_are_asked_for_as_the_sdk_asks(name: str) -> None:
    """The deployment's path, the version of the API and the key's header are the Azure SDK's."""
    request = {"model": "my-deployment", "prompt": "a red bicycle", **WISHES[name]}

    async def act(address: str) -> object:
        async with openai.AsyncAzureOpenAI(
            api_key=SECRET, azure_endpoint=address, api_version="2024-10-21"
        ) as client:
            return await client.images.with_raw_response.generate(**request)

    sent = we_send("AzureOpenAI", "image", request, settings={"apiVersion": "2024-10-21"})
    assert sent == await sdk_sends(act)
