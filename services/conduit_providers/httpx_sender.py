"""Sends requests with httpx, where speed does not matter: probes, discovery, tokens."""

import asyncio
import socket
import ssl
from collections.abc import Iterator

import httpx

from conduit_kernel.errors import UpstreamError, UpstreamTimeout, UpstreamUnreachable
from conduit_providers.wire import HttpRequest, HttpResponse

# A list of all models of OpenRouter has about 1 MB.
MAX_BODY_BYTES = 16 * 1024 * 1024
MAX_REDIRECTS = 3


class HttpxSender:
    """A `Send` on an httpx client.

    Redirects are followed within the same origin only, because the request carries a key.
    """

    def __init__(self, client: httpx.AsyncClient, max_body_bytes: int = MAX_BODY_BYTES) -> None:
        """Take a client that follows no redirects by itself; whoever made it closes it."""
        self._client = client
        self._max_body_bytes = max_body_bytes

    async def __call__(
        self, base_url: str, request: HttpRequest, timeout_seconds: float
    ) -> HttpResponse:
        """Return the answer. UpstreamUnreachable, UpstreamTimeout or UpstreamError if none."""
        url = httpx.URL(base_url.rstrip("/") + request.path)
        try:
            async with asyncio.timeout(timeout_seconds):
                return await self._follow(url, request, timeout_seconds)
        except (TimeoutError, httpx.TimeoutException) as error:
            raise UpstreamTimeout(
                f"{url.host} did not answer within {timeout_seconds:g} s", kind="timeout"
            ) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            kind = kind_of(error)
            raise UpstreamUnreachable(
                f"{url.host} cannot be reached: {_WORDS[kind]}", kind=kind
            ) from error

    async def _follow(
        self, url: httpx.URL, request: HttpRequest, timeout_seconds: float
    ) -> HttpResponse:
        for _ in range(MAX_REDIRECTS + 1):
            async with self._client.stream(
                request.method,
                url,
                headers=list(request.headers),
                content=request.body or None,
                timeout=timeout_seconds,
                follow_redirects=False,
            ) as response:
                following = self._next_url(url, response, request)
                if following is None:
                    body = await self._body(response)
                    headers = {name.lower(): value for name, value in response.headers.items()}
                    return HttpResponse(response.status_code, headers, body)
            url = following
        raise UpstreamUnreachable(f"{url.host} redirects without end", kind="redirect")

    def _next_url(
        self, url: httpx.URL, response: httpx.Response, request: HttpRequest
    ) -> httpx.URL | None:
        if not response.has_redirect_location or request.method not in {"GET", "HEAD"}:
            return None
        following = url.join(response.headers["location"])
        return following if _origin(following) == _origin(url) else None

    async def _body(self, response: httpx.Response) -> bytes:
        body = bytearray()
        async for piece in response.aiter_bytes():
            body += piece
            if len(body) > self._max_body_bytes:
                raise UpstreamError(
                    f"{response.url.host} sent more than {self._max_body_bytes} bytes",
                    kind="malformed",
                )
        return bytes(body)


_WORDS = {
    "dns": "its name is not known",
    "refused": "it refuses connections",
    "tls": "its certificate or encryption is not right",
    "reset": "it closed the connection",
    "timeout": "it does not answer",
    "url": "its address is not right",
    "connect": "no connection can be made",
}


_KINDS: tuple[tuple[tuple[type[BaseException], ...], str], ...] = (
    ((socket.gaierror,), "dns"),
    ((ssl.SSLError,), "tls"),
    ((ConnectionRefusedError,), "refused"),
    ((ConnectionResetError, BrokenPipeError), "reset"),
    ((httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError), "reset"),
    ((httpx.InvalidURL, httpx.UnsupportedProtocol), "url"),
)


def kind_of(error: BaseException) -> str:
    """Return what kept us from an answer: `dns`, `refused`, `tls`, `reset`, `timeout`, ..."""
    kinds = (
        kind for cause in _causes(error) for classes, kind in _KINDS if isinstance(cause, classes)
    )
    return next(kinds, "connect")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield what lies beneath an error, innermost first, each once."""
    found: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop()
        if each is None or each in found:
            continue
        found.append(each)
        if isinstance(each, BaseExceptionGroup):
            waiting.extend(each.exceptions)
        waiting += [each.__cause__, each.__context__]
    return reversed(found)


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port
