"""Pictures, sounds, films and documents as Bedrock's Converse requires them.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ContentBlock.html: each kind is
a block of its own, with its format by name, and its bytes in the request or an object in S3.
"""

from collections.abc import Mapping
from typing import Any

from conduit_kernel.errors import InvalidRequest
from conduit_providers.codecs.shared.media import inlined
from conduit_providers.operations.chat import ChatCall

Json = dict[str, Any]

# Kind of block and format, by media type.
_BY_TYPE: Mapping[str, tuple[str, str]] = {
    "image/png": ("image", "png"),
    "image/jpeg": ("image", "jpeg"),
    "image/gif": ("image", "gif"),
    "image/webp": ("image", "webp"),
    "audio/mpeg": ("audio", "mp3"),
    "audio/mp3": ("audio", "mp3"),
    "audio/wav": ("audio", "wav"),
    "audio/x-wav": ("audio", "wav"),
    "audio/flac": ("audio", "flac"),
    "audio/aac": ("audio", "aac"),
    "audio/ogg": ("audio", "ogg"),
    "audio/opus": ("audio", "opus"),
    "audio/mp4": ("audio", "m4a"),
    "audio/webm": ("audio", "webm"),
    "video/quicktime": ("video", "mov"),
    "video/x-matroska": ("video", "mkv"),
    "video/mp4": ("video", "mp4"),
    "video/webm": ("video", "webm"),
    "video/x-flv": ("video", "flv"),
    "video/mpeg": ("video", "mpeg"),
    "video/x-ms-wmv": ("video", "wmv"),
    "video/3gpp": ("video", "three_gp"),
    "application/pdf": ("document", "pdf"),
    "text/csv": ("document", "csv"),
    "application/msword": ("document", "doc"),
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": (
        "document",
        "docx",
    ),
    "application/vnd.ms-excel": ("document", "xls"),
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ("document", "xlsx"),
    "text/html": ("document", "html"),
    "text/plain": ("document", "txt"),
    "text/markdown": ("document", "md"),
}
# The same by a name's ending; `webm` is a film.
_BY_ENDING: Mapping[str, tuple[str, str]] = {
    **{form: (kind, form) for kind, form in _BY_TYPE.values()},
    "jpg": ("image", "jpeg"),
    "3gp": ("video", "three_gp"),
    "htm": ("document", "html"),
}
S3 = "s3://"


def media(url: str, call: ChatCall, field: str, filename: str = "") -> tuple[str, Json]:
    """Return the kind of block that a URL needs, and what stands in it.

    InvalidRequest, naming `field`, for content that was not fetched or that Converse has no
    format for.
    """
    if url.startswith(S3):
        return _block(_BY_ENDING.get(_ending(url)), {"s3Location": {"uri": url}}, call, field)
    inline = inlined(url, call.fetched, field)
    if inline is None:
        raise InvalidRequest(
            f"{call.provider} takes no content by URL, and that of {field} was not fetched",
            field=field,
        )
    found = _BY_TYPE.get(inline.media_type) or _BY_ENDING.get(_ending(filename))
    if found is None and inline.is_textual:
        found = _BY_TYPE["text/plain"]
    return _block(found, {"bytes": inline.base64}, call, field)


def sound(data: str, form: str) -> Json:
    """Return the block of a sound in base64."""
    return {"audio": {"format": form, "source": {"bytes": data}}}


def _block(
    found: tuple[str, str] | None, source: Json, call: ChatCall, field: str
) -> tuple[str, Json]:
    if found is None:
        raise InvalidRequest(
            f"{call.provider} knows no format for the content of {field}", field=field
        )
    kind, form = found
    return kind, {"format": form, "source": source}


def _ending(name: str) -> str:
    return name.rpartition(".")[2].lower()
