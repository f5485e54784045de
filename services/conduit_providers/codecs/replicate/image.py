"""Images that models on Replicate draw, each answer of which is a prediction: a job.

Each model has an input of its own, and the catalog says how a family of them spells it, after the
pages "API" of the models. What OpenAI does not know are the model's own inputs, and pass as they
are. Output comes as addresses: https://replicate.com/docs/topics/predictions/output-files.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

from conduit_kernel.errors import InvalidRequest, UpstreamRefused
from conduit_providers.calls import Call
from conduit_providers.codecs.replicate.job import ended, request_for
from conduit_providers.codecs.replicate.options import ImageModel
from conduit_providers.codecs.replicate.prediction import (
    ENDED,
    Prediction,
    read_prediction,
    step_to,
)
from conduit_providers.codecs.shared.image_wishes import (
    bare_images,
    drop_others,
    one_image,
    own_members,
    pixels_of,
    ratio_of,
)
from conduit_providers.codecs.shared.media import data_url
from conduit_providers.codecs.shared.whole_images import WholeImageDecoder
from conduit_providers.failures import malformed
from conduit_providers.images import ImageAnswer, ImageEvents, images_asked
from conduit_providers.jobs import Job, StreamingJob
from conduit_providers.operations.image import ImageCall
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest, HttpResponse

Json = dict[str, Any]
_TAKEN = frozenset({"n", "size", "output_format", "response_format"})
# What files are called; nothing else says what is in them.
_MEDIA = {"png": "png", "jpg": "jpeg", "jpeg": "jpeg", "webp": "webp"}


class ReplicateImageCodec:
    """Speaks `POST .../predictions`, and looks after what that begins."""

    def to_upstream(self, call: ImageCall, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Build the request that begins a prediction. InvalidRequest if its size is none."""
        facts: ImageModel = endpoint.facts_of(call.model)
        if not facts.count:
            one_image(call, target.provider_name)
        given = model_input(call, facts, target.provider_name, frozenset())
        return request_for(call, endpoint, target, given, waits=True)

    def from_upstream(
        self, response: HttpResponse, call: ImageCall, endpoint: Endpoint
    ) -> ImageAnswer:
        """Translate a prediction that succeeded."""
        return read_images(response, call)

    def decoder(self, call: ImageCall, endpoint: Endpoint) -> WholeImageDecoder:
        """Return what makes events of a prediction that succeeded."""
        return WholeImageDecoder(call, "image_generation", partial(read_images, call=call))

    def whole(self, call: ImageCall, endpoint: Endpoint, target: Target) -> Job[ImageAnswer]:
        """Begin a prediction and wait for its end."""
        found = yield from ended(call, endpoint, target, self.to_upstream(call, endpoint, target))
        return answer_of(found, call)

    def stream(
        self, call: ImageCall, endpoint: Endpoint, target: Target
    ) -> Job[StreamingJob[ImageEvents]]:
        """Begin a prediction and wait for its end; the last look at it is the stream."""
        found = yield from ended(call, endpoint, target, self.to_upstream(call, endpoint, target))
        look = step_to("GET", found.urls.get, (), target, endpoint)
        return StreamingJob(look, self.decoder(call, endpoint), nothing_more())


def nothing_more() -> Job[ImageEvents | None]:
    """Return nothing: all was in the last look."""
    yield from ()
    return None


def model_input(call: Call[Any], facts: ImageModel, provider: str, handled: frozenset[str]) -> Json:
    """Return the input for a wish; `handled` are members that are told otherwise."""
    wish = call.typed
    found: Json = {"prompt": wish.prompt}
    taken = {*_TAKEN, *handled, *facts.parameters}
    if facts.count and images_asked(wish) > 1:
        found[facts.count] = images_asked(wish)
    found |= _size(call, facts, provider, in_pixels=not handled)
    found["output_format"] = _format(call, facts, provider)
    if facts.compression:
        taken.add("output_compression")
        if wish.HasField("output_compression"):
            found[facts.compression] = wish.output_compression
    given = {field.name: value for field, value in wish.ListFields()}
    found |= {name: given[name] for name in facts.parameters if name in given}
    own = own_members(wish)
    drop_others(call, provider, taken | own.keys())
    return {name: value for name, value in (found | own).items() if value is not None}


def _size(call: Call[Any], facts: ImageModel, provider: str, *, in_pixels: bool) -> Json:
    if facts.ratios:
        return {"aspect_ratio": ratio_of(call, provider, facts.ratios)}
    if (size := pixels_of(call)) is None:
        return {}
    if in_pixels:
        return {"width": size[0], "height": size[1]}
    # What is changed keeps its size.
    call.drop("size", provider)
    return {}


def _format(call: Call[Any], facts: ImageModel, provider: str) -> str | None:
    asked = call.typed.output_format or "png"
    if asked in facts.formats:
        return asked
    if asked == "jpeg" and "jpg" in facts.formats:
        return "jpg"
    if call.typed.output_format:
        call.drop("output_format", provider)
    return None


def read_images(response: HttpResponse, call: Call[Any]) -> ImageAnswer:
    """Read a prediction that succeeded. UpstreamError if it did not."""
    found = read_prediction(response.body, call.provider)
    if found.status not in ENDED:
        raise malformed(call.provider, "the prediction has not ended")
    return answer_of(found, call)


def answer_of(found: Prediction, call: Call[Any]) -> ImageAnswer:
    """Return the images that a prediction came to. UpstreamError if there are none."""
    images = list(_images(found, call))
    if not images:
        raise malformed(call.provider, "it has no image")
    return bare_images(found.created(call.created), images, None, **_looks(images[0]))


def _images(found: Prediction, call: Call[Any]) -> Iterator[Json]:
    outputs = found.output if isinstance(found.output, list) else [found.output]
    for each in outputs:
        if each:
            yield _image(each, call)


def _image(output: object, call: Call[Any]) -> Json:
    if isinstance(output, str) and output.startswith(("https://", "http://")):
        return {"url": output}
    if isinstance(output, str) and output.startswith("data:"):
        try:
            return {"b64_json": data_url(output, "output").base64}
        except InvalidRequest as error:
            raise malformed(call.provider, "its output is no file") from error
    message = f"The model {call.model!r} of {call.provider} draws no images"
    raise UpstreamRefused(message, provider=call.provider)


def _looks(image: Json) -> dict[str, str]:
    name = str(image.get("url", "")).partition("?")[0]
    media = _MEDIA.get(name.rpartition(".")[2].lower())
    return {"output_format": media} if media else {}


CODEC = ReplicateImageCodec()
