"""Images that a wish for a change gives, for providers that take them within their requests."""

import base64
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import NamedTuple

from conduit.v1.image_edit_pb2 import ImageEditRequest, ImageInput
from conduit_kernel.errors import InvalidRequest
from conduit_providers.codecs.shared.media import data_url, media_type_of
from conduit_providers.masks import white_where_transparent

# Media type and content, by address or by a name of ours.
Media = Mapping[str, tuple[str, bytes]]

# What no address is.
MASK_FILE = "file:mask"
FITTED_MASK = "fitted:mask"
_SIGNATURE_BYTES = 16


class Picture(NamedTuple):
    """A picture itself."""

    media_type: str
    content: bytes

    @property
    def base64(self) -> str:
        """The content as JSON carries it."""
        return base64.b64encode(self.content).decode()

    @property
    def data_url(self) -> str:
        """The picture as an address."""
        return f"data:{self.media_type};base64,{self.base64}"


def file_name(place: int) -> str:
    """Return the name of ours for the image file at a place among all of a wish."""
    return f"file:{place}"


def urls_in(wish: ImageEditRequest) -> set[str]:
    """Return where the images are that are given by address."""
    given = (image.image_url for image in (*wish.images, wish.mask))
    return {url for url in given if url and not url.startswith("data:")}


def given_by(wish: ImageEditRequest, media: Media) -> list[Picture | str]:
    """Return the images of a wish; those of which only the address is at hand as that."""
    found: list[Picture | str] = []
    for image, picture in zip(wish.images, _lazily(wish, media), strict=True):
        url = image.image_url
        is_address = bool(url) and not url.startswith("data:") and url not in media
        found.append(url if is_address else picture())
    return found


def _lazily(wish: ImageEditRequest, media: Media) -> Iterator[Callable[[], Picture]]:
    files = 0
    for image in wish.images:
        yield partial(_picture, image, media, file_name(files), "images")
        files += image.HasField("file")


def pictures_of(wish: ImageEditRequest, media: Media) -> list[Picture]:
    """Return the images of a wish. InvalidRequest if one cannot be had."""
    return [picture() for picture in _lazily(wish, media)]


def mask_of(wish: ImageEditRequest, media: Media) -> Picture | None:
    """Return the mask as others than OpenAI take it: white where the image may change.

    InvalidRequest if it is no mask of OpenAI's.
    """
    fitted = media.get(FITTED_MASK) or fitted_mask(wish, media)
    return None if fitted is None else Picture(*fitted)


def fitted_mask(wish: ImageEditRequest, media: Media) -> tuple[str, bytes] | None:
    """Make that mask; None where there is none. As above."""
    if not wish.HasField("mask"):
        return None
    mask = _picture(wish.mask, media, MASK_FILE, "mask")
    return "image/png", white_where_transparent(mask.content)


def _picture(image: ImageInput, media: Media, name: str, field: str) -> Picture:
    label, content = _content_of(image, media, name, field)
    return Picture(media_type_of(label, content[:_SIGNATURE_BYTES]) or "image/png", content)


def _content_of(image: ImageInput, media: Media, name: str, field: str) -> tuple[str, bytes]:
    match image.WhichOneof("source"):
        case "file":
            return media.get(name) or (image.file.content_type, image.file.content)
        case "image_url" if image.image_url in media:
            return media[image.image_url]
        case "image_url":
            found = data_url(image.image_url, field)
            try:
                return found.media_type, base64.b64decode(found.base64, validate=True)
            except ValueError as error:
                raise InvalidRequest(f"{field} must be in base64", field=field) from error
        case _:
            message = "This provider takes images themselves, or their addresses, and no ids"
            raise InvalidRequest(message, field=field)
