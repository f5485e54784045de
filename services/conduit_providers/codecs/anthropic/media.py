"""Pictures and documents as Anthropic takes them.

https://platform.claude.com/docs/en/build-with-claude/vision and .../pdf-support: in base64 four
kinds of pictures and PDFs alone; texts as such; all of them also by address.
"""

from collections.abc import Collection
from typing import Any

from conduit.v1.chat_message_pb2 import InputFile
from conduit_kernel.errors import InvalidRequest
from conduit_providers.codecs.shared.media import Inline, data_url, inlined
from conduit_providers.operations.chat import ChatCall

Json = dict[str, Any]

PICTURES = ("image/jpeg", "image/png", "image/gif", "image/webp")
DOCUMENTS = ("application/pdf", *PICTURES)


def image_source(url: str, call: ChatCall) -> Json:
    """Return where a picture is, or what. InvalidRequest for a kind that is not taken."""
    inline = inlined(url, call.fetched, "image_url.url")
    if inline is None:
        return {"type": "url", "url": url}
    return _in_base64(inline, PICTURES, call, "image_url.url")


def document_source(file: InputFile, call: ChatCall) -> Json:
    """Return where a file is, or what; it may be a picture. InvalidRequest as above."""
    if file.file_id:
        return {"type": "file", "file_id": file.file_id}
    if file.file_data.startswith(("http://", "https://")) and file.file_data not in call.fetched:
        return {"type": "url", "url": file.file_data}
    inline = inlined(file.file_data, call.fetched, "file.file_data")
    inline = inline or data_url(file.file_data, "file.file_data")
    if inline.is_textual:
        return {"type": "text", "media_type": "text/plain", "data": inline.text("file.file_data")}
    return _in_base64(inline, DOCUMENTS, call, "file.file_data")


def _in_base64(inline: Inline, kinds: Collection[str], call: ChatCall, field: str) -> Json:
    if inline.media_type not in kinds:
        raise InvalidRequest(
            f"{call.provider} takes {', '.join(kinds)}; {field} is {inline.media_type[:99]}",
            field=field,
        )
    return {"type": "base64", "media_type": inline.media_type, "data": inline.base64}
