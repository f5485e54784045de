"""Writes refused logins into the audit log, once their minute is over."""

import structlog

from conduit_kernel.audit.author import Author
from conduit_kernel.audit.refused_logins import MINUTE_SECONDS, RefusedLogins
from conduit_kernel.errors import ServiceUnavailable
from conduit_registry.store import Store

WRITE_SECONDS = 15.0
# What services report late is of a minute that is not written yet.
_LATE_SECONDS = 15
_MICRO = 1_000_000
_OWN_AUTHOR = Author("registry")


class RefusedLoginWriter:
    """Writes what all services counted."""

    def __init__(self, store: Store, counted: RefusedLogins) -> None:
        self._store = store
        self._counted = counted

    async def write_due(self) -> None:
        """Write the minutes that are over: a step of a loop."""
        now = self._store.now() // _MICRO
        await self._write(before=(now - _LATE_SECONDS) // MINUTE_SECONDS)
        if self._counted.are_any:
            # By time alone more becomes due.
            self._counted.waiting.set()

    async def write_last(self) -> None:
        """Write what there is, as the process ends; what the database refuses is in the log."""
        try:
            await self._write(before=None)
        except ServiceUnavailable as error:
            lost = sum(count for _, count in self._counted.take())
            log = structlog.get_logger("audit")
            log.warning("refused_logins_lost", count=lost, reason=error.message)

    async def _write(self, before: int | None) -> None:
        taken = self._counted.take(before)
        if not taken:
            return
        try:
            async with self._store.change(_OWN_AUTHOR) as changing:
                for login, count in taken:
                    since = login.minute * MINUTE_SECONDS * _MICRO
                    changes = {"reason": login.reason, "count": count}
                    changing.note_refused_logins(login.address, since, changes)
        except BaseException:
            self._counted.add(taken)
            raise
