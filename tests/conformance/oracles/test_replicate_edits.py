"""Replicate's SDK as an oracle of images that go to it: as files, and within an input."""

import base64
import io
from collections.abc import AsyncIterator, Generator
from contextlib import asynccontextmanager

import httpx
import orjson
from replicate.client import Client
from tests.support.replicate_upstream import Replicate, replicate

from conduit.v1.provider_pb2 import Provider
from conduit_providers.catalog import load_catalog
from conduit_providers.codecs.replicate.image_edit import CODEC
from conduit_providers.images import ImageAnswer
from conduit_providers.jobs import JobRequest
from conduit_providers.operations.image_edit import ImageEditCall, edit_form
from conduit_providers.wire import HttpRequest, HttpResponse

MODEL = "black-forest-labs/flux-kontext-pro"
LARGE = b"\x89PNG\r\n\x1a\n" + b"\0\r\n" * 400_000
SMALL = b"\x89PNG\r\n\x1a\nsmall"
CATALOG = load_catalog()


def named(content: bytes) -> io.BytesIO:
    """Return a file with a name, by which the SDK tells its type."""
    file = io.BytesIO(content)
    file.name = "image.png"
    return file


def job(server: Replicate, content: bytes) -> Generator[JobRequest, HttpResponse, ImageAnswer]:
    """Return our job for a change of an image."""
    url = f"data:image/png;base64,{base64.b64encode(content).decode()}"
    wish = {"model": "m", "prompt": "a hat", "images": [{"image_url": url}], "output_format": "png"}
    call = ImageEditCall(edit_form(json=orjson.dumps(wish)), alias="m", model=MODEL, provider="R")
    target = CATALOG.target(
        Provider(name="R", provider_type="Replicate", base_url=f"{server.address}/v1")
    )
    return CODEC.whole(call, CATALOG.find("Replicate").endpoints["image_edit"], target)


async def send(server: Replicate, request: object) -> HttpResponse:
    """Send a request of ours, unsigned."""
    assert isinstance(request, HttpRequest)
    async with httpx.AsyncClient(base_url=f"{server.address}/v1") as client:
        found = await client.request(
            request.method, request.path, headers=dict(request.headers), content=request.body
        )
    return HttpResponse(found.status_code, {}, found.content)


@asynccontextmanager
async def sdk(server: Replicate) -> AsyncIterator[Client]:
    """Return the SDK, at the server; it has no way to close its own connections."""
    transport = httpx.AsyncHTTPTransport()
    yield Client(api_token="r8_oracle", base_url=server.address, transport=transport)
    await transport.aclose()


async def test_a_large_image_is_stored_as_the_sdk_stores_it() -> None:
    """The same form, whose address becomes the input."""
    async with replicate() as server, sdk(server) as theirs:
        stored = await theirs.files.async_create(named(LARGE))
        ours = job(server, LARGE)
        begun = ours.send(await send(server, next(ours).request))
        assert server.files[0] == server.files[1]
        await send(server, begun.request)
        assert stored.urls["get"] == f"{server.address}/v1/files/f1"
        assert server.inputs[0]["input_image"] == f"{server.address}/v1/files/f2"


async def test_a_small_image_is_within_the_input_as_the_sdk_has_it() -> None:
    """Where the SDK is told to store none."""
    async with replicate() as server, sdk(server) as client:
        given = {"prompt": "a hat", "output_format": "png", "input_image": named(SMALL)}
        await client.models.predictions.async_create(MODEL, given, file_encoding_strategy="base64")
        await send(server, next(job(server, SMALL)).request)
        theirs, ours = server.inputs
        assert theirs == ours
        assert server.seen[0] == server.seen[1] == f"POST /v1/models/{MODEL}/predictions"
