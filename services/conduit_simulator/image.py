"""Pictures that depend on the prompt alone: two colours of its own, one turning into the other."""

import base64
import hashlib
import re
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import orjson

from conduit_simulator.errors import bad_request
from conduit_simulator.requests import ImageEditRequest, ImageRequest
from conduit_simulator.text import tokens_of

MAX_SIDE = 2048
# As OpenAI documents them for a square of 1024 pixels.
_TOKENS = {"low": 272, "medium": 1056, "high": 4160}
_PARTIAL_TOKENS = 100
# Of each image that is to be changed.
_INPUT_TOKENS = 323
_SIZE = re.compile(r"([1-9]\d{0,3})x([1-9]\d{0,3})")
_UNSAID = frozenset({None, "", "auto"})

Json = dict[str, Any]


def image_list(request: ImageRequest, created: int) -> bytes:
    """Return OpenAI's answer of images."""
    data = [{"b64_json": _drawn(request, number)} for number in range(_count(request))]
    usage = usage_of(request, _count(request))
    return orjson.dumps({"created": created, "data": data, **_looks(request), "usage": usage})


def image_events(request: ImageRequest, created: int) -> Iterator[bytes]:
    """Return OpenAI's events, each drawn as it is taken: of each image its drafts, and then itself.

    ApiError at once, if it cannot be drawn.
    """
    return _events(request, {"created_at": created, **_looks(request)})


def _events(request: ImageRequest, members: Json) -> Iterator[bytes]:
    kind = "image_edit" if isinstance(request, ImageEditRequest) else "image_generation"
    for number in range(_count(request)):
        told = {"b64_json": _drawn(request, number), **members}
        for index in range(request.partial_images or 0):
            yield _event(f"{kind}.partial_image", {**told, "partial_image_index": index})
        yield _event(f"{kind}.completed", {**told, "usage": usage_of(request, 1)})


def usage_of(request: ImageRequest, images: int) -> Json:
    """Return what so many images of a request use."""
    told = len(tokens_of(request.prompt))
    given = len(request.images) if isinstance(request, ImageEditRequest) else 0
    seen = given * _INPUT_TOKENS
    drawn = _TOKENS[_quality(request)] + _PARTIAL_TOKENS * (request.partial_images or 0)
    written = images * drawn
    return {
        "input_tokens": told + seen,
        "output_tokens": written,
        "total_tokens": told + seen + written,
        "input_tokens_details": {"text_tokens": told, "image_tokens": seen},
    }


def _event(name: str, members: Json) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), orjson.dumps({"type": name, **members}))


def _count(request: ImageRequest) -> int:
    return request.n or 1


def _looks(request: ImageRequest) -> Json:
    width, height = _sides(request)
    return {
        "background": "opaque",
        "output_format": "png",
        "quality": _quality(request),
        "size": f"{width}x{height}",
    }


def _quality(request: ImageRequest) -> str:
    quality = "low" if request.quality in _UNSAID else request.quality
    if quality not in _TOKENS:
        raise bad_request(f"quality must be one of {', '.join(_TOKENS)}", "quality")
    return quality


def _sides(request: ImageRequest) -> tuple[int, int]:
    size = "1024x1024" if request.size in _UNSAID else request.size
    found = _SIZE.fullmatch(size or "")
    width, height = (int(side) for side in found.groups()) if found else (0, 0)
    if not 0 < max(width, height) <= MAX_SIDE:
        raise bad_request(f"size must be WIDTHxHEIGHT, up to {MAX_SIDE} each", "size")
    return width, height


def _drawn(request: ImageRequest, number: int) -> str:
    return base64.b64encode(picture(f"{number} {request.prompt}", *_sides(request))).decode()


def picture(prompt: str, width: int, height: int) -> bytes:
    """Return a PNG: https://www.w3.org/TR/png-3/."""
    digest = hashlib.sha256(prompt.encode()).digest()
    top, bottom = digest[:3], digest[3:6]
    # A row begins with its filter: none.
    rows = b"".join(b"\0" + _mixed(top, bottom, y, height) * width for y in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(rows, 1)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in parts)


def _mixed(one: bytes, other: bytes, part: int, whole: int) -> bytes:
    """Return a colour between two, so many parts of the whole away from the first."""
    return bytes((a * (whole - part) + b * part) // whole for a, b in zip(one, other, strict=True))


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
