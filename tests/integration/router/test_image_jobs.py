"""Images that are drawn as jobs and come as addresses, through a router."""

import asyncio
from base64 import b64decode
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from tests.integration.router.conftest import METADATA, Bench, Runner
from tests.support.snapshots import key, mapping, provider, snapshot
from tests.support.waiting import eventually

from conduit.internal.v1.snapshot_pb2 import Snapshot
from conduit.v1 import charge_pb2
from conduit.v1 import image_requests_pb2 as pb
from conduit.v1.call_pb2 import CallOptions
from conduit.v1.image_generation_pb2 import ImageGenerationRequest
from conduit_kernel.errors import ContentPolicy, UpstreamError
from conduit_kernel.http import Exchange, HttpServer

Json = dict[str, Any]
FILE = b"\x89PNG\r\n\x1a\n"
JSON = [(b"content-type", b"application/json")]
MANY_AT_ONCE = "black-forest-labs/flux-schnell"
ONE_AT_A_TIME = "black-forest-labs/flux-2-dev"


class Painter:
    """Draws as Replicate does: predictions, and files at addresses."""

    def __init__(self) -> None:
        self.address = ""
        self.inputs: list[Json] = []
        self.deadlines: list[bytes | None] = []
        self.cancelled: list[str] = []
        self.keys_at_files: list[bytes | None] = []
        # What is said of a prediction that is looked at.
        self.status = "succeeded"
        self.error: str | None = None
        # This one fails, once the others have been answered for a while.
        self.failing = ""
        self._looks_at_failing = 0
        self._answered: set[str] = set()
        self.file_type = b"image/png"

    async def __call__(self, exchange: Exchange) -> None:
        """Serve one request."""
        if exchange.path.startswith("/files/"):
            self.keys_at_files.append(exchange.headers.get(b"authorization"))
            exchange.respond(200, [(b"content-type", self.file_type)], FILE)
        elif exchange.path.endswith("/cancel"):
            self.cancelled.append(exchange.path.split("/")[-2])
            exchange.respond(200, JSON, self._prediction(exchange.path.split("/")[-2], "canceled"))
        elif exchange.method == "POST":
            self.inputs.append(orjson.loads(exchange.body)["input"])
            self.deadlines.append(exchange.headers.get(b"cancel-after"))
            name = str(len(self.inputs) - 1)
            exchange.respond(201, JSON, self._prediction(name, "processing"))
        else:
            name = exchange.path.rpartition("/")[2]
            exchange.respond(200, JSON, self._prediction(name, self._state(name)))

    def _state(self, name: str) -> str:
        if name != self.failing:
            self._answered.add(name)
            return self.status
        self._looks_at_failing += bool(self._answered)
        return "failed" if self._looks_at_failing > 1 else "processing"

    def _prediction(self, name: str, status: str) -> bytes:
        base = f"{self.address}/v1/predictions/{name}"
        count = self.inputs[int(name)].get("num_outputs", 1)
        output = [f"{self.address}/files/{name}-{place}.png" for place in range(count)]
        found = {
            "id": name,
            "status": status,
            "output": output if status == "succeeded" else None,
            "error": self.error if status == "failed" else None,
            "urls": {"get": base, "cancel": f"{base}/cancel"},
        }
        return orjson.dumps(found)


@pytest.fixture
async def painter() -> AsyncIterator[Painter]:
    """Run the server."""
    found = Painter()
    server = HttpServer(found)
    await server.start("127.0.0.1", 0)
    found.address = f"http://127.0.0.1:{server.port}"
    yield found
    await server.drain(0.1)


def drawing(painter: Painter, model: str = MANY_AT_ONCE) -> Snapshot:
    """Return a configuration whose only provider is that server."""
    instance = provider(1, f"{painter.address}/v1", provider_type="Replicate")
    return snapshot([instance], keys=[key(1, 1)], mappings=[mapping(1, 1, actual_model_name=model)])


async def draw(router: Bench, options: CallOptions | None = None, **members: object) -> Json:
    """Ask for images, in JSON."""
    wish = orjson.dumps({"model": "gpt", "prompt": "a red bicycle", **members})
    request = pb.GenerateImagesRequest(json=wish, options=options)
    response: pb.GenerateImagesResponse = await router.stub.GenerateImages(request, METADATA)
    found: Json = orjson.loads(response.json)
    return found


def images_charged(router: Bench) -> list[int]:
    """Return the number of images of each charge."""
    charges = router.charges()
    assert all(charge.usage_source == charge_pb2.USAGE_SOURCE_ESTIMATE for charge in charges)
    assert all(line.unit == charge_pb2.UNIT_IMAGE for charge in charges for line in charge.lines)
    return [line.quantity for charge in charges for line in charge.lines]


async def test_an_image_comes_where_the_provider_keeps_it(bench: Runner, painter: Painter) -> None:
    """Its address is the answer, and it is charged for by its number."""
    router = await bench(drawing(painter))
    found = await draw(router, n=2, size="1024x1024")
    assert [image["url"] for image in found["data"]] == [
        f"{painter.address}/files/0-0.png",
        f"{painter.address}/files/0-1.png",
    ]
    assert images_charged(router) == [2]
    assert painter.keys_at_files == []


@pytest.mark.parametrize("is_typed", [False, True])
async def test_an_image_that_was_asked_for_itself_is_fetched(
    bench: Runner, painter: Painter, *, is_typed: bool
) -> None:
    """Without the key, which is nobody's but the provider's API."""
    router = await bench(drawing(painter), allow_private_media=True)
    if is_typed:
        generation = ImageGenerationRequest(
            model="gpt", prompt="a red bicycle", response_format="b64_json"
        )
        request = pb.GenerateImagesRequest(generation=generation)
        response = await router.stub.GenerateImages(request, METADATA)
        assert [(each.b64_json, each.url) for each in response.images.data] == [(FILE, "")]
    else:
        (image,) = (await draw(router, response_format="b64_json"))["data"]
        assert b64decode(image["b64_json"]) == FILE
        assert "url" not in image
    assert painter.keys_at_files == [None]
    assert images_charged(router) == [1]


@pytest.mark.parametrize("fault", ["private", "no image"])
@pytest.mark.parametrize("is_streamed", [False, True])
async def test_an_image_that_cannot_be_fetched_is_an_error_of_the_provider(
    bench: Runner, painter: Painter, fault: str, *, is_streamed: bool
) -> None:
    """It leads into our own network, or to what is none; each time it was drawn it is charged."""
    painter.file_type = b"text/html" if fault == "no image" else b"image/png"
    router = await bench(drawing(painter), allow_private_media=fault != "private")
    asking = stream(router) if is_streamed else draw(router, response_format="b64_json")
    with pytest.raises(UpstreamError, match="cannot be had"):
        await asking
    assert images_charged(router) == [1] * len(painter.inputs)
    assert bool(painter.keys_at_files) == (fault != "private")


async def stream(router: Bench) -> list[Json]:
    """Ask for a streamed image; return the events."""
    wish = orjson.dumps({"model": "gpt", "prompt": "a red bicycle", "stream": True})
    request = pb.StreamGenerateImagesRequest(json=wish)
    messages = [each async for each in router.stub.StreamGenerateImages(request, METADATA)]
    lines = b"".join(message.events for message in messages).splitlines()
    return [orjson.loads(line[6:]) for line in lines if line.startswith(b"data: ")]


async def test_a_stream_has_the_image_itself(bench: Runner, painter: Painter) -> None:
    """Its events have no place for addresses."""
    router = await bench(drawing(painter), allow_private_media=True)
    (event,) = await stream(router)
    assert event["type"] == "image_generation.completed"
    assert b64decode(event["b64_json"]) == FILE
    assert images_charged(router) == [1]


async def test_several_images_of_a_model_that_draws_one_are_several_jobs(
    bench: Runner, painter: Painter
) -> None:
    """In one answer and one charge; they are different images, though their seed was said."""
    router = await bench(drawing(painter, ONE_AT_A_TIME))
    found = await draw(router, n=3, seed=8)
    assert len({image["url"] for image in found["data"]}) == 3
    assert sorted(each["seed"] for each in painter.inputs) == [8, 9, 10]
    assert images_charged(router) == [3]


async def test_images_that_were_drawn_are_charged_though_another_one_fails(
    bench: Runner, painter: Painter
) -> None:
    """The caller has an error; the provider has its money."""
    painter.failing, painter.error = "1", "All generated images contained NSFW content."
    router = await bench(drawing(painter, ONE_AT_A_TIME))
    with pytest.raises(ContentPolicy):
        await draw(router, n=2)
    assert images_charged(router) == [1]


async def test_the_provider_knows_the_callers_deadline(bench: Runner, painter: Painter) -> None:
    """So that it gives up by itself where nobody can tell it."""
    router = await bench(drawing(painter))
    options = CallOptions()
    options.timeout.FromSeconds(90)
    await draw(router, options)
    (deadline,) = painter.deadlines
    assert deadline in {b"90s", b"89s"}


async def test_a_caller_who_leaves_takes_all_jobs_back(bench: Runner, painter: Painter) -> None:
    """None goes on for nobody."""
    painter.status = "processing"
    router = await bench(drawing(painter, ONE_AT_A_TIME))
    asking = asyncio.create_task(draw(router, n=2))

    async def have_begun() -> bool:
        return len(painter.inputs) == 2

    async def are_cancelled() -> bool:
        return sorted(painter.cancelled) == ["0", "1"]

    await eventually(have_begun)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await eventually(are_cancelled)
