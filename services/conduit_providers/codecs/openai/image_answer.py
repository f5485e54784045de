"""OpenAI's answers of images, and their usage.

https://platform.openai.com/docs/api-reference/images/object
"""

from typing import Any

import msgspec

from conduit_providers.calls import Call
from conduit_providers.codecs.shared.answers import read_answer
from conduit_providers.failures import error_in_stream, malformed
from conduit_providers.images import ImageAnswer, image_answer
from conduit_providers.json_reading import JsonReader
from conduit_providers.quantities import Quantities
from conduit_providers.token_counts import TokenCounts
from conduit_providers.wire import HttpResponse


class _Details(msgspec.Struct):
    image_tokens: int | None = None


class _Usage(msgspec.Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    input_tokens_details: _Details | None = None
    output_tokens_details: _Details | None = None


class _Image(msgspec.Struct):
    # Not decoded: they are passed on as they are.
    b64_json: str | None = None
    url: str | None = None


class _Images(msgspec.Struct):
    data: list[_Image] | None = None
    usage: object = None
    error: object = None


_DECODER = JsonReader(_Images)


def read_images(response: HttpResponse, call: Call[Any]) -> ImageAnswer:
    """Pass the provider's body on, after a look at its images and its usage."""
    found = read_answer(_DECODER, response.body, call.provider, "it is not a list of images")
    failure, images = found.error, found.data or ()
    if failure is not None:
        raise error_in_stream(failure, call.provider)
    if not images or not all(image.b64_json or image.url for image in images):
        raise malformed(call.provider, "it has no image")
    return image_answer(usage=image_usage(found.usage), json=response.body)


def image_usage(reported: object) -> Quantities | None:
    """Return what a usage object says; None if the provider did not count, or makes no sense."""
    try:
        usage = msgspec.convert(reported, _Usage | None, strict=False)
    except msgspec.ValidationError:
        return None
    if usage is None or (usage.input_tokens is None and usage.output_tokens is None):
        return None
    read, written = usage.input_tokens or 0, usage.output_tokens or 0
    drawn = usage.output_tokens_details
    image_tokens = drawn.image_tokens if drawn is not None else None
    return TokenCounts(
        input_tokens=read,
        output_tokens=written,
        image_input_tokens=(usage.input_tokens_details or _Details()).image_tokens or 0,
        # All that these models write are images, where nothing else is said.
        image_output_tokens=written if image_tokens is None else image_tokens,
    ).quantities()
