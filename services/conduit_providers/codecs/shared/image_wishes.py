"""Wishes for images where a dialect has words of its own, and images where it has bytes."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Any

import orjson

from conduit.v1.json_runtime import JsonError, parse_member
from conduit_kernel.errors import InvalidRequest, UnsupportedCapability
from conduit_providers.calls import Call
from conduit_providers.images import ImageAnswer, image_answer, images_asked
from conduit_providers.quantities import IMAGE_INPUT, Quantities

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
            for each in _unknown(value).keys() - _HANDLED - taken:
                call.drop(each, provider)
        else:
            call.drop(name, provider)


def one_image(call: Call[Any], provider: str) -> None:
    """Refuse a stream of several images, where each takes a request. UnsupportedCapability."""
    if call.stream and images_asked(call.typed) > 1:
        message = f"{provider} streams one image at a time"
        raise UnsupportedCapability(message, capability="n")


def ratio_of(call: Call[Any], provider: str, ratios: Sequence[str]) -> str | None:
    """Return the ratio of sides that is the nearest to a size; None if no size was asked for.

    One that is not the same is told as dropped. InvalidRequest if it is no size.
    """
    size: str = call.typed.size
    if size in {"", "auto"}:
        return None
    if size in ratios:
        return size
    wished = _sides(size, "x")
    nearest = min(ratios, key=lambda ratio: abs(_sides(ratio, ":") / wished - 1))
    if abs(_sides(nearest, ":") / wished - 1) > _NEAR:
        call.drop("size", provider)
    return nearest


# 1792x1024 is 16:9 to everybody.
_NEAR = 0.02


def longer_side(size: str) -> int:
    """Return the longer side of a size in pixels; 0 if it has none."""
    sides = [side for side in size.split("x") if side.isdecimal() and len(side) < _DIGITS]
    return max(map(int, sides), default=0)


_DIGITS = 6


def _sides(size: str, between: str) -> float:
    width, _, height = size.partition(between)
    sides = (width, height)
    is_size = all(each.isdecimal() and len(each) < _DIGITS and int(each) for each in sides)
    if not is_size:
        raise InvalidRequest("size must be WIDTHxHEIGHT, or auto", field="size")
    return int(width) / int(height)


def bare_images(
    created: int, images: Sequence[Json], usage: Quantities | None, **looks: str
) -> ImageAnswer:
    """Return the answer that has these images, in OpenAI's shape."""
    answer: Json = {"created": created, "data": list(images), **looks}
    if usage is not None and (usage.input_tokens or usage.output_tokens):
        answer["usage"] = _usage_json(usage)
    return image_answer(usage=usage, json=orjson.dumps(answer))


def _usage_json(usage: Quantities) -> Json:
    read, written, seen = usage.input_tokens, usage.output_tokens, usage.count(IMAGE_INPUT)
    return {
        "input_tokens": read,
        "output_tokens": written,
        "total_tokens": read + written,
        "input_tokens_details": {"text_tokens": read - seen, "image_tokens": seen},
    }


def _unknown(members: bytes) -> Json:
    try:
        found = parse_member(members, "unknown_json")
    except JsonError:
        return {}
    return found if isinstance(found, dict) else {}
