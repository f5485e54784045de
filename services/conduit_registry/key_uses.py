"""Writes the uses of keys into the audit log, of providers whose audit level asks for it."""

from collections import Counter
from collections.abc import Mapping

import structlog

from conduit.v1.provider_pb2 import AUDIT_LEVEL_FULL
from conduit_kernel.audit.author import Author
from conduit_kernel.errors import ServiceUnavailable
from conduit_registry.store import KEY, PROVIDER, Store

# A line is of what a key did in so long.
WRITE_SECONDS = 60.0
OWN_AUTHOR = Author("registry-key-use")


class KeyUseLog:
    """Counts what all routers report, and writes it, one line for each key and minute."""

    def __init__(self, store: Store) -> None:
        self._store = store
        # By the key's number.
        self._counts = Counter[int]()

    def count(self, uses: Mapping[int, int]) -> None:
        """Count uses, by the keys' numbers."""
        self._counts.update(uses)

    async def write(self) -> None:
        """Write what was counted: a step of a loop."""
        taken, self._counts = self._counts, Counter[int]()
        try:
            await self._write(taken)
        except BaseException:
            self._counts.update(taken)
            raise

    async def write_last(self) -> None:
        """Write what there is, as the process ends; what the database refuses is in the log."""
        try:
            await self.write()
        except ServiceUnavailable as error:
            log = structlog.get_logger("audit")
            log.warning("key_uses_lost", count=self._counts.total(), reason=error.message)

    async def _write(self, counts: Counter[int]) -> None:
        if not counts:
            return
        async with self._store.read() as reading:
            asking = await reading.every(PROVIDER, audit_level=AUDIT_LEVEL_FULL)
            providers = {provider.id for provider in asking}
            keys = await reading.some(KEY, sorted(counts)) if providers else []
        wanted = [key for key in keys if key.provider_id in providers]
        if wanted:
            async with self._store.change(OWN_AUTHOR) as changing:
                for key in wanted:
                    changing.note_key_use(key.api_id, {"requests": counts[key.id]})
