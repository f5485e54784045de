"""Images that are to be changed, however they are given."""

import base64

import pytest
from tests.support.masks import brightness, mask

from conduit.v1.form_pb2 import FormFile
from conduit.v1.image_edit_pb2 import ImageEditRequest, ImageInput
from conduit_kernel.errors import InvalidRequest
from conduit_providers.given_images import (
    FITTED_MASK,
    MASK_FILE,
    Picture,
    fitted_mask,
    mask_of,
    pictures_of,
    urls_in,
)

URL = "https://images.example.com/a.jpg"
PNG = b"\x89PNG\r\n\x1a\nrest"
MASK = mask([bytes([0, 255])], [0])


def file(content: bytes = b"", kind: str = "") -> ImageInput:
    """Return an image that is a file, whose bytes may follow elsewhere."""
    return ImageInput(file=FormFile(filename="a", content=content, content_type=kind))


def wish(*images: ImageInput, mask: ImageInput | None = None) -> ImageEditRequest:
    """Return a wish to change some images."""
    return ImageEditRequest(images=images, mask=mask)


def test_images_keep_their_order_whatever_they_are() -> None:
    """Files that follow are counted among themselves."""
    data = ImageInput(image_url="data:image/webp;base64," + base64.b64encode(b"WEBP").decode())
    media = {URL: ("image/jpeg", b"JPG"), "file:0": ("", PNG), "file:1": ("image/png", b"two")}
    found = pictures_of(wish(file(), data, ImageInput(image_url=URL), file()), media)
    assert found == [
        Picture("image/png", PNG),
        Picture("image/webp", b"WEBP"),
        Picture("image/jpeg", b"JPG"),
        Picture("image/png", b"two"),
    ]
    assert found[1].base64 == "V0VCUA=="


def test_a_file_may_be_in_the_wish_itself() -> None:
    """Then nothing follows."""
    assert pictures_of(wish(file(b"JPG", "image/jpg")), {}) == [Picture("image/jpeg", b"JPG")]


def test_only_addresses_elsewhere_are_fetched() -> None:
    """Of images, and of the mask."""
    data = ImageInput(image_url="data:image/png;base64,")
    asked = wish(ImageInput(image_url=URL), data, file(), mask=ImageInput(image_url=f"{URL}?m"))
    assert urls_in(asked) == {URL, f"{URL}?m"}
    assert urls_in(wish(file())) == set()


@pytest.mark.parametrize(
    "image",
    [
        ImageInput(file_id="file-1"),
        ImageInput(),
        ImageInput(image_url="data:image/png,plain"),
        ImageInput(image_url="data:image/png;base64,=="),
    ],
)
def test_what_cannot_be_had_is_refused(image: ImageInput) -> None:
    """An id means something to the provider alone that gave it."""
    with pytest.raises(InvalidRequest) as raised:
        pictures_of(wish(image), {})
    assert raised.value.metadata["field"] == "images"
    with pytest.raises(InvalidRequest) as raised:
        mask_of(wish(file(PNG), mask=image), {})
    assert raised.value.metadata["field"] == "mask"


def test_a_mask_is_fitted_once() -> None:
    """What was made of it before is taken as it is."""
    assert mask_of(wish(file(PNG)), {}) is None
    assert fitted_mask(wish(file(PNG)), {}) is None
    asked = wish(file(PNG), mask=file())
    found = mask_of(asked, {MASK_FILE: ("image/png", MASK)})
    assert found is not None
    assert brightness(found.content) == [bytes([255, 0])]
    ready = ("image/png", b"ready")
    assert mask_of(asked, {FITTED_MASK: ready}) == Picture(*ready)
