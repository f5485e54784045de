"""What hub clients of server-sent events send: by any worker, to the one that holds the stream."""

import asyncio
import contextlib
from collections.abc import Iterator

MAX_MAILBOXES = 1_000
# Messages that wait in one; what comes then is refused.
MAX_WAITING = 64

Mailbox = asyncio.Queue[str | None]


class Mailboxes:
    """Mailboxes by the ids of connections, which are secrets of their clients'."""

    def __init__(self) -> None:
        self._mailboxes: dict[str, Mailbox] = {}

    @contextlib.contextmanager
    def opened(self, connection: str) -> Iterator[Mailbox | None]:
        """Open a mailbox; None if there is no room, or it is open. None in it is the end."""
        if connection in self._mailboxes or len(self._mailboxes) >= MAX_MAILBOXES:
            yield None
            return
        mailbox = self._mailboxes[connection] = Mailbox()
        try:
            yield mailbox
        finally:
            del self._mailboxes[connection]

    def deliver(self, connection: str, text: str) -> bool:
        """Put a message into a mailbox; return whether it is open and had room."""
        mailbox = self._mailboxes.get(connection)
        if mailbox is None or mailbox.qsize() >= MAX_WAITING:
            return False
        mailbox.put_nowait(text)
        return True

    def close(self) -> None:
        """End all that are open."""
        for mailbox in self._mailboxes.values():
            mailbox.put_nowait(None)
