"""Refreshes access tokens before they expire.

A call waits for a token only when there is none yet; one that is about to expire is replaced while
calls go on with it.
"""

import asyncio
from collections.abc import Callable

import structlog

from conduit_kernel.errors import ConduitError, Scope, UpstreamError, UpstreamTimeout
from conduit_providers.sending import Send
from conduit_router.routing.table import Instance, TableChange, UpstreamTarget

# How long before its end a token is replaced.
MARGIN_SECONDS = 300.0
LOOK_SECONDS = 15.0
# How long an issuer has for a token.
FETCH_SECONDS = 20.0


class TokenRefresher:
    """Refreshes signers, each by one task at a time."""

    def __init__(
        self, clock: Callable[[], float], send: Send, *, fetch_seconds: float = FETCH_SECONDS
    ) -> None:
        """Take what sends the requests of signers whose libraries send none, and for how long."""
        self._clock = clock
        self._send = send
        self._fetch_seconds = fetch_seconds
        # The targets whose tokens expire, by instance.
        self._targets: dict[int, tuple[UpstreamTarget, ...]] = {}
        # By the signer's identity: targets may share one.
        self._under_way: dict[int, asyncio.Task[None]] = {}
        self._log = structlog.get_logger("token_refresh")

    def apply(self, change: TableChange) -> None:
        """Take the targets of the instances that changed."""
        for provider_id in change.provider_ids:
            self._targets.pop(provider_id, None)
            instance = change.after.instances.get(provider_id)
            if instance is not None and (targets := _refreshed(instance)):
                self._targets[provider_id] = targets

    async def ensure(self, upstream: UpstreamTarget, seconds: float) -> None:
        """Return when a target's token is valid, which a call waits for at most so many seconds.

        The signer's error, or UpstreamTimeout, if it cannot be had. It is one of the key, and of
        nothing if the proxy failed.
        """
        if upstream.signer.expires_at > self._clock():
            return
        refresh = self._refresh(upstream)
        # Others may wait for the same token, so it is not cancelled with this call.
        await asyncio.wait((refresh,), timeout=min(seconds, self._fetch_seconds))
        try:
            if not refresh.done():
                raise _late(upstream)
            refresh.result()
        finally:
            # One that failed refers to its error, which refers to this frame and its caller's.
            del refresh

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
        name = id(upstream.signer)
        task = self._under_way.get(name)
        if task is None:
            task = self._under_way[name] = asyncio.create_task(self._fetch(upstream))
            task.add_done_callback(lambda done: self._done(upstream, done))
        return task

    async def _fetch(self, upstream: UpstreamTarget) -> None:
        is_late = False
        try:
            async with asyncio.timeout(self._fetch_seconds):
                await upstream.signer.refresh(self._clock(), self._send)
        except TimeoutError:
            is_late = True
        except UpstreamError as error:
            error.metadata.setdefault("provider", upstream.provider_name)
            # Another key may have another issuer; the provider itself was not asked.
            if error.is_providers_fault:
                error.scope = Scope.KEY
            raise
        if is_late:
            # Not above: asyncio's error refers to this task, which ends with what is raised.
            raise _late(upstream)

    def _done(self, upstream: UpstreamTarget, task: asyncio.Task[None]) -> None:
        self._under_way.pop(id(upstream.signer), None)
        if not task.cancelled() and (error := task.exception()) is not None:
            reason = error.message if isinstance(error, ConduitError) else type(error).__name__
            self._log.warning("token_refresh_failed", key_id=upstream.key_id, reason=reason)


def _late(upstream: UpstreamTarget) -> UpstreamTimeout:
    name = upstream.provider_name
    error = UpstreamTimeout(f"No access token for {name} came in time", provider=name)
    error.scope = Scope.KEY
    return error


def _refreshed(instance: Instance) -> tuple[UpstreamTarget, ...]:
    found = (target for key in instance.keys for target in key.targets.values())
    return tuple(dict.fromkeys(target for target in found if not target.signer.is_static))
