"""Google's newest SDK as an oracle of Imagen's predictions, on Vertex AI."""

import base64
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from google import genai
from google.genai import types
from google.oauth2.credentials import Credentials
from tests.support.google_recorder import canonical, recording
from tests.support.masks import mask
from tests.support.sdk_oracle import given, upstream, we_send

from conduit_providers.masks import white_where_transparent

MODEL = "imagen-5.0-generate-001"
SETTINGS = {"project": "acme", "location": "us-central1"}
MASK = mask([bytes([0, 255])], [0])
Json = dict[str, Any]


@contextmanager
def sdk(address: str) -> Iterator[genai.Client]:
    """Return the SDK, pointed at an address; that it is to lose its images is known."""
    options = types.HttpOptions(base_url=address, api_version="v1")
    by_token: Json = {"vertexai": True, "credentials": Credentials("ya29-oracle"), **SETTINGS}
    with warnings.catch_warnings(), genai.Client(http_options=options, **by_token) as client:
        warnings.simplefilter("ignore")
        yield client


def test_images_are_asked_for_as_the_sdk_asks() -> None:
    """Path and parameters are the SDK's, whatever is configured."""
    config = types.GenerateImagesConfig(
        number_of_images=2,
        include_rai_reason=True,
        aspect_ratio="16:9",
        image_size="2K",
        negative_prompt="rain",
        seed=7,
        add_watermark=False,
        language=types.ImagePromptLanguage.en,
        output_mime_type="image/jpeg",
        output_compression_quality=80,
    )
    wish: Json = {
        "prompt": "a red bicycle",
        "n": 2,
        "size": "2048x1152",
        "negative_prompt": "rain",
        "seed": 7,
        "addWatermark": False,
        "language": "en",
        "output_format": "jpeg",
        "output_compression": 80,
    }
    with recording() as recorder:
        with sdk(recorder.address) as client:
            client.models.generate_images(model=MODEL, prompt="a red bicycle", config=config)
        (theirs,) = recorder.received
    ours = we_send("VertexAI", "image", wish | {"model": MODEL}, settings=SETTINGS)
    assert (ours.path, canonical(ours.body)) == (theirs.path, theirs.body)


def picture(content: bytes, kind: str) -> types.Image:
    """Return an image as the SDK takes it."""
    return types.Image(image_bytes=content, mime_type=kind)


def test_changes_are_asked_for_as_the_sdk_asks() -> None:
    """The image, its mask and the mode are where the SDK puts them."""
    shown = [
        types.RawReferenceImage(reference_id=1, reference_image=picture(b"PNGa", "image/png")),
        types.MaskReferenceImage(
            reference_id=2,
            reference_image=picture(white_where_transparent(MASK), "image/png"),
            config=types.MaskReferenceConfig(
                mask_mode=types.MaskReferenceMode.MASK_MODE_USER_PROVIDED
            ),
        ),
    ]
    config = types.EditImageConfig(
        number_of_images=1,
        include_rai_reason=True,
        edit_mode=types.EditMode.EDIT_MODE_INPAINT_INSERTION,
        base_steps=35,
    )
    wish: Json = {
        "model": MODEL,
        "prompt": "a hat",
        "images": [{"image_url": "data:image/png;base64,UE5HYQ=="}],
        "mask": {"image_url": f"data:image/png;base64,{base64.b64encode(MASK).decode()}"},
        "baseSteps": 35,
    }
    with recording() as recorder:
        with sdk(recorder.address) as client:
            client.models.edit_image(
                model=MODEL, prompt="a hat", reference_images=shown, config=config
            )
        (theirs,) = recorder.received
    ours = we_send("VertexAI", "image_edit", wish, settings=SETTINGS)
    assert (ours.path, canonical(ours.body)) == (theirs.path, theirs.body)


@pytest.mark.parametrize("case", ["imagen", "imagen_everything", "imagen_some_filtered"])
def test_the_sdk_reads_the_same_images(case: str) -> None:
    """Those that were filtered have no bytes, and we leave them out."""
    with upstream(f"VertexAI/image/{case}") as server, sdk(server.address) as client:
        found = client.models.generate_images(model=MODEL, prompt="a red bicycle")
    images = [each.image for each in found.generated_images or []]
    read = [each.image_bytes for each in images if each is not None and each.image_bytes]
    ours = [
        base64.b64decode(each["b64_json"])
        for each in given(f"VertexAI/image/{case}")["answer"]["data"]
    ]
    assert read == ours


def test_the_sdk_finds_the_reason_in_the_place_of_a_picture() -> None:
    """Where we say that the content was refused."""
    case = "VertexAI/image/error_imagen_filtered"
    with upstream(case) as server, sdk(server.address) as client:
        found = client.models.generate_images(model=MODEL, prompt="a red bicycle")
    (only,) = found.generated_images or []
    assert only.rai_filtered_reason
    assert given(case)["error"]["reason"] == "CONTENT_POLICY"
