"""What Stability AI's services for images have in common: forms, and one image for each.

https://platform.stability.ai/docs/api-reference
"""

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec
import orjson

from conduit.v1.form_pb2 import FormFile, FormMember
from conduit_kernel.errors import ContentPolicy
from conduit_providers.calls import Call
from conduit_providers.codecs.shared.answers import read_answer
from conduit_providers.codecs.shared.image_wishes import bare_images
from conduit_providers.codecs.shared.multipart import form_request
from conduit_providers.failures import malformed
from conduit_providers.given_images import Picture
from conduit_providers.images import ImageAnswer
from conduit_providers.json_reading import JsonReader
from conduit_providers.spec import Endpoint
from conduit_providers.wire import HttpRequest, HttpResponse

_FILTERED = "CONTENT_FILTERED"
_NO_PICTURES: Mapping[str, Picture] = {}

# Of more bits no JSON of ours has a number.
_MOST = 2**63


class _Drawn(msgspec.Struct):
    image: str | None = None
    finish_reason: str | None = None
    seed: object = None


_DECODER = JsonReader(_Drawn)


def drawing_request(
    path: str,
    endpoint: Endpoint,
    members: Mapping[str, Any],
    pictures: Mapping[str, Picture] = _NO_PICTURES,
) -> HttpRequest:
    """Return the request that sends these members, but for those that are None, and pictures."""
    texts = [
        FormMember(name=name, value=_text(value).encode())
        for name, value in members.items()
        if value is not None
    ]
    files = [_file(name, picture) for name, picture in pictures.items()]
    # No text has its own digest in it.
    written = hashlib.sha256(b"\0".join(member.value for member in texts))
    for picture in pictures.values():
        written.update(picture.content)
    headers = (("accept", "application/json"), *endpoint.headers.items())
    return form_request(path, headers, (*texts, *files), (), written.hexdigest()[:32])


def _text(value: object) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _file(name: str, picture: Picture) -> FormMember:
    ending = picture.media_type.rpartition("/")[2]
    file = FormFile(filename=f"{name}.{ending}", content=picture.content)
    return FormMember(name=name, file=file, content_type=picture.media_type)


def read_image(response: HttpResponse, call: Call[Any]) -> ImageAnswer:
    """Translate the answer. ContentPolicy if it says that the image was filtered."""
    found = read_answer(_DECODER, response.body, call.provider, "it is not an image")
    if found.finish_reason == _FILTERED:
        raise ContentPolicy(
            f"{call.provider} filtered the image that it drew",
            provider=call.provider,
            upstream_code=_FILTERED,
        )
    if not found.image:
        raise malformed(call.provider, "it has no image")
    looks = {"output_format": call.typed.output_format or "png"}
    return bare_images(call.created, [drawn(found.image, found.seed)], None, **looks)


def drawn(image: str, seed: object) -> dict[str, object]:
    """Return an image of an answer, with the seed by which it can be drawn again."""
    found: dict[str, object] = {"b64_json": image}
    return {**found, "seed": seed} if isinstance(seed, int) and abs(seed) < _MOST else found
