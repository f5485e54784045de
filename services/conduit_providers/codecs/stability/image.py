"""Stability AI's images: one for each request, which is always a form.

https://platform.stability.ai/docs/api-reference
"""

import hashlib
from functools import partial
from typing import Any

import msgspec

from conduit.v1.form_pb2 import FormMember
from conduit_kernel.errors import ContentPolicy
from conduit_providers.codecs.shared.image_wishes import (
    bare_images,
    drop_others,
    one_image,
    ratio_of,
)
from conduit_providers.codecs.shared.multipart import form_request
from conduit_providers.codecs.shared.whole_images import WholeImageDecoder
from conduit_providers.codecs.stability.options import ImageModel
from conduit_providers.failures import malformed
from conduit_providers.images import ImageAnswer
from conduit_providers.json_reading import JsonReader
from conduit_providers.operations.image import ImageCall
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest, HttpResponse

RATIOS = ("1:1", "16:9", "9:16", "3:2", "2:3", "5:4", "4:5", "21:9", "9:21")
_TAKEN = frozenset({"n", "size", "negative_prompt", "seed", "output_format"})
_FILTERED = "CONTENT_FILTERED"


class _Drawn(msgspec.Struct):
    image: str | None = None
    finish_reason: str | None = None


_DECODER = JsonReader(_Drawn)


class StabilityImageCodec:
    """Speaks `POST /v2beta/stable-image/generate/{service}`."""

    def to_upstream(self, call: ImageCall, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Translate the wish. InvalidRequest if its size is none."""
        provider = target.provider_name
        one_image(call, provider)
        drop_others(call, provider, _TAKEN)
        facts: ImageModel = endpoint.facts_of(call.model)
        members = [
            FormMember(name=name, value=str(value).encode())
            for name, value in _members(call, facts, provider).items()
            if value is not None
        ]
        # No text has its own digest in it.
        written = b"\0".join(member.value for member in members)
        boundary = hashlib.sha256(written).hexdigest()[:32]
        path = target.fill(endpoint.path, name=facts.service)
        headers = (("accept", "application/json"), *endpoint.headers.items())
        return form_request(path, headers, members, (), boundary)

    def from_upstream(
        self, response: HttpResponse, call: ImageCall, endpoint: Endpoint
    ) -> ImageAnswer:
        """Translate the answer. ContentPolicy if it says that the image was filtered."""
        return _read(response, call)

    def decoder(self, call: ImageCall, endpoint: Endpoint) -> WholeImageDecoder:
        """Return what makes an event of the whole answer."""
        return WholeImageDecoder(call, "image_generation", partial(_read, call=call))


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


def _read(response: HttpResponse, call: ImageCall) -> ImageAnswer:
    try:
        found = _DECODER.decode(response.body)
    except msgspec.DecodeError as error:
        raise malformed(call.provider, "it is not an image") from error
    if found.finish_reason == _FILTERED:
        raise ContentPolicy(
            f"{call.provider} filtered the image that it drew",
            provider=call.provider,
            upstream_code=_FILTERED,
        )
    if not found.image:
        raise malformed(call.provider, "it has no image")
    looks = {"output_format": call.typed.output_format or "png"}
    return bare_images(call.created, [{"b64_json": found.image}], None, **looks)


CODEC = StabilityImageCodec()
