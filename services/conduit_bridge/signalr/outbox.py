"""Records that wait for a client to take them, in bounds."""

import asyncio
from collections import deque

# Above it, what the client calls is not answered, and so not read, until it has taken some.
CROWDED_CHARS = 256 * 1024
# Above it, the client is let go of, and may come back.
MAX_CHARS = 4 * 1024 * 1024
MAX_RECORDS = 5_000


class Outbox:
    """A queue of records, counted by their length."""

    def __init__(self) -> None:
        self._records: deque[str] = deque()
        self._chars = 0
        self._filled = asyncio.Event()
        self._spacious = asyncio.Event()
        self._spacious.set()
        # Set once a record had no room.
        self.overflowed = asyncio.Event()

    @property
    def is_empty(self) -> bool:
        """Return whether nothing waits."""
        return not self._records

    def put(self, record: str) -> None:
        """Let a record wait, unless there is no room: then it is lost, and `overflowed` is set."""
        if self._chars + len(record) > MAX_CHARS or len(self._records) >= MAX_RECORDS:
            self.overflowed.set()
            return
        self._records.append(record)
        self._chars += len(record)
        self._filled.set()
        if self._chars > CROWDED_CHARS:
            self._spacious.clear()

    async def get(self) -> str:
        """Return the next record, once there is one."""
        while not self._records:
            self._filled.clear()
            await self._filled.wait()
        record = self._records.popleft()
        self._chars -= len(record)
        if self._chars <= CROWDED_CHARS:
            self._spacious.set()
        return record

    async def wait_spacious(self) -> None:
        """Wait until the client has taken most of what waited."""
        await self._spacious.wait()
