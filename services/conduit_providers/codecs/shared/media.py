"""Pictures, sounds and files as a request carries them."""

import base64
import re
from collections.abc import Mapping
from typing import NamedTuple

from conduit_kernel.errors import InvalidRequest

_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+)?(?:;[\w.+-]+=[^;,]*)*(;base64)?,", re.ASCII)


class Inline(NamedTuple):
    """Content that travels inside the request."""

    media_type: str
    base64: str

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
        return Inline(media_type, base64.b64encode(content).decode())
    return data_url(url, field) if url.startswith("data:") else None


def data_url(url: str, field: str) -> Inline:
    """Read a data URL. InvalidRequest, naming `field`, if it is none or is not in base64."""
    head = _DATA_URL.match(url)
    if head is None or head[2] is None:
        raise InvalidRequest(f"{field} must be a data URL with base64", field=field)
    return Inline(head[1] or "text/plain", url[head.end() :])
