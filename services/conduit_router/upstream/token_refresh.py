"""Refreshes access tokens before they expire.

A call waits for a token only when there is none yet; one that is about to expire is replaced while
calls go on with it.
"""

import asyncio
from collections.abc import Callable

import structlog

from conduit_kernel.errors import ConduitError
from conduit_providers.sending import Send
from conduit_router.routing.table import Instance, TableChange, UpstreamTarget

# How long before its end a token is replaced.
MARGIN_SECONDS = 300.0
LOOK_SECONDS = 15.0
# How long a call waits for the first token.
FETCH_SECONDS = 20.0


class TokenRefresher:
    """Refreshes signers, each by one task at a time."""

    def __init__(self, clock: Callable[[], float], send: Send) -> None:
        """Take what sends the requests of those signers whose libraries send none themselves."""
        self._clock = clock
        self._send = send
        # The targets whose tokens expire, by instance.
        self._targets: dict[int, tuple[UpstreamTarget, ...]] = {}
        self._under_way: dict[UpstreamTarget, asyncio.Task[None]] = {}
        self._log = structlog.get_logger("token_refresh")

    def apply(self, change: TableChange) -> None:
        """Take the targets of the instances that changed."""
        for provider_id in change.provider_ids:
            self._targets.pop(provider_id, None)
            instance = change.after.instances.get(provider_id)
            if instance is not None and (targets := _refreshed(instance)):
                self._targets[provider_id] = targets

    async def ensure(self, upstream: UpstreamTarget) -> None:
        """Return when a target's token is valid. The signer's error if it cannot be had."""
        if upstream.signer.expires_at <= self._clock():
            # Shielded: others may wait for the same token.
            await asyncio.shield(self._refresh(upstream))

    async def refresh_due(self) -> None:
        """Begin to replace the tokens that are about to expire."""
        due = self._clock() + MARGIN_SECONDS
        for targets in self._targets.values():
            for upstream in targets:
                if upstream.signer.expires_at <= due:
                    self._refresh(upstream)

    async def close(self) -> None:
        """Cancel what is under way."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _refresh(self, upstream: UpstreamTarget) -> asyncio.Task[None]:
        task = self._under_way.get(upstream)
        if task is None:
            task = self._under_way[upstream] = asyncio.create_task(self._fetch(upstream))
            task.add_done_callback(lambda done: self._done(upstream, done))
        return task

    async def _fetch(self, upstream: UpstreamTarget) -> None:
        async with asyncio.timeout(FETCH_SECONDS):
            await upstream.signer.refresh(self._clock(), self._send)

    def _done(self, upstream: UpstreamTarget, task: asyncio.Task[None]) -> None:
        self._under_way.pop(upstream, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            reason = error.message if isinstance(error, ConduitError) else type(error).__name__
            self._log.warning("token_refresh_failed", key_id=upstream.key_id, reason=reason)


def _refreshed(instance: Instance) -> tuple[UpstreamTarget, ...]:
    found = (target for key in instance.keys for target in key.targets.values())
    return tuple(dict.fromkeys(target for target in found if not target.signer.is_static))
