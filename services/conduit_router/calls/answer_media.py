"""Fetches what an answer names by address though the caller asked for it itself.

A provider chooses where this leads, so it is held to the same rules as what callers name.
"""

import asyncio
import contextlib
from collections.abc import Collection

from conduit_kernel.errors import InvalidRequest, UpstreamError
from conduit_router.calls.call_scope import CallScope
from conduit_router.calls.media import Media
from conduit_router.routing.attempt_plan import Attempt

# What has this size has as much as a whole answer may have, once it is in base64.
MAX_BYTES = 48 * 1024 * 1024


async def answered_media(scope: CallScope, attempt: Attempt, urls: Collection[str]) -> Media:
    """Return what is at some addresses. UpstreamError if it cannot be had."""
    with contextlib.suppress(InvalidRequest, TimeoutError):
        async with asyncio.timeout(max(0.0, scope.left())):
            return await scope.runtime.media.fetch(urls, MAX_BYTES)
    # Not within: asyncio's error refers to this task, which may end with what is raised.
    name = attempt.key.provider_name
    message = f"What {name} answered is at an address where it cannot be had"
    raise UpstreamError(message, provider=name)
