"""Edits at providers that take images within their requests, for which files are read."""

from base64 import b64decode, b64encode
from collections.abc import AsyncIterator

import orjson
import pytest
from tests.integration.router.conftest import METADATA, Bench, Runner
from tests.support.masks import brightness, mask
from tests.support.snapshots import ALIAS, key, mapping, provider, snapshot
from tests.support.transcribers import Transcribers, transcribers

from conduit.v1 import charge_pb2
from conduit.v1.form_pb2 import FileChunk, Form, FormFile, FormMember
from conduit.v1.image_edit_pb2 import ImageEditRequest
from conduit.v1.image_requests_pb2 import (
    EditImagesRequest,
    EditImagesResponse,
    EditImagesStart,
    StreamEditImagesRequest,
)
from conduit_kernel.errors import ContentPolicy, InvalidRequest
from conduit_router.calls.media import MAX_BYTES

PICTURE = b"\x89PNG\r\n\x1a\n" + b"\0\r\n" * 100_000
MASK = mask([bytes([0, 255]), bytes([255, 0])], [1, 4])
SETTINGS = {"Bedrock": {"region": "us-west-2"}}
WHITE = [bytes([255, 0]), bytes([0, 255])]


@pytest.fixture
async def takers() -> AsyncIterator[Transcribers]:
    """Run providers that take images."""
    async with transcribers() as found:
        yield found


async def run(bench: Runner, *instances: tuple[str, str, str]) -> Bench:
    """Run a router with instances of a type, an address and a model each, in order of priority."""
    places = range(1, len(instances) + 1)
    return await bench(
        snapshot(
            [
                provider(n, address, provider_type=kind, priority=n, settings=SETTINGS.get(kind))
                for n, (kind, address, _) in zip(places, instances, strict=True)
            ],
            keys=[key(n, n) for n in places],
            mappings=[
                mapping(n, n, actual_model_name=model, priority=n)
                for n, (_, _, model) in zip(places, instances, strict=True)
            ],
        )
    )


def form(*files: str, **members: str) -> EditImagesStart:
    """Return a wish as a form, whose files follow it in this order."""
    wish = {"model": ALIAS, "prompt": "a hat", **members}
    texts = [FormMember(name=name, value=value.encode()) for name, value in wish.items()]
    named = [FormMember(name=name, file=FormFile(filename="a.png")) for name in files]
    return EditImagesStart(multipart=Form(members=[*texts, *named]))


async def edit(router: Bench, start: EditImagesStart, *files: bytes) -> EditImagesResponse:
    """Ask for a change."""

    async def messages() -> AsyncIterator[EditImagesRequest]:
        yield EditImagesRequest(start=start)
        for index, data in enumerate(files):
            for at in range(0, len(data), 65_536):
                piece = data[at : at + 65_536]
                yield EditImagesRequest(chunk=FileChunk(index=index, data=piece))

    response: EditImagesResponse = await router.stub.EditImages(messages(), METADATA)
    return response


async def test_a_mask_is_white_where_it_was_transparent(
    bench: Runner, takers: Transcribers
) -> None:
    """And goes with the image, whichever of them came first."""
    router = await run(bench, ("StabilityAI", f"{takers.address}/good", "inpaint"))
    response = await edit(router, form("mask", "image"), MASK, PICTURE)
    assert orjson.loads(response.json)["data"] == [{"b64_json": "iVBORw0KGgo=", "seed": 1}]
    (sent,) = takers.sent
    assert sent.path == "/good/v2beta/stable-image/edit/inpaint"
    assert sent.members == [("prompt", "a hat"), ("output_format", "png")]
    image, fitted = sent.files
    assert image == ("image.png", "image/png", PICTURE)
    assert fitted[:2] == ("mask.png", "image/png")
    assert brightness(fitted[2]) == WHITE


async def test_bedrock_takes_the_same_in_json(bench: Runner, takers: Transcribers) -> None:
    """The image that came is charged for."""
    model = "us.stability.stable-image-inpaint-v1:0"
    router = await run(bench, ("Bedrock", f"{takers.address}/good", model))
    await edit(router, form("image", "mask", strength="0.5"), PICTURE, MASK)
    body = orjson.loads(takers.sent[0].members[0][1])
    assert b64decode(body["image"]) == PICTURE
    assert brightness(b64decode(body["mask"])) == WHITE
    (charge,) = router.charges()
    assert [(line.unit, line.quantity) for line in charge.lines] == [(charge_pb2.UNIT_IMAGE, 1)]


async def test_an_image_that_bedrock_keeps_back_is_an_error(
    bench: Runner, takers: Transcribers
) -> None:
    """Though the status is 200."""
    model = "us.stability.stable-image-control-sketch-v1:0"
    router = await run(bench, ("Bedrock", f"{takers.address}/kept", model))
    with pytest.raises(ContentPolicy):
        await edit(router, form("image"), PICTURE)


async def test_several_images_are_parts_of_one_content(bench: Runner, takers: Transcribers) -> None:
    """In their order; what was read is charged for as the provider counts it."""
    router = await run(bench, ("Gemini", f"{takers.address}/good", "gemini-3.1-flash-image"))
    await edit(router, form("image[]", "image[]"), PICTURE, b"\xff\xd8\xffJPEG")
    (sent,) = takers.sent
    parts = orjson.loads(sent.members[0][1])["contents"][0]["parts"]
    shown = [part["inlineData"] for part in parts[1:]]
    assert [each["mimeType"] for each in shown] == ["image/png", "image/jpeg"]
    assert b64decode(shown[0]["data"]) == PICTURE
    (charge,) = router.charges()
    assert (charge.operation, charge.usage_source) == (
        "image_edit",
        charge_pb2.USAGE_SOURCE_PROVIDER,
    )
    assert [(line.unit, line.quantity) for line in charge.lines] == [
        (charge_pb2.UNIT_INPUT_TOKEN, 5),
        (charge_pb2.UNIT_IMAGE_INPUT_TOKEN, 258),
        (charge_pb2.UNIT_IMAGE_OUTPUT_TOKEN, 1290),
    ]


async def test_files_are_there_for_every_candidate(bench: Runner, takers: Transcribers) -> None:
    """Of another dialect, too, to which they go as they came: read once, and sent again."""
    router = await run(
        bench,
        ("StabilityAI", f"{takers.address}/bad", "inpaint"),
        ("OpenAI", f"{takers.address}/bad", "gpt-image-2"),
        ("StabilityAI", f"{takers.address}/good", "inpaint"),
    )
    response = await edit(router, form("image", "mask"), PICTURE, MASK)
    assert response.report.provider_id == 3
    fitted = [brightness(sent.files[1][2]) for sent in takers.sent if "stable" in sent.path]
    assert fitted == [WHITE] * len(fitted)
    as_given = [sent.files for sent in takers.sent if "/images/edits" in sent.path]
    assert [content for _, _, content in as_given[0]] == [PICTURE, MASK]


async def test_several_results_are_as_many_requests_and_one_charge(
    bench: Runner, takers: Transcribers
) -> None:
    """Each has the same image; the images that came are charged for by number."""
    router = await run(bench, ("StabilityAI", f"{takers.address}/good", "structure"))
    response = await edit(router, form("image", n="3"), PICTURE)
    assert len(orjson.loads(response.json)["data"]) == 3
    assert [sent.files for sent in takers.sent] == [[("image.png", "image/png", PICTURE)]] * 3
    (charge,) = router.charges()
    assert [(line.unit, line.quantity) for line in charge.lines] == [(charge_pb2.UNIT_IMAGE, 3)]


async def test_who_takes_no_mask_is_passed_by(bench: Runner, takers: Transcribers) -> None:
    """All of the image would change; the next candidate gets it."""
    router = await run(
        bench,
        ("StabilityAI", f"{takers.address}/good", "structure"),
        ("StabilityAI", f"{takers.address}/good", "inpaint"),
    )
    response = await edit(router, form("image", "mask"), PICTURE, MASK)
    assert response.report.provider_id == 2
    assert [sent.path.rpartition("/")[2] for sent in takers.sent] == ["inpaint"]


async def test_what_is_no_mask_reaches_no_provider(bench: Runner, takers: Transcribers) -> None:
    """The caller learns what one is."""
    router = await run(bench, ("StabilityAI", f"{takers.address}/good", "inpaint"))
    with pytest.raises(InvalidRequest) as raised:
        await edit(router, form("image", "mask"), PICTURE, b"\xff\xd8\xffJPEG")
    assert raised.value.metadata["field"] == "mask"
    assert takers.sent == []


async def test_files_that_are_too_large_go_to_who_takes_them_as_they_come(
    bench: Runner, takers: Transcribers
) -> None:
    """They are held in memory for none."""
    large = bytes(MAX_BYTES + 1)
    alone = await run(bench, ("Gemini", f"{takers.address}/good", "gemini-3.1-flash-image"))
    with pytest.raises(InvalidRequest, match="20 MiB at most"):
        await edit(alone, form("image"), large)
    assert takers.sent == []
    router = await run(
        bench,
        ("Gemini", f"{takers.address}/good", "gemini-3.1-flash-image"),
        ("OpenAI", f"{takers.address}/good", "gpt-image-2"),
    )
    response = await edit(router, form("image"), large)
    assert response.report.provider_id == 2
    assert takers.sent[-1].files[0][2] == large


@pytest.mark.parametrize("kind", ["Gemini", "StabilityAI"])
async def test_a_change_is_streamed_as_one_event(
    bench: Runner, takers: Transcribers, kind: str
) -> None:
    """Of messages, the image in them."""
    model = {"Gemini": "gemini-3.1-flash-image", "StabilityAI": "structure"}[kind]
    router = await run(bench, (kind, f"{takers.address}/good", model))
    wish = ImageEditRequest(model=ALIAS, prompt="a hat")
    wish.images.add(image_url=f"data:image/png;base64,{b64encode(PICTURE).decode()}")

    async def asked() -> AsyncIterator[StreamEditImagesRequest]:
        yield StreamEditImagesRequest(start=EditImagesStart(edit=wish))

    found = [message async for message in router.stub.StreamEditImages(asked(), METADATA)]
    pieces = [piece for message in found for piece in message.pieces]
    assert [piece.WhichOneof("event") for piece in pieces] == ["image_edit_completed"]
    assert pieces[0].image_edit_completed.b64_json.startswith(b"\x89PNG")
