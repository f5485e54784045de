"""Looks for what other processes wrote to a database."""

from collections.abc import Awaitable, Callable

# A clock of files may stand still between two changes.
MAX_SKIPPED = 10


class DatabasePoll:
    """Looks for changes, unless it is certain that there is none."""

    def __init__(
        self, look: Callable[[], Awaitable[object]], signature: Callable[[], object]
    ) -> None:
        """Take what looks, and what differs after each change; None if that is not known."""
        self._look = look
        self._signature = signature
        self._seen: object = None
        self._skipped = 0

    async def run(self) -> None:
        """Look: a step of a loop."""
        # Taken first: what changes while it looks is found the next time.
        signature = self._signature()
        is_same = signature is not None and signature == self._seen
        if is_same and self._skipped < MAX_SKIPPED:
            self._skipped += 1
            return
        await self._look()
        self._seen, self._skipped = signature, 0
