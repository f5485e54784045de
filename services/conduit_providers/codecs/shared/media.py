"""Pictures, sounds and files as a request carries them."""

import base64
import re
from collections.abc import Mapping
from typing import NamedTuple

from conduit_kernel.errors import InvalidRequest

# Other spellings of media types, as browsers and tools write them.
_SPELLINGS: Mapping[str, str] = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/x-png": "image/png",
    "application/x-pdf": "application/pdf",
}
# Labels that tell nothing.
_GENERAL = frozenset({"", "application/octet-stream", "binary/octet-stream", "image/*"})
# What contents begin with whose label tells nothing, or names another kind of picture.
_SIGNATURES: tuple[tuple[re.Pattern[bytes], str], ...] = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "image/png"),
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg"),
    (re.compile(rb"GIF8[79]a"), "image/gif"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "image/webp"),
    (re.compile(rb"%PDF-"), "application/pdf"),
    # The brands of ISO media files that IANA's registrations of these types name.
    (re.compile(rb"....ftyp(?:heic|heix|hevc|hevx)", re.DOTALL), "image/heic"),
    (re.compile(rb"....ftyp(?:mif1|msf1)", re.DOTALL), "image/heif"),
    (re.compile(rb"....ftypavi[fs]", re.DOTALL), "image/avif"),
    (re.compile(rb"II\*\x00|MM\x00\*"), "image/tiff"),
)
# As many characters of base64 as the signatures need.
_SIGNATURE_CHARS = 16
# Text beside the types that begin with `text/`.
_TEXTUAL = re.compile(
    r"application/(?:.+\+)?(?:json|jsonl|ndjson|xml|yaml|x-yaml|toml|javascript|typescript|sql|csv"
    r"|x-sh|x-python|x-httpd-php|x-tex|rtf|graphql)"
)
_DATA_URL = re.compile(
    r"data:([\w.+-]+/(?:[\w.+-]+|\*))?(?:;[\w.+-]+=[^;,]*)*(;base64)?,", re.ASCII
)


class Inline(NamedTuple):
    """Content that travels inside the request."""

    media_type: str
    base64: str

    @property
    def is_textual(self) -> bool:
        """Return whether the content is text of some kind, such as Markdown or source code."""
        kind = self.media_type
        return kind.startswith("text/") or _TEXTUAL.fullmatch(kind) is not None

    def text(self, field: str) -> str:
        """Return the content as text. InvalidRequest, naming `field`, if it is none."""
        try:
            return base64.b64decode(self.base64, validate=True).decode()
        except ValueError as error:
            raise InvalidRequest(f"{field} must be UTF-8 in base64", field=field) from error


def inlined(url: str, fetched: Mapping[str, tuple[str, bytes]], field: str) -> Inline | None:
    """Return a URL's content if it is in the URL itself, or was fetched; else None.

    InvalidRequest, naming `field`, for a data URL that is none or is not in base64.
    """
    if url in fetched:
        media_type, content = fetched[url]
        return _inline(media_type, base64.b64encode(content).decode())
    return data_url(url, field) if url.startswith("data:") else None


def inline_file(label: str, content: bytes) -> Inline:
    """Return a file's content, with the media type that its label or its first bytes say."""
    return _inline(label, base64.b64encode(content).decode())


def data_url(url: str, field: str) -> Inline:
    """Read a data URL. InvalidRequest, naming `field`, if it is none or is not in base64."""
    head = _DATA_URL.match(url)
    if head is None or head[2] is None:
        raise InvalidRequest(f"{field} must be a data URL with base64", field=field)
    return _inline(head[1] or "", url[head.end() :])


def _inline(label: str, content: str) -> Inline:
    """Return content with its media type, as `media_type_of` finds it."""
    try:
        start = base64.b64decode(content[:_SIGNATURE_CHARS])
    except ValueError:
        # The provider judges it.
        start = b""
    return Inline(media_type_of(label, start) or "text/plain", content)


def media_type_of(label: str, start: bytes) -> str:
    """Return a media type: as it is labelled, else what the first bytes say; empty for neither.

    Pictures are what their bytes say: Anthropic and Bedrock refuse a wrong label.
    """
    label = label.lower()
    signed = next((kind for signature, kind in _SIGNATURES if signature.match(start)), "")
    if label in _GENERAL:
        return signed or label
    if label in _SPELLINGS:
        return _SPELLINGS[label]
    if label.startswith("image/") and signed.startswith("image/"):
        return signed
    return label
