"""Images that Gemini draws as the answer of a chat, on the Gemini API and Vertex AI.

https://ai.google.dev/gemini-api/docs/image-generation
"""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import orjson

from conduit.v1.chat_pb2 import FINISH_REASON_CONTENT_FILTER
from conduit_kernel.errors import ContentPolicy, UpstreamError, UpstreamRefused
from conduit_providers.codecs.gemini.answer import Blob, Candidate, read_response
from conduit_providers.codecs.gemini.finish import check_finish, finish_of
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
    """Speaks `POST .../{model}:generateContent` for one image."""

    def to_upstream(self, call: ImageCall, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Translate the wish. InvalidRequest if its size is none."""
        provider = target.provider_name
        one_image(call, provider)
        drop_others(call, provider, _TAKEN)
        path = target.fill(endpoint.path, model=call.model.removeprefix("models/"))
        body = {
            "contents": [{"role": "user", "parts": [{"text": call.typed.prompt}]}],
            "generationConfig": _configuration(call, provider),
        }
        headers = JSON_HEADERS + tuple(endpoint.headers.items())
        return HttpRequest("POST", f"{path}:generateContent", headers, orjson.dumps(body))

    def from_upstream(
        self, response: HttpResponse, call: ImageCall, endpoint: Endpoint
    ) -> ImageAnswer:
        """Translate the answer. ContentPolicy if the image was kept back."""
        return _read(response, call)

    def decoder(self, call: ImageCall, endpoint: Endpoint) -> WholeImageDecoder:
        """Return what makes an event of the whole answer."""
        return WholeImageDecoder(call, "image_generation", partial(_read, call=call))


def _configuration(call: ImageCall, provider: str) -> Json:
    wish = call.typed
    image: Json = {}
    if (ratio := ratio_of(call, provider, RATIOS)) is not None:
        image["aspectRatio"] = ratio
    side = longer_side(wish.size)
    if side > _MOST_1K:
        # Not all models have larger ones.
        image["imageSize"] = "2K" if side <= _MOST_2K else "4K"
    found: Json = {"responseModalities": ["IMAGE"]}
    if image:
        found["imageConfig"] = image
    if wish.HasField("seed"):
        found["seed"] = wish.seed
    return found


def _read(response: HttpResponse, call: ImageCall) -> ImageAnswer:
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


def _without_image(candidates: Iterable[Candidate], call: ImageCall) -> UpstreamError:
    word = next((each.finish_reason for each in candidates if each.finish_reason), "")
    if finish_of(word, has_calls=False).reason == FINISH_REASON_CONTENT_FILTER:
        message = f"{call.provider} kept the image back ({word})"
        return ContentPolicy(message, provider=call.provider, upstream_code=word)
    if word == "NO_IMAGE":
        message = f"{call.provider}: the model drew no image"
        return UpstreamRefused(message, provider=call.provider, upstream_code=word)
    return malformed(call.provider, "it has no image")


CODEC = GeminiImageCodec()
