"""Images on Bedrock, by InvokeModel: the models of Stability AI, and Amazon's Nova Canvas.

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
from conduit_providers.codecs.bedrock import canvas
from conduit_providers.codecs.bedrock.options import ImageEditModel, ImageModel
from conduit_providers.codecs.shared.answers import read_answer
from conduit_providers.codecs.shared.image_wishes import (
    bare_images,
    drop_others,
    one_request,
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
# Of Stability AI's reasons and of Nova Canvas's, those that speak of content.
_FILTERED = ("Filter reason", "content filter")


class _Drawn(msgspec.Struct):
    images: list[str] | None = None
    # For each image, why it is kept back; null for those that are not.
    finish_reasons: list[str | None] | None = None
    # One for each image.
    seeds: object = None
    # Of Nova Canvas, why there are fewer images than were asked for.
    error: str | None = None

    @property
    def reason(self) -> str:
        """The provider's words on what is missing or kept back; empty if nothing is."""
        found = next((each for each in self.finish_reasons or () if each), "")
        return found or ("" if self.images else self.error or "")


_DECODER = JsonReader(_Drawn)


class BedrockImageCodec:
    """Speaks `POST /model/{modelId}/invoke` with the models that draw."""

    def to_upstream(self, call: ImageCall, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Translate the wish. InvalidRequest for models of other makers, or a size that is none."""
        provider = target.provider_name
        facts: ImageModel = endpoint.facts_of(call.model)
        write = canvas.drawing if facts.maker == "amazon" else _members
        return invocation(call, endpoint, target, facts, write(call, provider))

    def from_upstream(
        self, response: HttpResponse, call: ImageCall, endpoint: Endpoint
    ) -> ImageAnswer:
        """Translate the answer. ContentPolicy if it says that the image was filtered."""
        return read_images(response, call, endpoint)

    def decoder(self, call: ImageCall, endpoint: Endpoint) -> WholeImageDecoder:
        """Return what makes events of the whole answer."""
        read = partial(read_images, call=call, endpoint=endpoint)
        return WholeImageDecoder(call, "image_generation", read)


def invocation(
    call: Call[Any],
    endpoint: Endpoint,
    target: Target,
    facts: ImageModel | ImageEditModel,
    members: Mapping[str, Any],
) -> HttpRequest:
    """Return the request with these members, but for those that are None.

    InvalidRequest for models of other makers than are known.
    """
    provider = target.provider_name
    if facts.maker == "unknown":
        raise InvalidRequest(
            f"{provider} draws with the models of Stability AI and Nova Canvas, and {call.model!r}"
            " is none of them by its name",
            field="model",
        )
    one_request(call, provider, facts.max_images)
    body = {name: value for name, value in members.items() if value is not None}
    path = target.fill(endpoint.path, model=call.model)
    headers = JSON_HEADERS + tuple(endpoint.headers.items())
    return HttpRequest("POST", path, headers, orjson.dumps(body))


def _members(call: ImageCall, provider: str) -> dict[str, Any]:
    wish = call.typed
    drop_others(call, provider, _TAKEN)
    if wish.output_format and wish.output_format not in _FORMATS:
        call.drop("output_format", provider)
    return {
        "prompt": wish.prompt,
        "aspect_ratio": ratio_of(call, provider, RATIOS),
        "negative_prompt": wish.negative_prompt or None,
        "seed": wish.seed if wish.HasField("seed") else None,
        "output_format": wish.output_format if wish.output_format in _FORMATS else "png",
    }


def read_images(response: HttpResponse, call: Call[Any], endpoint: Endpoint) -> ImageAnswer:
    """Translate the answer. ContentPolicy if it says that the image was filtered.

    Of several images, those that were not filtered are the answer.
    """
    found = read_answer(_DECODER, response.body, call.provider, "it is not a list of images")
    if found.reason:
        raise _failure(found.reason, call.provider)
    if not found.images or not all(found.images):
        raise malformed(call.provider, "it has no image")
    seeds = chain(found.seeds if isinstance(found.seeds, list) else (), repeat(None))
    images = [drawn(image, seed) for image, seed in zip(found.images, seeds, strict=False)]
    is_canvas = endpoint.facts_of(call.model).maker == "amazon"
    return bare_images(call.created, images, None, **(canvas.looks(call) if is_canvas else {}))


def _failure(reason: str, provider: str) -> UpstreamError:
    if any(words in reason for words in _FILTERED):
        message = f"{provider} kept the image back ({reason})"
        return ContentPolicy(message, provider=provider, upstream_code=reason)
    return UpstreamError(f"{provider} drew no image ({reason})", provider=provider)


CODEC = BedrockImageCodec()
