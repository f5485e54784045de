"""Wishes for images where a dialect has words of its own, and images where it has bytes."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Any

import orjson
from google.protobuf.message import Message

from conduit.v1.image_json import image_usage_to_json
from conduit.v1.json_runtime import JsonError, parse_member
from conduit_kernel.errors import InvalidRequest, UnsupportedCapability
from conduit_providers.calls import Call
from conduit_providers.images import (
    ImageAnswer,
    image_answer,
    images_asked,
    sides_of,
    usage_message,
)
from conduit_providers.quantities import Quantities

Json = dict[str, Any]

# What every dialect has in a place of its own, and what asks for nothing that is not done anyway.
_HANDLED = frozenset({"model", "prompt", "stream", "fallbacks", "prompt_cache_key", "session_id"})
_DEFAULTS = {
    "background": ("auto", "opaque"),
    "moderation": ("auto",),
    "n": (1,),
    "output_compression": (100,),
    "output_format": ("png",),
    "partial_images": (0,),
    "quality": ("auto", "standard"),
    "response_format": ("b64_json",),
    "size": ("auto",),
}


def drop_others(call: Call[Any], provider: str, taken: AbstractSet[str]) -> None:
    """Drop the members of a wish that a dialect does not take. UnsupportedParameter when strict."""
    wish = call.typed
    for field, value in wish.ListFields():
        name = field.name
        if name in _HANDLED | taken or value in _DEFAULTS.get(name, ()):
            continue
        if name == "unknown_json":
            for each in own_members(wish):
                if each not in taken:
                    call.drop(each, provider)
        else:
            call.drop(name, provider)


def one_image(call: Call[Any], provider: str) -> None:
    """Refuse a stream of several images, where each takes a request. UnsupportedCapability."""
    one_request(call, provider, 1)


def one_request(call: Call[Any], provider: str, most: int | None) -> None:
    """Refuse a stream of more images than a request may have. UnsupportedCapability."""
    if call.stream and most is not None and images_asked(call.typed) > most:
        count = "one image" if most == 1 else f"{most} images"
        raise UnsupportedCapability(f"{provider} streams {count} at a time", capability="n")


def ratio_of(call: Call[Any], provider: str, ratios: Sequence[str]) -> str | None:
    """Return the ratio of sides that is the nearest to a size; None if no size was asked for.

    One that is not the same is told as dropped. InvalidRequest if it is no size.
    """
    size: str = call.typed.size
    if size in {"", "auto"}:
        return None
    if size in ratios:
        return size
    width, height = _sides(size)
    wished = width / height
    nearest = min(ratios, key=lambda ratio: abs(_value(ratio) / wished - 1))
    if abs(_value(nearest) / wished - 1) > _NEAR:
        call.drop("size", provider)
    return nearest


# 1792x1024 is 16:9 to everybody.
_NEAR = 0.02


def pixels_of(call: Call[Any]) -> tuple[int, int] | None:
    """Return the width and height that are asked for, None if none are. InvalidRequest."""
    size: str = call.typed.size
    return None if size in {"", "auto"} else _sides(size)


def longer_side(size: str) -> int:
    """Return the longer side of a size in pixels; 0 if it has none."""
    return max(sides_of(size) or (0,))


def _sides(size: str) -> tuple[int, int]:
    sides = sides_of(size)
    if sides is None:
        raise InvalidRequest("size must be WIDTHxHEIGHT, or auto", field="size")
    return sides


def _value(ratio: str) -> float:
    width, _, height = ratio.partition(":")
    return int(width) / int(height)


def own_members(wish: Message) -> Json:
    """Return the members of a wish that only its provider may know."""
    unknown: bytes = getattr(wish, "unknown_json", b"")
    return {name: value for name, value in _unknown(unknown).items() if name not in _HANDLED}


def bare_images(
    created: int, images: Sequence[Json], usage: Quantities | None, **looks: str
) -> ImageAnswer:
    """Return the answer that has these images, in OpenAI's shape."""
    answer: Json = {"created": created, "data": list(images), **looks}
    if usage is not None and (usage.input_tokens or usage.output_tokens):
        answer["usage"] = image_usage_to_json(usage_message(usage))
    return image_answer(usage=usage, json=orjson.dumps(answer))


def _unknown(members: bytes) -> Json:
    try:
        found = parse_member(members, "unknown_json")
    except JsonError:
        return {}
    return found if isinstance(found, dict) else {}
