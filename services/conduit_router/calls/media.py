"""Fetches the pictures that a caller names by URL, for providers that take none."""

import asyncio
from collections.abc import Iterator
from urllib.parse import urljoin, urlsplit

from conduit.v1.chat_pb2 import ChatCompletionRequest
from conduit_kernel.errors import InvalidRequest
from conduit_kernel.http import HttpClient, HttpError, Origin, Timeouts

MAX_ITEMS = 20
MAX_BYTES = 20 * 1024 * 1024
FETCH_SECONDS = 15.0
MAX_REDIRECTS = 3
REDIRECTS = frozenset({301, 302, 303, 307, 308})
_TIMEOUTS = Timeouts(connect=5.0, header=10.0, idle=5.0)
_PORTS = {"http": 80, "https": 443}

# Media type and content, by URL.
Media = dict[str, tuple[str, bytes]]


class MediaFetcher:
    """Fetches media within bounds of number, size and time. The client bounds the addresses."""

    def __init__(self, client: HttpClient) -> None:
        self._client = client

    async def fetch(self, request: ChatCompletionRequest, native: tuple[str, ...]) -> Media:
        """Return what a conversation refers to. InvalidRequest, naming the host, if it cannot.

        What begins with one of `native` is left to the provider, which takes it as it is.
        """
        urls = sorted({url for url in _urls(request) if not url.startswith(native)})
        if len(urls) > MAX_ITEMS:
            raise InvalidRequest(
                f"A request may refer to at most {MAX_ITEMS} files by URL", field="messages"
            )
        try:
            async with asyncio.timeout(FETCH_SECONDS), asyncio.TaskGroup() as group:
                tasks = {url: group.create_task(self._get(url)) for url in urls}
        except TimeoutError as error:
            raise InvalidRequest(
                f"The files of the request did not arrive within {FETCH_SECONDS:.0f} s",
                field="messages",
            ) from error
        except ExceptionGroup as several:
            # One reason is enough for the caller.
            raise several.exceptions[0] from several
        return {url: task.result() for url, task in tasks.items()}

    async def _get(self, url: str) -> tuple[str, bytes]:
        for _ in range(MAX_REDIRECTS + 1):
            parts = urlsplit(url)
            if parts.scheme not in _PORTS or not parts.hostname:
                break
            origin = Origin(parts.scheme, parts.hostname, parts.port or _PORTS[parts.scheme])
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            try:
                response = await self._client.send(origin, "GET", target, timeouts=_TIMEOUTS)
                try:
                    if response.status in REDIRECTS:
                        location = response.headers.get(b"location") or b""
                        url = urljoin(url, location.decode("latin-1"))
                        continue
                    if response.status != 200:  # noqa: PLR2004 # OK
                        raise _refusal(url, f"answered {response.status}")
                    kind = (response.headers.get(b"content-type") or b"").decode("latin-1")
                    return kind.partition(";")[0].strip().lower(), await response.read(MAX_BYTES)
                finally:
                    response.close()
            except (HttpError, ValueError) as error:
                raise _refusal(url, str(error)) from error
        raise _refusal(url, "is no http URL, or redirects too often")


def has_urls(request: ChatCompletionRequest) -> bool:
    """Return whether a conversation refers to anything by URL."""
    return next(_urls(request), None) is not None


def _urls(request: ChatCompletionRequest) -> Iterator[str]:
    for message in request.messages:
        for part in message.content:
            for url in (part.image_url.url, part.video_url.url):
                if url.startswith(("http://", "https://")):
                    yield url


def _refusal(url: str, why: str) -> InvalidRequest:
    # A URL's path and query may hold what is nobody else's business.
    host = urlsplit(url).hostname or "?"
    return InvalidRequest(f"The file at {host} cannot be fetched: {why}", field="messages")
