"""Given images in JSON, as callers spell them: all become what OpenAI's edits have.

That is `images`, a list of `{"image_url": "..."}` or `{"file_id": "..."}`, and one such `mask`.
The name of the form's member, `image`, stands for it, also for several; a text for an object; and
so do the shapes that images have in chats (`{"image_url": {"url": "..."}}`), at xAI (`{"url":
"..."}`) and in answers (`{"b64_json": "..."}`).
"""

import base64
import binascii
from typing import Any

import msgspec

from conduit.v1.json_limits import is_too_deep
from conduit_providers.codecs.shared.media import media_type_of

_Members = dict[str, msgspec.Raw]
_MEMBERS = msgspec.json.Decoder(_Members)
_ADDRESSES = ("http://", "https://", "data:")
_FILE_ID = "file-"
# Enough of base64 to know an image by its first bytes.
_HEAD = 32


def with_usual_images(body: bytes) -> bytes:
    """Return a wish with its images as OpenAI has them; as it is, where they are, or it is none."""
    try:
        if is_too_deep(body):
            return body
        members = _MEMBERS.decode(body)
        changed = _changed(members)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        # Whoever reads it for what it requires says what is wrong.
        return body
    if not changed:
        return body
    kept = {name: value for name, value in members.items() if name not in {"image", *changed}}
    return msgspec.json.encode(kept | changed)


def _changed(members: _Members) -> dict[str, Any]:
    """Return the members that are spelled otherwise, in the usual spelling."""
    changed: dict[str, Any] = {}
    name = "image" if "image" in members and _is_null(members, "images") else "images"
    if not _is_null(members, name):
        given = msgspec.json.decode(members[name])
        images = list(map(_usual, given if isinstance(given, list) else [given]))
        if name == "image" or images != given:
            changed["images"] = images
    if not _is_null(members, "mask"):
        mask = msgspec.json.decode(members["mask"])
        if (usual := _usual(mask)) != mask:
            changed["mask"] = usual
    return changed


def _is_null(members: _Members, name: str) -> bool:
    return name not in members or bytes(members[name]) == b"null"


def _usual(image: object) -> object:
    """Return an image as OpenAI's JSON has it; as it is, where nobody knows what it is."""
    match image:
        case str():
            return _usual_text(image)
        case {"image_url": {"url": str(url)}} | {"url": str(url)}:
            return {"image_url": url}
        case {"image_url": str(text)} if not text.startswith(_ADDRESSES):
            return _usual_text(text)
        case {"b64_json": str(text)}:
            return {"image_url": _data_url(text, "image/png")}
        case _:
            return image


def _usual_text(text: str) -> dict[str, str]:
    if text.startswith(_FILE_ID):
        return {"file_id": text}
    if text.startswith(_ADDRESSES):
        return {"image_url": text}
    return {"image_url": _data_url(text, "")}


def _data_url(text: str, otherwise: str) -> str:
    """Return base64 as an address; a text that begins like no image as it is, unless told."""
    try:
        start = base64.b64decode(text[:_HEAD], validate=True)
    except (binascii.Error, ValueError):
        return text
    media_type = media_type_of("", start) or otherwise
    return f"data:{media_type};base64,{text}" if media_type else text
