"""Edits of images through a router: forms, JSON and messages, files that follow, charges."""

from collections.abc import AsyncIterator

import orjson
import pytest
from tests.integration.router.conftest import METADATA, Bench, Runner, instances
from tests.support.snapshots import ALIAS, key, mapping, provider, snapshot
from tests.support.transcribers import Transcribers, transcribers

from conduit.v1 import charge_pb2
from conduit.v1.form_pb2 import FileChunk, Form, FormFile, FormMember
from conduit.v1.image_edit_pb2 import ImageEditRequest, ImageInput
from conduit.v1.image_requests_pb2 import (
    EditImagesRequest,
    EditImagesResponse,
    EditImagesStart,
    StreamEditImagesRequest,
    StreamEditImagesResponse,
)
from conduit_kernel.errors import InvalidRequest, UnsupportedCapability

PICTURE = b"\x89PNG" + b"\0\r\n" * 100_000
MASK = b"\x89PNG mask"
FILES = [PICTURE, MASK]


@pytest.fixture
async def takers() -> AsyncIterator[Transcribers]:
    """Run providers that take files."""
    async with transcribers() as found:
        yield found


async def run(bench: Runner, *addresses: str, kind: str = "OpenAI") -> Bench:
    """Run a router with an instance at each address, in order of priority."""
    instances = [
        provider(n, address, provider_type=kind, priority=n)
        for n, address in enumerate(addresses, 1)
    ]
    return await bench(
        snapshot(
            instances,
            keys=[key(each.id, each.id) for each in instances],
            mappings=[mapping(each.id, each.id, priority=each.id) for each in instances],
        )
    )


def as_form(**members: str) -> EditImagesStart:
    """Return a wish as a form, whose files follow it."""
    wish = {"model": ALIAS, "prompt": "a hat", **members}
    texts = [FormMember(name=name, value=value.encode()) for name, value in wish.items()]
    picture = FormMember(name="image", file=FormFile(filename="a.png"), content_type="image/png")
    mask = FormMember(name="mask", file=FormFile(filename="m.png"), content_type="image/png")
    return EditImagesStart(multipart=Form(members=[picture, *texts, mask]))


def as_message() -> EditImagesStart:
    """Return a wish as messages, whose files follow it but for the mask, which is in it."""
    picture = ImageInput(file=FormFile(filename="a.png", content_type="image/png"))
    mask = FormFile(filename="m.png", content_type="image/png", content=MASK)
    edit = ImageEditRequest(model=ALIAS, prompt="a hat", images=[picture])
    edit.mask.file.CopyFrom(mask)
    return EditImagesStart(edit=edit)


async def messages(start: EditImagesStart, *files: bytes) -> AsyncIterator[EditImagesRequest]:
    """Yield a wish and its files."""
    yield EditImagesRequest(start=start)
    for index, data in enumerate(files):
        for at in range(0, len(data), 65_536):
            piece = data[at : at + 65_536]
            yield EditImagesRequest(chunk=FileChunk(index=index, data=piece))


async def edit(router: Bench, start: EditImagesStart, *files: bytes) -> EditImagesResponse:
    """Ask for a change."""
    asked = messages(start, *files)
    response: EditImagesResponse = await router.stub.EditImages(asked, METADATA)
    return response


async def test_a_form_is_sent_on_as_it_came(bench: Runner, takers: Transcribers) -> None:
    """With the provider's name of the model; the files come last, in their order."""
    router = await run(bench, f"{takers.address}/good")
    response = await edit(router, as_form(complexity="high"), *FILES)
    assert orjson.loads(response.json)["data"][0]["b64_json"] == "iVBORw0KGgo="
    (sent,) = takers.sent
    assert sent.path == "/good/images/edits"
    assert sent.members == [("model", "model-1"), ("prompt", "a hat"), ("complexity", "high")]
    assert sent.files == [("a.png", "image/png", PICTURE), ("m.png", "image/png", MASK)]


async def test_messages_become_a_form(bench: Runner, takers: Transcribers) -> None:
    """A file may be in the first message, or follow it."""
    router = await run(bench, f"{takers.address}/good")
    response = await edit(router, as_message(), PICTURE)
    assert response.images.data[0].b64_json.startswith(b"\x89PNG")
    (sent,) = takers.sent
    assert sent.members == [("model", "model-1"), ("prompt", "a hat")]
    assert sent.files == [("a.png", "image/png", PICTURE), ("m.png", "image/png", MASK)]


async def test_addresses_go_as_json(bench: Runner, takers: Transcribers) -> None:
    """The provider fetches them by itself."""
    router = await run(bench, f"{takers.address}/good")
    wish = {"model": ALIAS, "prompt": "a hat", "images": [{"file_id": "file-1"}]}
    await edit(router, EditImagesStart(json=orjson.dumps(wish)))
    assert orjson.loads(takers.sent[0].members[0][1]) == {**wish, "model": "model-1"}


async def test_a_second_provider_gets_the_same_files(bench: Runner, takers: Transcribers) -> None:
    """Where the first one refused them; one charge, with its tokens."""
    router = await run(bench, f"{takers.address}/bad", f"{takers.address}/good")
    response = await edit(router, as_form(), *FILES)
    assert response.report.provider_id == 2
    assert takers.sent[0].files == takers.sent[-1].files
    (charge,) = router.charges()
    assert (charge.operation, charge.provider_id) == ("image_edit", 2)
    assert [(line.unit, line.quantity) for line in charge.lines] == [
        (charge_pb2.UNIT_IMAGE_OUTPUT_TOKEN, 272)
    ]


async def test_no_provider_sees_the_other_models_of_a_form(
    bench: Runner, takers: Transcribers
) -> None:
    """They are asked where the first one refuses, and are nobody's business but the Router's."""
    found = [provider(n, f"{takers.address}/{place}") for n, place in ((1, "bad"), (2, "good"))]
    mappings = [mapping(1, 1), mapping(2, 2, model_alias="other", actual_model_name="painter")]
    keys = [key(each.id, each.id) for each in found]
    router = await bench(snapshot(found, keys=keys, mappings=mappings))
    response = await edit(router, as_form(**{"fallbacks[]": "other"}), *FILES)
    assert response.report.provider_id == 2
    assert takers.sent[-1].members == [("model", "painter"), ("prompt", "a hat")]
    assert all(sent.files == takers.sent[-1].files for sent in takers.sent)


async def test_a_mask_is_not_shown_to_who_takes_none(bench: Runner, takers: Transcribers) -> None:
    """All of the image would be changed."""
    router = await run(bench, f"{takers.address}/good", kind="Simulator")
    with pytest.raises(UnsupportedCapability):
        await edit(router, as_form(), *FILES)
    assert takers.sent == []


async def test_what_is_no_wish_reaches_no_provider(bench: Runner, takers: Transcribers) -> None:
    """Its field is named."""
    router = await run(bench, f"{takers.address}/good")
    with pytest.raises(InvalidRequest) as raised:
        await edit(router, as_form(n="11"), *FILES)
    assert raised.value.metadata["field"] == "n"
    mixed = as_message()
    mixed.edit.images.add(image_url="https://images.example.com/a.png")
    with pytest.raises(InvalidRequest):
        await edit(router, mixed, PICTURE)
    assert takers.sent == []


@pytest.mark.parametrize("is_typed", [False, True])
async def test_a_change_is_streamed(bench: Runner, upstream: str, *, is_typed: bool) -> None:
    """Drafts, then the image, then the end with the counts."""
    router = await bench(instances(upstream, "image"))
    if is_typed:
        wish = ImageEditRequest(model=ALIAS, prompt="a hat", size="8x8", partial_images=1)
        wish.images.add().file.CopyFrom(FormFile(filename="a.png", content=PICTURE))
        start, files = EditImagesStart(edit=wish), []
    else:
        start, files = as_form(size="8x8", partial_images="1", stream="true"), [PICTURE]
        del start.multipart.members[-1]

    async def asked() -> AsyncIterator[StreamEditImagesRequest]:
        yield StreamEditImagesRequest(start=start)
        for file in files:
            yield StreamEditImagesRequest(chunk=FileChunk(data=file))

    found: list[StreamEditImagesResponse] = [
        message async for message in router.stub.StreamEditImages(asked(), METADATA)
    ]
    if is_typed:
        kinds = [piece.WhichOneof("event") for message in found for piece in message.pieces]
        assert kinds == ["image_edit_partial_image", "image_edit_completed"]
    else:
        lines = b"".join(message.events for message in found).splitlines()
        named = [line for line in lines if line.startswith(b"event: ")]
        assert named == [b"event: image_edit.partial_image", b"event: image_edit.completed"]
    assert found[-1].finished.usage.output_tokens == 372


@pytest.mark.parametrize("given", ["file-1", ["file-1"], {"file_id": "file-1"}])
async def test_image_may_be_given_under_the_forms_name(
    bench: Runner, takers: Transcribers, given: object
) -> None:
    """The provider gets what its own API has."""
    router = await run(bench, f"{takers.address}/good")
    wish = {"model": ALIAS, "prompt": "a hat", "image": given}
    await edit(router, EditImagesStart(json=orjson.dumps(wish)))
    sent = orjson.loads(takers.sent[0].members[0][1])
    assert sent == {"model": "model-1", "prompt": "a hat", "images": [{"file_id": "file-1"}]}
