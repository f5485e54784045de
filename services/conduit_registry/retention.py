"""Forgets the changes that watchers ask for no more, and the audit log's old lines."""

from conduit_kernel.audit.author import Author
from conduit_registry.store import Store

FORGET_SECONDS = 3600.0
# Whoever is further behind gets everything, which is sooner read.
KEPT_CHANGES = 10_000
_DAY_MICROS = 86_400_000_000
# It leaves no line, and so says nothing.
_NOBODY = Author("registry")


class Retention:
    """Keeps the tables that grow with each change from growing for ever."""

    def __init__(self, store: Store, *, audit_days: int, kept_changes: int = KEPT_CHANGES) -> None:
        """Take how long the audit log is kept; 0 for ever."""
        self._store = store
        self._audit_days = audit_days
        self._kept_changes = kept_changes

    async def forget(self) -> None:
        """Forget what is due: a step of a loop."""
        async with self._store.change(_NOBODY) as changing:
            await changing.forget_changes(self._kept_changes)
            if self._audit_days:
                oldest = self._store.now() - self._audit_days * _DAY_MICROS
                await changing.forget_audit_entries(oldest)
