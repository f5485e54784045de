"""Nova Canvas: which task a wish is, and what is known of its images."""

import base64
from typing import Any

import orjson
import pytest
from tests.support.masks import brightness, mask

from conduit_kernel.errors import InvalidRequest
from conduit_providers.codecs.bedrock import canvas
from conduit_providers.operations.image import ImageCall, image_request
from conduit_providers.operations.image_edit import ImageEditCall, edit_form

MASK = base64.b64encode(mask([bytes([0, 255])], [0])).decode()
PNG = "data:image/png;base64,UE5HYQ=="
Json = dict[str, Any]


def wish(**members: object) -> ImageCall:
    """Return a wish for images."""
    form = image_request(json=orjson.dumps({"model": "m", "prompt": "p", **members}))
    return ImageCall(form, alias="m", model="m")


def change(**members: object) -> ImageEditCall:
    """Return a wish for a change of one image, if it has no others."""
    given: Json = {"model": "m", "prompt": "p", "images": [{"image_url": PNG}], **members}
    return ImageEditCall(edit_form(json=orjson.dumps(given)), alias="m", model="m")


@pytest.mark.parametrize(
    ("members", "task"),
    [
        ({}, "IMAGE_VARIATION"),
        ({"mask": {"image_url": f"data:image/png;base64,{MASK}"}}, "INPAINTING"),
        ({"maskPrompt": "the head"}, "INPAINTING"),
        ({"maskPrompt": "the head", "taskType": "OUTPAINTING"}, "OUTPAINTING"),
        ({"taskType": "BACKGROUND_REMOVAL"}, "BACKGROUND_REMOVAL"),
    ],
)
def test_a_change_is_the_task_that_it_gives_what_for(members: Json, task: str) -> None:
    """A mask says where to paint, unless the caller names the task."""
    assert canvas.changing(change(**members), "P")["taskType"] == task


@pytest.mark.parametrize("task", ["TEXT_IMAGE", "VIRTUAL_TRY_ON", 7])
def test_a_task_that_changes_nothing_is_refused(task: object) -> None:
    """With its member, before the provider is asked."""
    with pytest.raises(InvalidRequest) as raised:
        canvas.changing(change(taskType=task), "P")
    assert raised.value.metadata["field"] == "taskType"


@pytest.mark.parametrize(
    ("task", "name", "tones"),
    [
        ("INPAINTING", "inPaintingParams", bytes([0, 255])),
        ("OUTPAINTING", "outPaintingParams", bytes([255, 0])),
    ],
)
def test_what_is_transparent_in_a_mask_changes(task: str, name: str, tones: bytes) -> None:
    """It is black where the inside of a mask is painted, and white where the outside is."""
    given = change(mask={"image_url": f"data:image/png;base64,{MASK}"}, taskType=task)
    sent = canvas.changing(given, "P")[name]["maskImage"]
    assert brightness(base64.b64decode(sent)) == [tones]


def test_nothing_is_configured_that_nobody_asked_for() -> None:
    """A change of part of an image keeps its size."""
    assert canvas.drawing(wish(), "P")["imageGenerationConfig"] is None
    painted = canvas.changing(change(maskPrompt="x", size="512x512", quality="hd"), "P")
    assert painted["imageGenerationConfig"] == {"quality": "premium"}
    varied = canvas.changing(change(size="512x512"), "P")
    assert varied["imageGenerationConfig"] == {"width": 512, "height": 512}


def test_the_price_of_an_image_is_that_of_its_size_and_quality() -> None:
    """The size of one that was drawn is known without being said; that of a change is not."""
    assert canvas.looks(wish()) == {"quality": "standard", "size": "1024x1024"}
    assert canvas.looks(wish(size="512x512", quality="premium")) == {
        "quality": "high",
        "size": "512x512",
    }
    assert canvas.looks(change(quality="low")) == {"quality": "standard"}
