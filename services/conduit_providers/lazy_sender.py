"""A sender that is made when it is first used: httpx takes long to import."""

import asyncio
import importlib
from typing import TYPE_CHECKING, Any

from conduit_providers.wire import HttpRequest, HttpResponse

if TYPE_CHECKING:
    from conduit_providers.httpx_sender import HttpxSender


class LazySender:
    """A `conduit_providers.sending.Send` that costs nothing until it is needed."""

    def __init__(self) -> None:
        self._client: Any = None
        self._sender: HttpxSender | None = None

    async def __call__(
        self, base_url: str, request: HttpRequest, timeout_seconds: float
    ) -> HttpResponse:
        """Send a request; see `Send`."""
        if self._sender is None:
            # Importing and reading the certificates takes a while, so others may go on meanwhile.
            httpx = await asyncio.to_thread(importlib.import_module, "httpx")
            sender = await asyncio.to_thread(
                importlib.import_module, "conduit_providers.httpx_sender"
            )
            if self._sender is None:
                self._client = httpx.AsyncClient(follow_redirects=False, trust_env=True)
                self._sender = sender.HttpxSender(self._client)
        assert self._sender is not None  # noqa: S101 # made just now
        return await self._sender(base_url, request, timeout_seconds)

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.aclose()
