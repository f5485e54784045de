"""Images of Imagen, by `predict`: on Vertex AI, and the Gemini API, which takes fewer parameters.

https://docs.cloud.google.com/vertex-ai/generative-ai/docs/model-reference/imagen-api,
https://docs.cloud.google.com/vertex-ai/generative-ai/docs/model-reference/imagen-api-edit
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import orjson

from conduit_kernel.errors import ContentPolicy, UpstreamError
from conduit_providers.calls import Call
from conduit_providers.codecs.gemini.options import ImageEditModel, ImageModel
from conduit_providers.codecs.shared.answers import read_answer
from conduit_providers.codecs.shared.image_wishes import (
    bare_images,
    drop_others,
    longer_side,
    one_request,
    own_members,
    ratio_of,
)
from conduit_providers.failures import malformed
from conduit_providers.given_images import Picture, mask_of, pictures_of
from conduit_providers.images import ImageAnswer, images_asked
from conduit_providers.json_reading import JsonReader
from conduit_providers.operations.image import ImageCall
from conduit_providers.operations.image_edit import ImageEditCall
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import JSON_HEADERS, HttpRequest, HttpResponse

Json = dict[str, Any]

_RATIOS = ("1:1", "3:4", "4:3", "9:16", "16:9")
_MOST_1K = 1536
_TAKEN = frozenset({"n", "size", "output_format"})
# Parameters that all of Google's services take; callers say them by Google's names.
_OWN = frozenset({"guidanceScale", "language", "personGeneration", "safetySetting"})
_OF_CHANGES = frozenset({"images", "mask", "editMode", "baseSteps"})
# What Google says instead of a picture has such numbers in it, one for each kind of content.
_SUPPORT_CODE = re.compile(r"\b\d{8}\b")


class _Prediction(msgspec.Struct, rename="camel"):
    bytes_base64_encoded: str = ""
    mime_type: str = ""
    # The prompt as it was rewritten.
    prompt: str | None = None
    rai_filtered_reason: str | None = None


class _Predictions(msgspec.Struct):
    predictions: list[_Prediction] | None = None


_DECODER = JsonReader(_Predictions)


def drawing_request(
    call: ImageCall, endpoint: Endpoint, target: Target, facts: ImageModel
) -> HttpRequest:
    """Return the request for a wish for images. InvalidRequest if its size is none."""
    parameters = _parameters(call, target.provider_name, facts, frozenset())
    if longer_side(call.typed.size) > _MOST_1K:
        parameters["sampleImageSize"] = "2K"
    return _request(call, endpoint, target, {"prompt": call.typed.prompt}, parameters)


def changing_request(
    call: ImageEditCall, endpoint: Endpoint, target: Target, facts: ImageEditModel
) -> HttpRequest:
    """Return the request for a change. InvalidRequest if an image cannot be had."""
    wish = call.typed
    parameters = _parameters(call, target.provider_name, facts, _OF_CHANGES)
    own = own_members(wish)
    mask = mask_of(wish, call.fetched)
    usual = "EDIT_MODE_DEFAULT" if mask is None else "EDIT_MODE_INPAINT_INSERTION"
    parameters["editMode"] = own.get("editMode", usual)
    if "baseSteps" in own:
        parameters["editConfig"] = {"baseSteps": own["baseSteps"]}
    shown = [_shown(picture, "RAW") for picture in pictures_of(wish, call.fetched)]
    if mask is not None:
        config = {"maskMode": "MASK_MODE_USER_PROVIDED"}
        shown.append({**_shown(mask, "MASK"), "maskImageConfig": config})
    numbered = [{**each, "referenceId": place} for place, each in enumerate(shown, 1)]
    instance = {"prompt": wish.prompt, "referenceImages": numbered}
    return _request(call, endpoint, target, instance, parameters)


def read_images(response: HttpResponse, call: Call[Any]) -> ImageAnswer:
    """Translate the answer. ContentPolicy if all images were filtered.

    Of several images, those that were not filtered are the answer.
    """
    found = read_answer(_DECODER, response.body, call.provider, "it is not a list of images")
    predictions = found.predictions or ()
    drawn = [each for each in predictions if each.bytes_base64_encoded]
    if not drawn:
        raise _without_image(predictions, call.provider)
    looks = {"output_format": drawn[0].mime_type.removeprefix("image/") or "png"}
    return bare_images(call.created, [_image(each) for each in drawn], None, **looks)


def _request(
    call: Call[Any],
    endpoint: Endpoint,
    target: Target,
    instance: Mapping[str, Any],
    parameters: Mapping[str, Any],
) -> HttpRequest:
    template = endpoint.options.predict_path or endpoint.path
    path = target.fill(template, model=call.model.removeprefix("models/"))
    headers = JSON_HEADERS + tuple(endpoint.headers.items())
    body = {"instances": [instance], "parameters": parameters}
    return HttpRequest("POST", f"{path}:predict", headers, orjson.dumps(body))


def _parameters(call: Call[Any], provider: str, facts: ImageModel, taken: frozenset[str]) -> Json:
    wish = call.typed
    one_request(call, provider, facts.max_images)
    own = own_members(wish)
    known = _OWN | set(facts.parameters)
    # Without a number there would be four; without a reason, nothing in the place of a picture.
    found: Json = {"sampleCount": images_asked(wish), "includeRaiReason": True}
    found |= {name: value for name, value in own.items() if name in known}
    found |= _named(call, provider, facts, own)
    if (ratio := ratio_of(call, provider, _RATIOS)) is not None:
        found["aspectRatio"] = ratio
    if (options := _output(call, provider)) is not None:
        found["outputOptions"] = options
    drop_others(call, provider, _TAKEN | known | taken | _spellings(found, call))
    return found


def _named(call: Call[Any], provider: str, facts: ImageModel, own: Json) -> Json:
    """Return the parameters that we have names for, too, where the service takes them."""
    wish = call.typed
    found: Json = {}
    negative = getattr(wish, "negative_prompt", "") or own.get("negative_prompt")
    if negative and "negativePrompt" in facts.parameters:
        found["negativePrompt"] = negative
    has_field = "seed" in wish.DESCRIPTOR.fields_by_name and wish.HasField("seed")
    seed = wish.seed if has_field else own.get("seed")
    # With a watermark, which is usual, the service takes no seed.
    if seed is not None and own.get("addWatermark") is False and "seed" in facts.parameters:
        found["seed"] = seed
    elif seed is not None:
        call.drop("seed", provider)
    return found


def _spellings(found: Json, call: Call[Any]) -> frozenset[str]:
    """Return our names of parameters that are taken, or told as dropped."""
    names = {"seed"} | ({"negative_prompt"} if "negativePrompt" in found else set())
    return frozenset(names | ({"output_compression"} if _is_jpeg(call) else set()))


def _is_jpeg(call: Call[Any]) -> bool:
    return call.typed.output_format in {"jpeg", "jpg"}


def _output(call: Call[Any], provider: str) -> Json | None:
    wish = call.typed
    if not _is_jpeg(call):
        if wish.output_format not in {"", "png"}:
            call.drop("output_format", provider)
        return None
    quality = wish.output_compression if wish.HasField("output_compression") else None
    return {"mimeType": "image/jpeg"} | ({} if quality is None else {"compressionQuality": quality})


def _shown(picture: Picture, kind: str) -> Json:
    image = {"bytesBase64Encoded": picture.base64, "mimeType": picture.media_type}
    return {"referenceType": f"REFERENCE_TYPE_{kind}", "referenceImage": image}


def _image(drawn: _Prediction) -> Json:
    found: Json = {"b64_json": drawn.bytes_base64_encoded}
    return {**found, "revised_prompt": drawn.prompt} if drawn.prompt else found


def _without_image(predictions: Sequence[_Prediction], provider: str) -> UpstreamError:
    reasons = (each.rai_filtered_reason for each in predictions)
    if (reason := next(filter(None, reasons), None)) is None:
        return malformed(provider, "it has no image")
    code = ",".join(_SUPPORT_CODE.findall(reason)) or "RAI_FILTERED"
    message = f"{provider} kept the images back ({reason})"
    return ContentPolicy(message, provider=provider, upstream_code=code)
