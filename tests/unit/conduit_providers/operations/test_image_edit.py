"""What a wish for a change requires, in each of its forms, and how one that is none is refused."""

import base64
from typing import Any

import orjson
import pytest
from tests.support.masks import brightness, mask

from conduit.v1.form_pb2 import FormFile, FormMember
from conduit.v1.image_edit_pb2 import ImageEditRequest, ImageInput
from conduit.v1.image_requests_pb2 import EditImagesStart
from conduit_kernel.errors import InvalidRequest
from conduit_kernel.http import JoinedUpload
from conduit_providers.calls import Call
from conduit_providers.given_images import FITTED_MASK
from conduit_providers.images import IMAGE
from conduit_providers.operation import Requirements
from conduit_providers.operations.image_edit import OPERATION
from conduit_providers.quantities import IMAGE_INPUT
from conduit_providers.spec import Endpoint
from conduit_providers.uploaded_form import UploadedForm

URL = "https://images.example.com/a.png"
IMAGE_URL = {"image_url": URL}
BASE: dict[str, object] = {"model": "m", "prompt": "a hat", "images": [IMAGE_URL]}


def requirements(**members: object) -> Requirements:
    """Read a wish in JSON."""
    return OPERATION.requirements(orjson.dumps(BASE | members), stream=False)


def multipart(**members: str) -> EditImagesStart:
    """Return a wish as a form with an image."""
    start = EditImagesStart()
    file = FormFile(filename="a.png", size=3)
    start.multipart.members.append(FormMember(name="image[]", file=file))
    for name, value in {"model": "m", "prompt": "a hat", **members}.items():
        start.multipart.members.append(FormMember(name=name, value=value.encode()))
    return start


def test_one_image_requires_nothing_special() -> None:
    """Every provider that changes images takes one."""
    assert not requirements().capabilities
    assert not requirements(mask=None).capabilities


@pytest.mark.parametrize(
    ("members", "capabilities"),
    [
        ({"images": [IMAGE_URL] * 2}, {"several_images"}),
        ({"mask": IMAGE_URL}, {"mask"}),
        ({"background": "transparent"}, {"transparent"}),
    ],
)
def test_what_not_all_can_do_is_required(
    members: dict[str, object], capabilities: set[str]
) -> None:
    """Or another picture would come."""
    assert requirements(**members).capabilities == capabilities


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"images": []}, "images"),
        ({"images": [IMAGE_URL] * 17}, "images"),
        ({"images": None}, "images"),
        ({"prompt": ""}, "prompt"),
        ({"n": 11}, "n"),
    ],
)
def test_what_is_no_wish_is_refused_with_its_field(members: dict[str, object], field: str) -> None:
    """No provider is asked for it."""
    with pytest.raises(InvalidRequest) as raised:
        requirements(**members)
    assert raised.value.metadata["field"] == field


def test_a_form_is_read_like_json() -> None:
    """What is asked is in it; the bytes are not."""
    upload = JoinedUpload([b"PNG"])
    form = OPERATION.form_of_upload(multipart(n="2", quality="high"), [upload])
    found = OPERATION.requirements(form.json, stream=True)
    assert (found.model, found.operation, found.choices, found.stream) == (
        "m",
        "image_edit",
        2,
        True,
    )
    assert isinstance(form, UploadedForm)
    assert form.uploads == [upload]
    assert form.json_at_hand is not None


def test_boundaries_cannot_be_known() -> None:
    """Whoever writes a member could end it otherwise."""
    forms: list[Any] = [OPERATION.form_of_upload(multipart(), []) for _ in range(2)]
    assert forms[0].boundary != forms[1].boundary


def test_a_form_that_makes_no_sense_is_refused() -> None:
    """With the member's name."""
    with pytest.raises(InvalidRequest) as raised:
        OPERATION.form_of_upload(multipart(n="many"), [])
    assert raised.value.metadata["field"] == "n"


def test_a_typed_wish_is_answered_typed() -> None:
    """There is no JSON of it at hand."""
    file = FormFile(filename="a.png", content=b"PNG")
    edit = ImageEditRequest(model="m", prompt="p", images=[ImageInput(file=file)])
    form = OPERATION.form_of(EditImagesStart(edit=edit))
    assert form.json_at_hand is None
    assert OPERATION.requirements(form.json, stream=False).model == "m"
    json = OPERATION.form_of(EditImagesStart(json=orjson.dumps(BASE)))
    assert json.typed.images[0].image_url == IMAGE_URL["image_url"]


def test_the_worst_case_has_what_is_read() -> None:
    """Each image, and the mask."""
    form = OPERATION.plain_form(orjson.dumps(BASE | {"images": [IMAGE_URL] * 3, "mask": IMAGE_URL}))
    worst = OPERATION.worst_case(form, requirements())
    assert worst.is_bounded
    assert worst.usage.count(IMAGE_INPUT) == 4 * 7500
    assert (
        worst.usage.count(IMAGE) == OPERATION.estimate(form, None, 0, None, None).count(IMAGE) == 1
    )


def test_files_that_follow_have_names_by_their_place() -> None:
    """In whatever order a form brings them."""
    start = EditImagesStart()
    for name, kind in (("mask", "image/png"), ("image[]", "image/webp"), ("image[]", "")):
        member = FormMember(name=name, file=FormFile(filename="a"), content_type=kind)
        start.multipart.members.append(member)
    for name, value in (("model", "m"), ("prompt", "a hat")):
        start.multipart.members.append(FormMember(name=name, value=value.encode()))
    uploads = [JoinedUpload([each]) for each in (b"m", b"one", b"two")]
    found = OPERATION.files(OPERATION.form_of_upload(start, uploads))
    assert found == {
        "file:mask": ("image/png", uploads[0]),
        "file:0": ("image/webp", uploads[1]),
        "file:1": ("", uploads[2]),
    }


def test_files_of_messages_have_names_as_well() -> None:
    """The mask is the last of them; an address is no file."""
    edit = ImageEditRequest(model="m", prompt="p", images=[ImageInput(image_url=URL)])
    edit.images.add().file.content_type = "image/webp"
    edit.mask.file.content_type = "image/png"
    uploads = [JoinedUpload([each]) for each in (b"one", b"m")]
    form = OPERATION.form_of_upload(EditImagesStart(edit=edit), uploads)
    assert OPERATION.files(form) == {
        "file:0": ("image/webp", uploads[0]),
        "file:mask": ("image/png", uploads[1]),
    }
    assert OPERATION.media(form) == {URL}
    assert OPERATION.files(OPERATION.plain_form(orjson.dumps(BASE))) == {}


def test_images_are_had_at_hand_only_where_they_go_within_the_request() -> None:
    """All others get them as they were given."""
    call = Call(OPERATION.plain_form(orjson.dumps(BASE)), alias="m", model="m")
    assert OPERATION.native_media(call, Endpoint("openai_image_edit", "/")) is None
    inline = Endpoint("gemini_image_edit", "/", inline_media=True, native_urls=("gs://",))
    assert OPERATION.native_media(call, inline) == ("gs://",)
    wish = {**BASE, "mask": {"image_url": "gs://bucket/mask.png"}}
    masked = Call(OPERATION.plain_form(orjson.dumps(wish)), alias="m", model="m")
    assert OPERATION.native_media(masked, inline) == ()


def test_a_mask_is_made_once_of_the_one_that_is_given() -> None:
    """For providers that take another kind."""
    file = {"content": base64.b64encode(mask([bytes([0, 255])], [0])).decode()}
    form = OPERATION.plain_form(orjson.dumps(BASE | {"mask": {"file": file}}))
    found = OPERATION.derived(form, {})
    assert brightness(found[FITTED_MASK][1]) == [bytes([255, 0])]
    assert OPERATION.derived(form, found) == found
    assert OPERATION.derived(OPERATION.plain_form(orjson.dumps(BASE)), {}) == {}


def test_what_does_not_fit_the_contract_is_still_counted() -> None:
    """A provider may take it all the same."""
    form = OPERATION.plain_form(orjson.dumps(BASE | {"user": 7}))
    assert OPERATION.estimate(form, None, 0, None, None).count(IMAGE) == 1
    assert not OPERATION.worst_case(form, requirements()).is_bounded
