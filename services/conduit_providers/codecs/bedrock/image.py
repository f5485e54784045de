"""Images on Bedrock, by InvokeModel: the models of Stability AI, one image for each request.

https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-diffusion-3-text-image.html,
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-diffusion-stable-ultra-text-image-request-response.html
"""

from collections.abc import Mapping
from functools import partial
from itertools import chain, repeat
from typing import Any

import msgspec
import orjson

from conduit_kernel.errors import ContentPolicy, InvalidRequest, UpstreamError
from conduit_providers.calls import Call
from conduit_providers.codecs.bedrock.options import ImageModel
from conduit_providers.codecs.shared.answers import read_answer
from conduit_providers.codecs.shared.image_wishes import (
    bare_images,
    drop_others,
    one_image,
    ratio_of,
)
from conduit_providers.codecs.shared.whole_images import WholeImageDecoder
from conduit_providers.codecs.stability.drawing import drawn
from conduit_providers.codecs.stability.image import RATIOS
from conduit_providers.failures import malformed
from conduit_providers.images import ImageAnswer
from conduit_providers.json_reading import JsonReader
from conduit_providers.operations.image import ImageCall
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import JSON_HEADERS, HttpRequest, HttpResponse

_TAKEN = frozenset({"n", "size", "negative_prompt", "seed", "output_format"})
_FORMATS = ("png", "jpeg")
_FILTERED = "Filter reason"


class _Drawn(msgspec.Struct):
    images: list[str] | None = None
    # For each image, why it is kept back; null for those that are not.
    finish_reasons: list[str | None] | None = None
    # One for each image.
    seeds: object = None


_DECODER = JsonReader(_Drawn)


class BedrockImageCodec:
    """Speaks `POST /model/{modelId}/invoke` with the models of Stability AI."""

    def to_upstream(self, call: ImageCall, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Translate the wish. InvalidRequest for models of other makers, or a size that is none."""
        provider = target.provider_name
        drop_others(call, provider, _TAKEN)
        return invocation(call, endpoint, target, _members(call, provider))

    def from_upstream(
        self, response: HttpResponse, call: ImageCall, endpoint: Endpoint
    ) -> ImageAnswer:
        """Translate the answer. ContentPolicy if it says that the image was filtered."""
        return read_images(response, call)

    def decoder(self, call: ImageCall, endpoint: Endpoint) -> WholeImageDecoder:
        """Return what makes an event of the whole answer."""
        return WholeImageDecoder(call, "image_generation", partial(read_images, call=call))


def invocation(
    call: Call[Any], endpoint: Endpoint, target: Target, members: Mapping[str, Any]
) -> HttpRequest:
    """Return the request with these members, but for those that are None.

    InvalidRequest for models of other makers than Stability AI.
    """
    provider = target.provider_name
    facts: ImageModel = endpoint.facts_of(call.model)
    if facts.maker != "stability":
        raise InvalidRequest(
            f"{provider} draws with the models of Stability AI, and {call.model!r} is none of them"
            " by its name",
            field="model",
        )
    one_image(call, provider)
    body = {name: value for name, value in members.items() if value is not None}
    path = target.fill(endpoint.path, model=call.model)
    headers = JSON_HEADERS + tuple(endpoint.headers.items())
    return HttpRequest("POST", path, headers, orjson.dumps(body))


def _members(call: ImageCall, provider: str) -> dict[str, Any]:
    wish = call.typed
    if wish.output_format and wish.output_format not in _FORMATS:
        call.drop("output_format", provider)
    return {
        "prompt": wish.prompt,
        "aspect_ratio": ratio_of(call, provider, RATIOS),
        "negative_prompt": wish.negative_prompt or None,
        "seed": wish.seed if wish.HasField("seed") else None,
        "output_format": wish.output_format if wish.output_format in _FORMATS else "png",
    }


def read_images(response: HttpResponse, call: Call[Any]) -> ImageAnswer:
    """Translate the answer. ContentPolicy if it says that the image was filtered."""
    found = read_answer(_DECODER, response.body, call.provider, "it is not a list of images")
    reason = next((each for each in found.finish_reasons or () if each), "")
    if reason:
        raise _failure(reason, call.provider)
    if not found.images or not all(found.images):
        raise malformed(call.provider, "it has no image")
    seeds = chain(found.seeds if isinstance(found.seeds, list) else (), repeat(None))
    images = [drawn(image, seed) for image, seed in zip(found.images, seeds, strict=False)]
    return bare_images(call.created, images, None)


def _failure(reason: str, provider: str) -> UpstreamError:
    if reason.startswith(_FILTERED):
        message = f"{provider} kept the image back ({reason})"
        return ContentPolicy(message, provider=provider, upstream_code=reason)
    return UpstreamError(f"{provider} drew no image ({reason})", provider=provider)


CODEC = BedrockImageCodec()
