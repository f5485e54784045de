"""What signers have in common whose proof an issuer gives for a while.

Libraries know how to ask issuers, and wait meanwhile, so they run in threads; what they send goes
over the connections of the event loop, which keep to the operator's rules and to limits of time.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Generic, NamedTuple, NoReturn, TypeVar
from urllib.parse import urlsplit

from msgspec.structs import replace

from conduit_kernel.errors import ConduitError, UpstreamUnreachable
from conduit_providers.auth import invalid_key
from conduit_providers.sending import Send
from conduit_providers.target import Target
from conduit_providers.wire import Headers, HttpRequest, HttpResponse

# Of one request to an issuer; whoever wants a proof bounds the time of all of them.
REQUEST_SECONDS = 10.0

# What the connection says by itself.
_OWN_HEADERS = frozenset(
    {"host", "content-length", "connection", "transfer-encoding", "accept-encoding", "expect"}
)

ProofT = TypeVar("ProofT")


class Ask:
    """Sends the requests of one refresh from its thread, each as `Send` does."""

    def __init__(self, loop: asyncio.AbstractEventLoop, send: Send) -> None:
        self._loop = loop
        self._send = send
        # Why the last request had no answer.
        self.failure: ConduitError | None = None

    def __call__(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        seconds: float = REQUEST_SECONDS,
        is_guarded: bool = False,
    ) -> HttpResponse:
        """Return the answer, whatever its status. ConduitError if there is none."""
        parts = urlsplit(url)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        kept = ((n, v) for n, v in headers.items() if n.lower() not in _OWN_HEADERS)
        request = HttpRequest(method, path, tuple(kept), body)
        base_url = f"{parts.scheme}://{parts.netloc}"
        coroutine = self._send(
            base_url, request, min(seconds, REQUEST_SECONDS), is_guarded=is_guarded
        )
        self.failure = None
        try:
            return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()
        except ConduitError as error:
            self.failure = error
            raise


class ExpiringSigner(ABC, Generic[ProofT]):
    """Base of signers that fetch their proof; those who need it at the same time share one."""

    is_static = False

    def __init__(self, target: Target, issuer: str) -> None:
        """Take who gives the proof, for errors."""
        self._target = target
        self._issuer = issuer
        self._expires_at = 0.0
        self._lock = asyncio.Lock()

    def __repr__(self) -> str:
        """Name the strategy, and nothing else."""
        return f"{type(self).__name__}()"

    @property
    def expires_at(self) -> float:
        """Return when the proof expires, in seconds since 1970; zero before there is one."""
        return self._expires_at

    async def refresh(self, now: float, send: Send) -> None:
        """Fetch a new proof.

        InvalidApiKey if the issuer refuses the key; UpstreamUnreachable, UpstreamTimeout or
        UpstreamError if it does not answer or makes no sense. It has no limit of its own.
        """
        before = self._expires_at
        async with self._lock:
            if self._expires_at > max(before, now):
                return
            ask = Ask(asyncio.get_running_loop(), send)
            try:
                proof = await asyncio.to_thread(self._fetch, now, ask)
            except UpstreamUnreachable:
                if ask.failure is None:
                    raise
                self._fail(ask.failure)
            self._keep(proof)

    def _fail(self, failure: ConduitError) -> NoReturn:
        """Raise what became of a request, which no library says as well."""
        name = self._target.provider_name
        failure.message = f"{self._issuer} gave no token for {name}: {failure.message}"
        failure.metadata["provider"] = name
        raise failure from None

    @abstractmethod
    def _fetch(self, now: float, ask: Ask) -> ProofT:
        """Fetch a proof; runs in a thread, because it waits.

        UpstreamUnreachable if a request had no answer; `Ask` knows why.
        """

    @abstractmethod
    def _keep(self, proof: ProofT) -> None:
        """Sign with this proof from now on."""


class Token(NamedTuple):
    """A token, and when it expires, in seconds since 1970."""

    text: str
    expires_at: float

    def __repr__(self) -> str:
        """Name when it expires, and nothing secret."""
        return f"Token(expires_at={self.expires_at})"


class TokenSigner(ExpiringSigner[Token]):
    """Adds `Authorization: Bearer` with the token that was fetched last."""

    def __init__(self, target: Target, issuer: str, extra: Headers = ()) -> None:
        """Take who gives the token, for errors, and the headers that go with it."""
        super().__init__(target, issuer)
        self._extra = extra
        self._headers: Headers = ()

    def sign(self, request: HttpRequest) -> HttpRequest:
        """Return the request with the token. InvalidApiKey if none was ever fetched."""
        if not self._headers:
            raise invalid_key(self._target)
        return replace(request, headers=request.headers + self._headers)

    def _keep(self, proof: Token) -> None:
        self._headers = (("authorization", f"Bearer {proof.text}"), *self._extra)
        self._expires_at = proof.expires_at
