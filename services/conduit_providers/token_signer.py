"""What signers have in common whose proof is a token that an issuer gives for a while."""

import asyncio
from abc import ABC, abstractmethod
from functools import partial
from typing import NamedTuple, Protocol

from msgspec.structs import replace

from conduit_kernel.errors import UpstreamTimeout
from conduit_providers.auth import invalid_key
from conduit_providers.sending import Send
from conduit_providers.target import Target
from conduit_providers.wire import Headers, HttpRequest, HttpResponse

# Of all requests for one token together.
REFRESH_SECONDS = 25.0


class Ask(Protocol):
    """Sends one request from a thread, and waits for the answer; as `Send` does."""

    def __call__(
        self, base_url: str, request: HttpRequest, seconds: float, /, *, is_guarded: bool
    ) -> HttpResponse:
        """Return the answer, whatever its status. UpstreamError if there is none."""
        ...


class Token(NamedTuple):
    """A token, and when it expires, in seconds since 1970."""

    text: str
    expires_at: float

    def __repr__(self) -> str:
        """Name when it expires, and nothing secret."""
        return f"Token(expires_at={self.expires_at})"


class TokenSigner(ABC):
    """Adds `Authorization: Bearer` with the token that was fetched last."""

    is_static = False

    def __init__(self, target: Target, issuer: str, extra: Headers = ()) -> None:
        """Take who gives the token, for errors, and the headers that go with it."""
        self._target = target
        self._issuer = issuer
        self._extra = extra
        self._headers: Headers = ()
        self._expires_at = 0.0
        self._lock = asyncio.Lock()

    def __repr__(self) -> str:
        """Name the strategy, and nothing else."""
        return f"{type(self).__name__}()"

    @property
    def expires_at(self) -> float:
        """When the token expires, in seconds since 1970; zero before there is one."""
        return self._expires_at

    def sign(self, request: HttpRequest) -> HttpRequest:
        """Return the request with the token. InvalidApiKey if none was ever fetched."""
        if not self._headers:
            raise invalid_key(self._target)
        return replace(request, headers=request.headers + self._headers)

    async def refresh(self, now: float, send: Send) -> None:
        """Fetch a new token; those who ask at the same time share it.

        InvalidApiKey if the issuer refuses the key; UpstreamUnreachable, UpstreamTimeout or
        UpstreamError if it does not answer or makes no sense.
        """
        before = self._expires_at
        async with self._lock:
            if self._expires_at > max(before, now):
                return
            ask = partial(_ask, asyncio.get_running_loop(), send)
            try:
                async with asyncio.timeout(REFRESH_SECONDS):
                    token = await asyncio.to_thread(self._fetch, now, ask)
            except TimeoutError:
                raise UpstreamTimeout(
                    f"{self._issuer} gave no token for {self._target.provider_name} within "
                    f"{REFRESH_SECONDS:g} s",
                    provider=self._target.provider_name,
                ) from None
            self._headers = (("authorization", f"Bearer {token.text}"), *self._extra)
            self._expires_at = token.expires_at

    @abstractmethod
    def _fetch(self, now: float, ask: Ask) -> Token:
        """Fetch a token; runs in a thread, because it waits."""


def _ask(
    loop: asyncio.AbstractEventLoop,
    send: Send,
    url: str,
    request: HttpRequest,
    seconds: float,
    *,
    is_guarded: bool,
) -> HttpResponse:
    """Send a request from a thread, over the loop's own connections."""
    coroutine = send(url, request, seconds, is_guarded=is_guarded)
    return asyncio.run_coroutine_threadsafe(coroutine, loop).result()
