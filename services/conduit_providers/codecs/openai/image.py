"""OpenAI's images, and the many who speak it.

https://platform.openai.com/docs/api-reference/images/create
"""

from functools import partial

import msgspec
import orjson

from conduit_providers.codecs.openai.image_answer import read_images
from conduit_providers.codecs.openai.image_stream import OpenAIImageDecoder
from conduit_providers.codecs.openai.request import fitted_members, headers_of
from conduit_providers.codecs.shared.whole_images import WholeImageDecoder
from conduit_providers.images import ImageAnswer
from conduit_providers.operations.image import ImageCall
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest, HttpResponse

JSON_TYPE = "application/json"


class _Asked(msgspec.Struct):
    n: int | None = None


class OpenAIImageCodec:
    """Speaks `POST /images/generations`."""

    def to_upstream(self, call: ImageCall, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Pass the caller's body on, with the provider's name of the model."""
        members = fitted_members(call, endpoint, target.provider_name)
        members.pop("stream", None)
        if "partial_images" not in endpoint.capabilities:
            if members.pop("partial_images", None):
                call.drop("partial_images", target.provider_name)
        elif call.stream:
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
        """Return what passes events on; or what makes them, of an answer that is none."""
        if call.answer_headers.get("content-type", "").strip().lower().startswith(JSON_TYPE):
            return WholeImageDecoder(call, "image_generation", partial(read_images, call=call))
        asked = msgspec.json.decode(call.request.json, type=_Asked)
        return OpenAIImageDecoder(call, asked.n or 1)


CODEC = OpenAIImageCodec()
