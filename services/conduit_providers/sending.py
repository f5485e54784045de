"""Sends requests whose answers are short and waited for: model lists and access tokens."""

import asyncio
from codecs import BOM_UTF8
from typing import NoReturn, Protocol
from urllib.parse import urlsplit

from conduit_kernel.addresses import is_public
from conduit_kernel.errors import (
    EgressProxyFailed,
    ServiceUnavailable,
    UpstreamError,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from conduit_kernel.http import (
    BodyTooLarge,
    ConnectFailed,
    Fields,
    HeaderTimeout,
    HttpClient,
    HttpError,
    IdleTimeout,
    LocalExhausted,
    Origin,
    PoolExhausted,
    Timeouts,
)
from conduit_kernel.settings import Settings
from conduit_providers.wire import HttpRequest, HttpResponse

# A list of all models of OpenRouter has about 1 MB.
MAX_BODY_BYTES = 16 * 1024 * 1024
CONNECT_SECONDS = 10.0

_PORTS = {"http": 80, "https": 443}


class Send(Protocol):
    """Sends one request and waits for the whole answer."""

    async def __call__(
        self, base_url: str, request: HttpRequest, seconds: float, /, *, is_guarded: bool
    ) -> HttpResponse:
        """Return the answer, whatever its status; redirects are answers like any other.

        `is_guarded`: the operator named the address, so it must be public unless private ones are
        allowed. UpstreamUnreachable or UpstreamTimeout if there is no answer; UpstreamError if it
        is too large or encoded.
        """
        ...


class Sender:
    """A `Send` on the kernel's clients. Belongs to one event loop."""

    def __init__(
        self,
        client: HttpClient,
        guarded_client: HttpClient,
        *,
        max_body_bytes: int = MAX_BODY_BYTES,
    ) -> None:
        """Take the client for the catalog's addresses and the one for those of operators."""
        self._client = client
        self._guarded_client = guarded_client
        self._max_body_bytes = max_body_bytes

    @classmethod
    def of(cls, settings: Settings, *, max_body_bytes: int = MAX_BODY_BYTES) -> "Sender":
        """Return a sender that keeps to the settings."""
        # A name may lead elsewhere than when it was accepted, so addresses are judged at connect.
        guard = None if settings.allow_private_addresses else is_public
        return cls(
            HttpClient(egress=settings.egress),
            HttpClient(allow_address=guard, egress=settings.egress),
            max_body_bytes=max_body_bytes,
        )

    async def __call__(
        self, base_url: str, request: HttpRequest, timeout_seconds: float, *, is_guarded: bool
    ) -> HttpResponse:
        """Send a request; see `Send`."""
        url = urlsplit(base_url.rstrip("/"))
        host = url.hostname or ""
        origin = Origin(url.scheme, host, url.port or _PORTS[url.scheme])
        client = self._guarded_client if is_guarded else self._client
        try:
            async with asyncio.timeout(timeout_seconds):
                return await self._answer(client, origin, url.path, request, timeout_seconds)
        except TimeoutError:
            # Raised below: asyncio's error refers to this task, which may end with what is raised.
            late = f"{host} did not answer within {timeout_seconds:g} s"
        except HttpError as error:
            _raise_failure(error, host)
        raise UpstreamTimeout(late, kind="timeout")

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()
        await self._guarded_client.close()

    async def _answer(
        self, client: HttpClient, origin: Origin, base_path: str, request: HttpRequest, limit: float
    ) -> HttpResponse:
        response = await client.send(
            origin,
            request.method,
            base_path + request.path,
            _fields(request),
            request.body,
            timeouts=Timeouts(min(CONNECT_SECONDS, limit), limit, limit),
        )
        try:
            body = await response.read(self._max_body_bytes)
        finally:
            response.close()
        headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in response.headers.items()}
        return HttpResponse(response.status, headers, body.removeprefix(BOM_UTF8))


def _fields(request: HttpRequest) -> Fields:
    fields = [(name.encode(), value.encode("latin-1")) for name, value in request.headers]
    # Whoever encodes an answer all the same, has it unfolded with bounds.
    return [*fields, (b"accept-encoding", b"identity")]


def _raise_failure(error: HttpError, host: str) -> NoReturn:
    if isinstance(error, LocalExhausted | PoolExhausted):
        raise ServiceUnavailable("Conduit has no means left for another connection") from error
    if isinstance(error, HeaderTimeout | IdleTimeout):
        raise UpstreamTimeout(f"{host} did not answer in time", kind="timeout") from error
    if isinstance(error, BodyTooLarge):
        raise UpstreamError(f"{host} sent too much: {error}", kind="malformed") from error
    if not isinstance(error, ConnectFailed):
        raise UpstreamUnreachable(f"{host} broke the answer off", kind="reset") from error
    if error.kind == "timeout":
        raise UpstreamTimeout(
            f"{host} did not take the connection in time", kind="timeout"
        ) from error
    cls = EgressProxyFailed if error.kind == "proxy" else UpstreamUnreachable
    raise cls(f"{host} cannot be reached: {error}", kind=error.kind) from error
