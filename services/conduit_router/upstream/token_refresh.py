"""Refreshes access tokens before they expire.

A call waits for a proof only when there is none yet; one that is about to expire is replaced while
calls go on with it.
"""

import asyncio
from collections.abc import Callable

import structlog

from conduit_kernel.errors import ConduitError
from conduit_router.routing.table import RoutingTable, UpstreamKey

# How long before its end a proof is replaced.
MARGIN_SECONDS = 300.0
LOOK_SECONDS = 15.0
# How long a call waits for the first proof.
FETCH_SECONDS = 20.0


class TokenRefresher:
    """Refreshes signers, each by one task at a time."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lines: tuple[UpstreamKey, ...] = ()
        self._under_way: dict[UpstreamKey, asyncio.Task[None]] = {}
        self._log = structlog.get_logger("proofs")

    def load(self, table: RoutingTable) -> None:
        """Look after the lines of a new table."""
        self._lines = tuple(
            line
            for instance in table.instances.values()
            for line in instance.lines
            if not line.signer.is_static
        )

    async def ensure(self, line: UpstreamKey) -> None:
        """Return when a line's proof is valid. The signer's error if it cannot be had."""
        if line.signer.expires_at <= self._clock():
            # Shielded: others may wait for the same proof.
            await asyncio.shield(self._refresh(line))

    async def run(self) -> None:
        """Replace proofs before they expire, for ever."""
        while True:
            due = self._clock() + MARGIN_SECONDS
            for line in self._lines:
                if line.signer.expires_at <= due:
                    self._refresh(line)
            await asyncio.sleep(LOOK_SECONDS)

    async def close(self) -> None:
        """Give up what is under way."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _refresh(self, line: UpstreamKey) -> asyncio.Task[None]:
        task = self._under_way.get(line)
        if task is None:
            task = self._under_way[line] = asyncio.create_task(self._fetch(line))
            task.add_done_callback(lambda done: self._done(line, done))
        return task

    async def _fetch(self, line: UpstreamKey) -> None:
        async with asyncio.timeout(FETCH_SECONDS):
            await line.signer.refresh(self._clock())

    def _done(self, line: UpstreamKey, task: asyncio.Task[None]) -> None:
        self._under_way.pop(line, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            reason = error.message if isinstance(error, ConduitError) else type(error).__name__
            self._log.warning("proof_failed", key_id=line.key_id, reason=reason)
