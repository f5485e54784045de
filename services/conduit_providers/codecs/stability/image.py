"""Stability AI's images: one for each request, which is always a form.

https://platform.stability.ai/docs/api-reference
"""

from functools import partial
from typing import Any

from conduit_providers.codecs.shared.image_wishes import drop_others, one_image, ratio_of
from conduit_providers.codecs.shared.whole_images import WholeImageDecoder
from conduit_providers.codecs.stability.drawing import drawing_request, read_image
from conduit_providers.codecs.stability.options import ImageModel
from conduit_providers.images import ImageAnswer
from conduit_providers.operations.image import ImageCall
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest, HttpResponse

RATIOS = ("1:1", "16:9", "9:16", "3:2", "2:3", "5:4", "4:5", "21:9", "9:21")
_TAKEN = frozenset({"n", "size", "negative_prompt", "seed", "output_format"})


class StabilityImageCodec:
    """Speaks `POST /v2beta/stable-image/generate/{service}`."""

    def to_upstream(self, call: ImageCall, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Translate the wish. InvalidRequest if its size is none."""
        provider = target.provider_name
        one_image(call, provider)
        drop_others(call, provider, _TAKEN)
        facts: ImageModel = endpoint.facts_of(call.model)
        path = target.fill(endpoint.path, name=facts.service)
        return drawing_request(path, endpoint, _members(call, facts, provider))

    def from_upstream(
        self, response: HttpResponse, call: ImageCall, endpoint: Endpoint
    ) -> ImageAnswer:
        """Translate the answer. ContentPolicy if it says that the image was filtered."""
        return read_image(response, call)

    def decoder(self, call: ImageCall, endpoint: Endpoint) -> WholeImageDecoder:
        """Return what makes an event of the whole answer."""
        return WholeImageDecoder(call, "image_generation", partial(read_image, call=call))


def _members(call: ImageCall, facts: ImageModel, provider: str) -> dict[str, Any]:
    wish = call.typed
    return {
        "prompt": wish.prompt,
        "model": call.model if facts.names_model else None,
        "aspect_ratio": ratio_of(call, provider, RATIOS),
        "negative_prompt": wish.negative_prompt or None,
        "seed": wish.seed if wish.HasField("seed") else None,
        "output_format": wish.output_format or "png",
    }


CODEC = StabilityImageCodec()
