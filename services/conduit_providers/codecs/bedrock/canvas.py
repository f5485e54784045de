"""Amazon's Nova Canvas, which draws and changes images: a task, and what is configured for all.

https://docs.aws.amazon.com/nova/latest/userguide/image-gen-req-resp-structure.html and
https://docs.aws.amazon.com/nova/latest/userguide/image-gen-access.html
"""

from typing import Any

from conduit_kernel.errors import InvalidRequest
from conduit_providers.calls import Call
from conduit_providers.codecs.shared.image_wishes import drop_others, own_members, pixels_of
from conduit_providers.given_images import mask_of, pictures_of
from conduit_providers.images import images_asked
from conduit_providers.masks import pure
from conduit_providers.operations.image import ImageCall
from conduit_providers.operations.image_edit import ImageEditCall

Json = dict[str, Any]

_BETTER = frozenset({"hd", "high", "premium"})
# OpenAI has other values for the same member.
_STYLES = frozenset(
    {
        "3D_ANIMATED_FAMILY_FILM",
        "DESIGN_SKETCH",
        "FLAT_VECTOR_ILLUSTRATION",
        "GRAPHIC_NOVEL_ILLUSTRATION",
        "MAXIMALISM",
        "MIDCENTURY_RETRO",
        "PHOTOREALISM",
        "SOFT_DIGITAL_PAINTING",
    }
)
_SIDE = 1024
_TASKS = ("INPAINTING", "OUTPAINTING", "IMAGE_VARIATION", "BACKGROUND_REMOVAL")
# Members of Canvas's own, of the changes and of what is configured for all tasks.
_OF_CHANGES = ("maskPrompt", "outPaintingMode", "similarityStrength")
_OF_ALL = frozenset({"n", "negative_prompt", "seed", "cfgScale"})


def drawing(call: ImageCall, provider: str) -> Json:
    """Return the body for a wish for images. InvalidRequest if its size is none."""
    wish = call.typed
    has_style = wish.style in _STYLES
    drop_others(call, provider, _OF_ALL | {"size", "quality"} | ({"style"} if has_style else set()))
    texts = {
        "text": wish.prompt,
        "negativeText": wish.negative_prompt or None,
        "style": wish.style if has_style else None,
    }
    own = own_members(wish)
    seed = wish.seed if wish.HasField("seed") else None
    configured = {**_size(call), **_configured(call, provider, seed, own.get("cfgScale"))}
    return _task("TEXT_IMAGE", "textToImageParams", texts, configured)


def changing(call: ImageEditCall, provider: str) -> Json:
    """Return the body for a change of images.

    InvalidRequest if an image cannot be had, or the task is none of those that change images.
    """
    wish = call.typed
    own = own_members(wish)
    task = own.get("taskType") or _usual_task(call, own)
    if task not in _TASKS:
        raise InvalidRequest(f"taskType must be one of {', '.join(_TASKS)}", field="taskType")
    taken = {"images", "mask", "size", "quality", "taskType", *_OF_ALL, *_OF_CHANGES}
    drop_others(call, provider, taken)
    if task == "BACKGROUND_REMOVAL":
        call.drop("prompt", provider)
        image = {"image": pictures_of(wish, call.fetched)[0].base64}
        return _task(task, "backgroundRemovalParams", image, {})
    texts = {"text": wish.prompt, "negativeText": own.get("negative_prompt")}
    configured = _configured(call, provider, own.get("seed"), own.get("cfgScale"))
    kept = {name: own.get(name) for name in _OF_CHANGES}
    if task == "IMAGE_VARIATION":
        images = [each.base64 for each in pictures_of(wish, call.fetched)]
        given = {"images": images, **kept, **texts}
        return _task(task, "imageVariationParams", given, {**_size(call), **configured})
    name = "inPaintingParams" if task == "INPAINTING" else "outPaintingParams"
    return _task(task, name, {**_shown(call, task), **kept, **texts}, configured)


def looks(call: Call[Any]) -> dict[str, str]:
    """Return what is known of drawn images; those that are changed may keep their size."""
    wish = call.typed
    quality = {"quality": "high" if wish.quality in _BETTER else "standard"}
    if "images" in wish.DESCRIPTOR.fields_by_name:
        return quality
    width, height = pixels_of(call) or (_SIDE, _SIDE)
    return {**quality, "size": f"{width}x{height}"}


def _usual_task(call: ImageEditCall, own: Json) -> str:
    has_mask = call.typed.HasField("mask") or "maskPrompt" in own
    return "INPAINTING" if has_mask else "IMAGE_VARIATION"


def _shown(call: ImageEditCall, task: str) -> Json:
    """Return the image and its mask, which is black where the inside changes, white outside."""
    found: Json = {"image": pictures_of(call.typed, call.fetched)[0].base64}
    mask = mask_of(call.typed, call.fetched)
    if mask is not None:
        fitted = pure(mask.content, is_inverted=task == "INPAINTING")
        found["maskImage"] = mask._replace(content=fitted).base64
    return found


def _size(call: Call[Any]) -> Json:
    width, height = pixels_of(call) or (None, None)
    return {"width": width, "height": height}


def _configured(call: Call[Any], provider: str, seed: object, scale: object) -> Json:
    quality, count = call.typed.quality, images_asked(call.typed)
    if quality and quality not in {*_BETTER, "auto", "standard"}:
        call.drop("quality", provider)
    return {
        "quality": "premium" if quality in _BETTER else None,
        "cfgScale": scale,
        "seed": seed,
        "numberOfImages": count if count > 1 else None,
    }


def _task(task: str, name: str, given: Json, configured: Json) -> Json:
    body: Json = {"taskType": task, name: _said(given)}
    return {**body, "imageGenerationConfig": _said(configured) or None}


def _said(members: Json) -> Json:
    return {name: value for name, value in members.items() if value is not None}
