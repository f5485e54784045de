"""Images that Gemini draws as the answer of a chat, on the Gemini API and Vertex AI; and Imagen's.

https://ai.google.dev/gemini-api/docs/image-generation
"""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import orjson

from conduit_kernel.errors import UpstreamError, UpstreamRefused
from conduit_providers.calls import Call
from conduit_providers.codecs.gemini import imagen
from conduit_providers.codecs.gemini.answer import Blob, Candidate, read_response
from conduit_providers.codecs.gemini.finish import check_finish, first_word, kept_back
from conduit_providers.codecs.gemini.options import ImageModel
from conduit_providers.codecs.shared.image_wishes import (
    bare_images,
    drop_others,
    longer_side,
    one_image,
    ratio_of,
)
from conduit_providers.codecs.shared.whole_images import WholeImageDecoder
from conduit_providers.dates import made_at, sent_at
from conduit_providers.failures import malformed
from conduit_providers.images import ImageAnswer
from conduit_providers.operations.image import ImageCall
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import JSON_HEADERS, HttpRequest, HttpResponse

Json = dict[str, Any]
RATIOS = ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9")
_TAKEN = frozenset({"n", "size", "seed"})
# Sides of a long image, half as much again as those of a square.
_MOST_1K = 1536
_MOST_2K = 3072


class GeminiImageCodec:
    """Speaks `POST .../{model}:generateContent` for one image, and Imagen's `:predict`."""

    def to_upstream(self, call: ImageCall, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Translate the wish. InvalidRequest if its size is none."""
        facts: ImageModel = endpoint.facts_of(call.model)
        if facts.method == "predict":
            return imagen.drawing_request(call, endpoint, target, facts)
        drop_others(call, target.provider_name, _TAKEN)
        seed = {"seed": call.typed.seed} if call.typed.HasField("seed") else {}
        return drawing_request(call, endpoint, target, (), seed)

    def from_upstream(
        self, response: HttpResponse, call: ImageCall, endpoint: Endpoint
    ) -> ImageAnswer:
        """Translate the answer. ContentPolicy if the image was kept back."""
        return read_image(response, call, endpoint)

    def decoder(self, call: ImageCall, endpoint: Endpoint) -> WholeImageDecoder:
        """Return what makes events of the whole answer."""
        read = partial(read_image, call=call, endpoint=endpoint)
        return WholeImageDecoder(call, "image_generation", read)


def drawing_request(
    call: Call[Any], endpoint: Endpoint, target: Target, shown: Sequence[Json], more: Json
) -> HttpRequest:
    """Return the request for one image, by a prompt and parts that are shown beside it.

    `more` is said of the generation, too. InvalidRequest if the size is none.
    """
    provider = target.provider_name
    one_image(call, provider)
    path = target.fill(endpoint.path, model=call.model.removeprefix("models/"))
    parts: list[Json] = [{"text": call.typed.prompt}, *shown]
    body = {
        "contents": [{"role": "user", "parts": parts}],
        "generationConfig": _configuration(call, provider) | more,
    }
    headers = JSON_HEADERS + tuple(endpoint.headers.items())
    return HttpRequest("POST", f"{path}:generateContent", headers, orjson.dumps(body))


def _configuration(call: Call[Any], provider: str) -> Json:
    image: Json = {}
    if (ratio := ratio_of(call, provider, RATIOS)) is not None:
        image["aspectRatio"] = ratio
    side = longer_side(call.typed.size)
    if side > _MOST_1K:
        # Not all models have larger ones.
        image["imageSize"] = "2K" if side <= _MOST_2K else "4K"
    found: Json = {"responseModalities": ["IMAGE"]}
    return found | ({"imageConfig": image} if image else {})


def read_image(response: HttpResponse, call: Call[Any], endpoint: Endpoint) -> ImageAnswer:
    """Translate the answer. ContentPolicy if the image was kept back."""
    if endpoint.facts_of(call.model).method == "predict":
        return imagen.read_images(response, call)
    found = read_response(response.body, call.provider)
    drawn: list[Blob] = []
    for candidate in found.candidates or ():
        check_finish(candidate, call.provider)
        drawn += _images_of(candidate)
    if not drawn:
        raise _without_image(found.candidates or (), call)
    counts = found.usage_metadata
    created = made_at(found.create_time) or call.created or sent_at(response.headers)
    looks = {"output_format": drawn[0].mime_type.removeprefix("image/")}
    images = [{"b64_json": each.data} for each in drawn]
    return bare_images(created, images, counts.quantities() if counts else None, **looks)


def _images_of(candidate: Candidate) -> Iterator[Blob]:
    for part in candidate.parts:
        # Drafts are thoughts.
        if part.inline_data is not None and part.inline_data.data and not part.thought:
            yield part.inline_data


def _without_image(candidates: Sequence[Candidate], call: Call[Any]) -> UpstreamError:
    if (error := kept_back(candidates, call.provider, "image")) is not None:
        return error
    word = first_word(candidates)
    if word == "NO_IMAGE":
        message = f"{call.provider}: the model drew no image"
        return UpstreamRefused(message, provider=call.provider, upstream_code=word)
    return malformed(call.provider, "it has no image")


CODEC = GeminiImageCodec()
