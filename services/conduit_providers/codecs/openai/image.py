"""OpenAI's images, and the many who speak it.

https://platform.openai.com/docs/api-reference/images/create
"""

import orjson

from conduit_providers.codecs.openai.image_answer import read_images
from conduit_providers.codecs.openai.image_stream import (
    OpenAIImageDecoder,
    fit_stream,
    image_decoder,
)
from conduit_providers.codecs.openai.request import fitted_members, headers_of
from conduit_providers.codecs.shared.whole_images import WholeImageDecoder
from conduit_providers.images import ImageAnswer
from conduit_providers.operations.image import ImageCall
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest, HttpResponse


class OpenAIImageCodec:
    """Speaks `POST /images/generations`."""

    def to_upstream(self, call: ImageCall, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Pass the caller's body on, with the provider's name of the model."""
        members = fitted_members(call, endpoint, target.provider_name)
        if fit_stream(members, call, endpoint, target.provider_name):
            members["stream"] = True
        return HttpRequest(
            "POST",
            target.fill(endpoint.path_for(target.settings), model=call.model),
            headers_of(endpoint),
            orjson.dumps(members),
        )

    def from_upstream(
        self, response: HttpResponse, call: ImageCall, endpoint: Endpoint
    ) -> ImageAnswer:
        """Pass the provider's body on, after a look at its images and its usage."""
        return read_images(response, call)

    def decoder(
        self, call: ImageCall, endpoint: Endpoint
    ) -> OpenAIImageDecoder | WholeImageDecoder:
        """Return a fresh decoder for one streamed answer."""
        return image_decoder(call, "image_generation")


CODEC = OpenAIImageCodec()
