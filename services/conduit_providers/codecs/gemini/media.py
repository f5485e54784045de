"""Pictures, sounds, films and files as Gemini's parts.

https://ai.google.dev/gemini-api/docs/file-input-methods: content travels inside the request, or
lies where the API itself can read it.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from conduit.v1.chat_message_pb2 import ContentPart, ImageUrl, InputFile
from conduit_kernel.errors import InvalidRequest
from conduit_providers.codecs.shared.media import Inline, inlined
from conduit_providers.codecs.shared.unsupported import untaken
from conduit_providers.operations.chat import ChatCall

Json = dict[str, Any]

# The types that the API documents, by the endings of names; YouTube's have none.
_TYPES: Mapping[str, str] = {
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "gif": "image/gif",
    "heic": "image/heic",
    "heif": "image/heif",
    "pdf": "application/pdf",
    "txt": "text/plain",
    "csv": "text/csv",
    "html": "text/html",
    "md": "text/md",
    "mp3": "audio/mp3",
    "wav": "audio/wav",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "ogg": "audio/ogg",
    "mp4": "video/mp4",
    "mov": "video/mov",
    "avi": "video/avi",
    "mpeg": "video/mpeg",
    "mpg": "video/mpg",
    "webm": "video/webm",
    "wmv": "video/wmv",
    "3gp": "video/3gpp",
}
_DETAILS: Mapping[str, str] = {"low": "MEDIA_RESOLUTION_LOW", "high": "MEDIA_RESOLUTION_HIGH"}
_FILES = "https://generativelanguage.googleapis.com/v1beta/"


class Media:
    """Turns content that is no text into parts."""

    def __init__(
        self, call: ChatCall, provider: str, native_urls: Sequence[str], *, takes_detail: bool
    ) -> None:
        """Take the beginnings of URLs that the API reads by itself."""
        self._call = call
        self._provider = provider
        self._native_urls = tuple(native_urls)
        self._takes_detail = takes_detail

    def part(self, content: ContentPart) -> Json:
        """Return the part. UnsupportedCapability for what is not known."""
        match content.WhichOneof("part"):
            case "image_url":
                return self._image(content.image_url)
            case "input_audio":
                sound = content.input_audio
                return _inline(Inline(f"audio/{sound.format or 'wav'}", sound.data))
            case "video_url":
                return self._located(content.video_url.url, "video_url.url")
            case "file":
                return self._file(content.file)
            case _:
                raise untaken(content, self._provider)

    def _image(self, image: ImageUrl) -> Json:
        part = self._located(image.url, "image_url.url")
        level = _DETAILS.get(image.detail)
        if level and self._takes_detail:
            part["mediaResolution"] = {"level": level}
        elif image.detail not in {"", "auto"}:
            self._call.drop("messages.image_url.detail", self._provider)
        return part

    def _file(self, file: InputFile) -> Json:
        if file.file_id:
            # The Files API's names are relative to it.
            uri = _FILES + file.file_id if file.file_id.startswith("files/") else file.file_id
            return {"fileData": {"fileUri": uri} | _type_of(file.filename or uri)}
        return self._located(file.file_data, "file.file_data")

    def _located(self, url: str, field: str) -> Json:
        if url.startswith(self._native_urls):
            return {"fileData": {"fileUri": url} | _type_of(url)}
        inline = inlined(url, self._call.fetched, field)
        if inline is None:
            raise InvalidRequest(
                f"{self._provider} takes this content only inside the request, and {field} could "
                "not be fetched for it",
                field=field,
            )
        return _inline(inline)


def _inline(inline: Inline) -> Json:
    return {"inlineData": {"mimeType": inline.media_type, "data": inline.base64}}


def _type_of(url: str) -> Json:
    parts = urlsplit(url)
    if parts.netloc.endswith(("youtube.com", "youtu.be")):
        return {"mimeType": "video/mp4"}
    media_type = _TYPES.get(parts.path.rpartition(".")[2].lower())
    return {"mimeType": media_type} if media_type else {}
