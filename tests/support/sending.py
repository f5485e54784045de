"""Senders for tests of signers and probes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from conduit_kernel.http import HttpClient
from conduit_providers.sending import Sender
from conduit_providers.wire import HttpRequest, HttpResponse


async def unsent(
    base_url: str,
    request: HttpRequest,
    _seconds: float,
    *,
    is_guarded: bool,  # noqa: ARG001 # by name
) -> HttpResponse:
    """Fail: whoever is given this has connections of its own, or needs none."""
    raise AssertionError(f"sent {request!r} to {base_url}")


@asynccontextmanager
async def open_sender(**limits: int) -> AsyncIterator[Sender]:
    """Make a sender that may go anywhere."""
    sender = Sender(HttpClient(), HttpClient(), **limits)
    try:
        yield sender
    finally:
        await sender.close()
