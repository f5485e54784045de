"""The official OpenAI SDK as a client of images: another `base_url`, and nothing else."""

from base64 import b64decode
from collections.abc import AsyncIterator

import httpx
import openai
import pytest
import pytest_asyncio
from openai import AsyncOpenAI
from tests.support.suite import Suite

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def client(suite: Suite) -> AsyncIterator[AsyncOpenAI]:
    """Return the SDK's client, pointed at the bridge."""
    async with AsyncOpenAI(
        base_url=f"{suite.url}/v1", api_key=suite.virtual_key, max_retries=0, timeout=20
    ) as made:
        yield made


async def test_generate(client: AsyncOpenAI) -> None:
    """Images, their looks and their usage."""
    answer = await client.images.generate(
        model="image", prompt="a red bicycle", n=2, size="512x512", quality="high"
    )
    assert answer.data
    assert [b64decode(image.b64_json or "")[:4] for image in answer.data] == [b"\x89PNG"] * 2
    assert (answer.size, answer.quality, answer.output_format) == ("512x512", "high", "png")
    assert answer.usage
    assert answer.usage.output_tokens == 2 * 4160


async def test_what_happened_is_told_in_headers(client: AsyncOpenAI) -> None:
    """Of images as of chats; and what was left out."""
    raw = await client.images.with_raw_response.generate(
        model="image", prompt="a red bicycle", size="256x256", response_format="url"
    )
    assert raw.headers["x-conduit-model"] == "image"
    assert raw.headers["x-conduit-attempts"] == "1"
    assert raw.headers["x-conduit-dropped"] == "response_format"


async def test_partial_images(client: AsyncOpenAI) -> None:
    """Drafts in their order, then the image with its usage."""
    stream = await client.images.generate(
        model="image", prompt="a red bicycle", size="256x256", stream=True, partial_images=2
    )
    events = [event async for event in stream]
    drafts, last = events[:-1], events[-1]
    for index, draft in enumerate(drafts):
        assert draft.type == "image_generation.partial_image"
        assert draft.partial_image_index == index
    assert len(drafts) == 2
    assert last.type == "image_generation.completed"
    assert b64decode(last.b64_json).startswith(b"\x89PNG")
    assert last.usage.output_tokens == 272 + 200


PICTURE = ("a.png", b"\x89PNG a", "image/png")


async def test_edit(client: AsyncOpenAI) -> None:
    """A form with files, one image or several."""
    one = await client.images.edit(model="image", prompt="a hat", image=PICTURE, size="256x256")
    assert one.data
    assert b64decode(one.data[0].b64_json or "").startswith(b"\x89PNG")
    two = await client.images.edit(
        model="image", prompt="a hat", image=[PICTURE, PICTURE], n=2, size="256x256", quality="low"
    )
    assert two.usage
    assert two.usage.input_tokens_details.image_tokens == 646
    assert two.usage.output_tokens == 544


async def test_edit_streamed(client: AsyncOpenAI) -> None:
    """Drafts, then the changed image."""
    stream = await client.images.edit(
        model="image",
        prompt="a hat",
        image=PICTURE,
        size="256x256",
        stream=True,
        partial_images=1,
    )
    kinds = [event.type async for event in stream]
    assert kinds == ["image_edit.partial_image", "image_edit.completed"]


@pytest.mark.parametrize("is_streamed", [False, True])
async def test_edit_as_json(client: AsyncOpenAI, *, is_streamed: bool) -> None:
    """Images by address, at the same path."""
    body = {
        "model": "image",
        "prompt": "a hat",
        "size": "64x64",
        "images": [{"image_url": "data:image/png;base64,iVBORw0KGgo="}],
        "stream": is_streamed,
    }
    answer = await client.post("/images/edits", body=body, cast_to=httpx.Response)
    if is_streamed:
        assert answer.text.startswith("event: image_edit.completed\n")
    else:
        assert answer.json()["usage"]["input_tokens_details"]["image_tokens"] == 323


async def test_edits_that_are_none_are_refused(client: AsyncOpenAI) -> None:
    """With the field, before a provider is asked."""
    with pytest.raises(openai.BadRequestError) as refused:
        await client.images.edit(model="image", prompt="", image=PICTURE)
    assert refused.value.param == "prompt"
    body = {"model": "image", "prompt": "a hat", "images": []}
    with pytest.raises(openai.BadRequestError) as none:
        await client.post("/images/edits", body=body, cast_to=httpx.Response)
    assert none.value.param == "images"
    with pytest.raises(openai.BadRequestError) as mask:
        await client.images.edit(model="image", prompt="a hat", image=PICTURE, mask=PICTURE)
    assert "mask" in mask.value.message


async def test_errors_are_the_sdks_own(client: AsyncOpenAI) -> None:
    """With code and field; also where the stream was asked for."""
    with pytest.raises(openai.BadRequestError) as refused:
        await client.images.generate(model="image", prompt="")
    assert refused.value.param == "prompt"
    with pytest.raises(openai.BadRequestError) as policy:
        await client.images.generate(model="refused", prompt="a red bicycle")
    assert policy.value.code == "content_policy_violation"
    with pytest.raises(openai.NotFoundError):
        await client.images.generate(model="no-such-model", prompt="p", stream=True)


async def test_a_cut_stream_is_an_error(client: AsyncOpenAI) -> None:
    """The SDK never takes drafts for an image."""
    with pytest.raises(openai.APIError):  # noqa: PT012 # events come until it raises
        stream = await client.images.generate(
            model="cut", prompt="a red bicycle", size="256x256", stream=True, partial_images=3
        )
        async for _ in stream:
            pass
