"""Images that models on Replicate change: predictions, with images among their inputs.

Images given by address stay so, since Replicate reads them itself. Files go within the input, or,
where that is too large for them, to Replicate's own files first:
https://replicate.com/docs/topics/predictions/input-files.
"""

import hashlib
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import msgspec

from conduit.v1.form_pb2 import FormFile, FormMember
from conduit_kernel.errors import UnsupportedCapability
from conduit_providers.codecs.replicate.image import (
    answer_of,
    model_input,
    nothing_more,
    read_images,
)
from conduit_providers.codecs.replicate.job import ended, request_for
from conduit_providers.codecs.replicate.options import ImageEditModel
from conduit_providers.codecs.replicate.prediction import step_to
from conduit_providers.codecs.shared.answers import read_answer
from conduit_providers.codecs.shared.image_wishes import one_request
from conduit_providers.codecs.shared.multipart import form_request
from conduit_providers.codecs.shared.whole_images import WholeImageDecoder
from conduit_providers.given_images import Picture, given_by, mask_of
from conduit_providers.images import ImageAnswer, ImageEvents
from conduit_providers.jobs import Job, JobRequest, StreamingJob
from conduit_providers.json_reading import JsonReader
from conduit_providers.operations.image_edit import ImageEditCall
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest, HttpResponse

_HANDLED = frozenset({"images", "mask"})
# "This is only recommended if the file is less than 1MB"
MAX_INLINE_BYTES = 1_000_000

Addresses = Mapping[str, str]


class _Urls(msgspec.Struct):
    get: str


class _File(msgspec.Struct):
    urls: _Urls


_FILE = JsonReader(_File)


class ReplicateImageEditCodec:
    """Speaks `POST .../predictions` with images, and looks after what that begins."""

    def to_upstream(self, call: ImageEditCall, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Build the request that begins a prediction, with all files in it.

        InvalidRequest if an image cannot be had, UnsupportedCapability if the model takes no mask,
        or not so many images.
        """
        return _request(call, endpoint, target, {})

    def from_upstream(
        self, response: HttpResponse, call: ImageEditCall, endpoint: Endpoint
    ) -> ImageAnswer:
        """Translate a prediction that succeeded."""
        return read_images(response, call)

    def decoder(self, call: ImageEditCall, endpoint: Endpoint) -> WholeImageDecoder:
        """Return what makes events of a prediction that succeeded."""
        return WholeImageDecoder(call, "image_edit", partial(read_images, call=call))

    def whole(self, call: ImageEditCall, endpoint: Endpoint, target: Target) -> Job[ImageAnswer]:
        """Store large files, begin a prediction and wait for its end."""
        addresses = yield from _stored(call, endpoint, target)
        request = _request(call, endpoint, target, addresses)
        found = yield from ended(call, endpoint, target, request)
        return answer_of(found, call)

    def stream(
        self, call: ImageEditCall, endpoint: Endpoint, target: Target
    ) -> Job[StreamingJob[ImageEvents]]:
        """Do the same; the last look at the prediction is the stream."""
        addresses = yield from _stored(call, endpoint, target)
        request = _request(call, endpoint, target, addresses)
        found = yield from ended(call, endpoint, target, request)
        look = step_to("GET", found.urls.get, (), target, endpoint)
        return StreamingJob(look, self.decoder(call, endpoint), nothing_more())


def _request(
    call: ImageEditCall, endpoint: Endpoint, target: Target, addresses: Addresses
) -> HttpRequest:
    """Return the request; `addresses` are those of the files that were stored, by digest."""
    facts: ImageEditModel = endpoint.facts_of(call.model)
    provider = target.provider_name
    one_request(call, provider, facts.max_images)
    _check(call, facts, provider)
    given = model_input(call, facts, provider, _HANDLED)
    images = [_address(each, addresses) for each in given_by(call.typed, call.fetched)]
    given[facts.image] = images if facts.takes_several else images[0]
    mask = mask_of(call.typed, call.fetched)
    if mask is not None:
        given[facts.mask] = _address(mask, addresses)
    return request_for(call, endpoint, target, given, waits=True)


def _check(call: ImageEditCall, facts: ImageEditModel, provider: str) -> None:
    wish = call.typed
    who = f"The model {call.model!r} of {provider} takes"
    if wish.HasField("mask") and not facts.mask:
        raise UnsupportedCapability(f"{who} no mask", capability="mask")
    if len(wish.images) > 1 and not facts.takes_several:
        raise UnsupportedCapability(f"{who} one image", capability="several_images")


def _address(image: Picture | str, addresses: Addresses) -> str:
    if isinstance(image, str):
        return image
    return addresses.get(_digest(image)) or image.data_url


def _digest(picture: Picture) -> str:
    return hashlib.sha256(picture.content).hexdigest()


def _stored(call: ImageEditCall, endpoint: Endpoint, target: Target) -> Job[Addresses]:
    """Store what is too large for an input. InvalidRequest if an image cannot be had."""
    _check(call, endpoint.facts_of(call.model), target.provider_name)
    found: dict[str, str] = {}
    for picture in _large(call):
        digest = _digest(picture)
        if digest not in found:
            path = target.fill(endpoint.options.files_path)
            response = yield JobRequest(_upload(picture, path, endpoint, digest))
            stored = read_answer(_FILE, response.body, call.provider, "it is not a file")
            found[digest] = stored.urls.get
    return found


def _large(call: ImageEditCall) -> Iterator[Picture]:
    given: list[Any] = [*given_by(call.typed, call.fetched), mask_of(call.typed, call.fetched)]
    for each in given:
        if isinstance(each, Picture) and len(each.content) > MAX_INLINE_BYTES:
            yield each


def _upload(picture: Picture, path: str, endpoint: Endpoint, digest: str) -> HttpRequest:
    ending = picture.media_type.rpartition("/")[2]
    file = FormFile(filename=f"image.{ending}", content=picture.content)
    member = FormMember(name="content", file=file, content_type=picture.media_type)
    # No file has its own digest in it.
    return form_request(path, tuple(endpoint.headers.items()), (member,), (), digest[:32])


CODEC = ReplicateImageEditCodec()
