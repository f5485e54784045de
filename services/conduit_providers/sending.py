"""How a request value reaches a provider, as far as those care who send it."""

from typing import Protocol

from conduit_providers.wire import HttpRequest, HttpResponse


class Send(Protocol):
    """Sends one request and waits for the whole answer."""

    async def __call__(
        self, base_url: str, request: HttpRequest, timeout_seconds: float
    ) -> HttpResponse:
        """Return the answer, whatever its status.

        UpstreamUnreachable or UpstreamTimeout if there is none; UpstreamError if it is too large.
        """
        ...
