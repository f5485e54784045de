"""Images through a router: both forms, whole and streamed, failover, and what is charged."""

from base64 import b64decode
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from tests.integration.router.conftest import METADATA, Bench, Runner, instances
from tests.support.snapshots import key, mapping, provider, snapshot

from conduit.internal.v1.snapshot_pb2 import Snapshot
from conduit.v1 import charge_pb2
from conduit.v1 import image_requests_pb2 as pb
from conduit.v1.image_generation_pb2 import ImageGenerationRequest
from conduit_kernel.errors import (
    ContentPolicy,
    InvalidRequest,
    StreamInterrupted,
    UnsupportedCapability,
)
from conduit_kernel.http import Exchange, HttpServer

PNG = b"\x89PNG"
SIZE = "16x8"


class Drawers:
    """Answers as Stability AI does."""

    def __init__(self) -> None:
        self.address = ""
        self.asked: list[str] = []
        self.reason = "SUCCESS"

    async def __call__(self, exchange: Exchange) -> None:
        """Draw an image."""
        self.asked.append(exchange.path)
        answer = {"image": "QQ==", "finish_reason": self.reason, "seed": 1}
        exchange.respond(200, [(b"content-type", b"application/json")], orjson.dumps(answer))


def drawing(upstream: str, *behaviours: str) -> Snapshot:
    """Return a configuration of instances that draw, or behave otherwise."""
    return instances(upstream, *behaviours)


def asked(**members: object) -> bytes:
    """Return a wish in JSON."""
    return orjson.dumps({"model": "gpt", "prompt": "a red bicycle", "size": SIZE, **members})


async def draw(router: Bench, **members: object) -> pb.GenerateImagesResponse:
    """Ask for images, in JSON."""
    response: pb.GenerateImagesResponse = await router.stub.GenerateImages(
        pb.GenerateImagesRequest(json=asked(**members)), METADATA
    )
    return response


async def stream(router: Bench, **members: object) -> list[pb.StreamGenerateImagesResponse]:
    """Ask for streamed images, in JSON; return all messages."""
    request = pb.StreamGenerateImagesRequest(json=asked(stream=True, **members))
    return [message async for message in router.stub.StreamGenerateImages(request, METADATA)]


def events(messages: list[pb.StreamGenerateImagesResponse]) -> list[dict[str, Any]]:
    """Return the events of a stream."""
    lines = b"".join(message.events for message in messages).splitlines()
    return [orjson.loads(line[6:]) for line in lines if line.startswith(b"data: ")]


async def test_json_is_answered_in_json(bench: Runner, upstream: str) -> None:
    """The images themselves, with what they used."""
    router = await bench(drawing(upstream, "image"))
    response = await draw(router, n=2, quality="medium")
    found = orjson.loads(response.json)
    assert [b64decode(image["b64_json"])[:4] for image in found["data"]] == [PNG, PNG]
    assert (found["size"], found["usage"]["output_tokens"]) == (SIZE, 2 * 1056)


async def test_typed_is_answered_typed(bench: Runner, upstream: str) -> None:
    """Messages go in and come out; pictures are bytes."""
    router = await bench(drawing(upstream, "image"))
    generation = ImageGenerationRequest(model="gpt", prompt="a red bicycle", size=SIZE)
    response = await router.stub.GenerateImages(
        pb.GenerateImagesRequest(generation=generation), METADATA
    )
    assert response.WhichOneof("form") == "images"
    assert response.images.data[0].b64_json.startswith(PNG)
    assert response.images.usage.output_tokens == 272


async def test_drafts_come_before_the_image(bench: Runner, upstream: str) -> None:
    """As server-sent events with their names, and no mark of the end."""
    router = await bench(drawing(upstream, "image"))
    messages = await stream(router, partial_images=2)
    kinds = [event["type"].partition(".")[2] for event in events(messages)]
    assert kinds == ["partial_image", "partial_image", "completed"]
    raw = b"".join(message.events for message in messages)
    assert raw.startswith(b"event: image_generation.partial_image\ndata: {")
    assert b"[DONE]" not in raw
    assert messages[-1].finished.usage.output_tokens == 272 + 200


async def test_typed_drafts_come_before_the_image(bench: Runner, upstream: str) -> None:
    """As messages."""
    router = await bench(drawing(upstream, "image"))
    generation = ImageGenerationRequest(
        model="gpt", prompt="a red bicycle", size=SIZE, partial_images=1
    )
    request = pb.StreamGenerateImagesRequest(generation=generation)
    messages = [each async for each in router.stub.StreamGenerateImages(request, METADATA)]
    pieces = [piece for message in messages for piece in message.pieces]
    kinds = [piece.WhichOneof("event") for piece in pieces]
    assert kinds == ["image_generation_partial_image", "image_generation_completed"]
    assert pieces[1].image_generation_completed.b64_json.startswith(PNG)


@pytest.mark.parametrize("is_streamed", [False, True])
async def test_image_tokens_are_charged_once(
    bench: Runner, upstream: str, *, is_streamed: bool
) -> None:
    """Text that was read, and images that were written, by the provider's word."""
    router = await bench(drawing(upstream, "image"))
    await (stream(router) if is_streamed else draw(router))
    (charge,) = router.charges()
    assert (charge.operation, charge.usage_source) == ("image", charge_pb2.USAGE_SOURCE_PROVIDER)
    assert [(line.unit, line.quantity) for line in charge.lines] == [
        (charge_pb2.UNIT_INPUT_TOKEN, 3),
        (charge_pb2.UNIT_IMAGE_OUTPUT_TOKEN, 272),
    ]


@pytest.mark.parametrize("fault", ["status-500", "reset", "garbage", "status-429-retry-60"])
@pytest.mark.parametrize("is_streamed", [False, True])
async def test_another_provider_draws_where_one_fails(
    bench: Runner, upstream: str, fault: str, *, is_streamed: bool
) -> None:
    """The caller sees an image, and the charge is the second one's alone."""
    if fault == "garbage" and is_streamed:
        fault = "cut-after-0"
    router = await bench(drawing(upstream, fault, "image"))
    if is_streamed:
        assert events(await stream(router))[-1]["type"] == "image_generation.completed"
    else:
        assert (await draw(router)).report.provider_id == 2
    assert [charge.provider_id for charge in router.charges()] == [2]


async def test_a_stream_that_breaks_off_behind_a_draft_is_an_error(
    bench: Runner, upstream: str
) -> None:
    """The caller has the draft, and knows that there is no image; what it used is charged."""
    router = await bench(drawing(upstream, "cut-after-1"))
    with pytest.raises(StreamInterrupted):
        await stream(router, partial_images=2)
    (charge,) = router.charges()
    assert not charge.is_complete


async def test_content_that_is_refused_is_no_fault_of_the_key(bench: Runner, upstream: str) -> None:
    """The caller learns why."""
    router = await bench(drawing(upstream, "policy"))
    with pytest.raises(ContentPolicy):
        await draw(router)


@pytest.mark.parametrize("members", [{"prompt": ""}, {"n": 11}, {"model": 7}])
async def test_what_is_no_wish_reaches_no_provider(
    bench: Runner, upstream: str, members: dict[str, object]
) -> None:
    """It is refused at once, with its field."""
    router = await bench(drawing(upstream, "image"))
    with pytest.raises(InvalidRequest) as raised:
        await draw(router, **members)
    assert raised.value.metadata["field"] == next(iter(members))
    assert router.charges() == []


async def test_a_transparent_image_is_not_asked_of_who_cannot_draw_it(
    bench: Runner, upstream: str
) -> None:
    """The refusal says what is missing."""
    source = drawing(upstream, "image")
    source.providers[0].provider_type = "Simulator"
    router = await bench(source)
    with pytest.raises(UnsupportedCapability) as raised:
        await draw(router, background="transparent")
    assert "transparent" in raised.value.message


@pytest.fixture
async def stability() -> AsyncIterator[Drawers]:
    """Run providers that draw one image for each request."""
    drawers = Drawers()
    server = HttpServer(drawers)
    await server.start("127.0.0.1", 0)
    drawers.address = f"http://127.0.0.1:{server.port}"
    yield drawers
    await server.drain(0.1)


def one_by_one(drawers: Drawers, upstream: str = "") -> Snapshot:
    """Return a configuration of Stability AI, and of one that follows where there is one."""
    first = provider(1, drawers.address, provider_type="StabilityAI", priority=1)
    found = [first] + ([provider(2, upstream, priority=2)] if upstream else [])
    return snapshot(
        found,
        keys=[key(each.id, each.id) for each in found],
        mappings=[
            mapping(1, 1, actual_model_name="ultra", priority=1),
            *([mapping(2, 2, actual_model_name="image", priority=2)] if upstream else []),
        ],
    )


async def test_several_images_are_as_many_requests(bench: Runner, stability: Drawers) -> None:
    """One answer, and one charge for all of them."""
    router = await bench(one_by_one(stability))
    found = orjson.loads((await draw(router, n=3)).json)
    assert [image["b64_json"] for image in found["data"]] == ["QQ=="] * 3
    assert stability.asked == ["/v2beta/stable-image/generate/ultra"] * 3
    (charge,) = router.charges()
    assert [(line.unit, line.quantity) for line in charge.lines] == [(charge_pb2.UNIT_IMAGE, 3)]
    assert charge.qualifiers["size"] == SIZE


async def test_an_image_that_was_filtered_is_an_error(bench: Runner, stability: Drawers) -> None:
    """Though its status is 200, and a picture is in it; no other provider is shown the prompt."""
    stability.reason = "CONTENT_FILTERED"
    router = await bench(one_by_one(stability))
    with pytest.raises(ContentPolicy):
        await draw(router)


async def test_a_provider_without_events_is_streamed_too(
    bench: Runner, stability: Drawers, upstream: str
) -> None:
    """Its image is one event; several images are streamed by the next provider."""
    router = await bench(one_by_one(stability, upstream))
    (event,) = events(await stream(router))
    assert (event["type"], event["b64_json"]) == ("image_generation.completed", "QQ==")
    several = await stream(router, n=2)
    assert len(events(several)) == 2
    assert len(stability.asked) == 1
