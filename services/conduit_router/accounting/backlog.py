"""Keeps in memory what the disk refuses, until it takes it."""

import asyncio
from collections import deque

import structlog

from conduit_kernel.errors import ServiceUnavailable
from conduit_kernel.slices import Slices
from conduit_router.accounting.segment import Record
from conduit_router.accounting.spool import Spool

# A charge takes some 300 bytes, and what Python needs to keep it about as much.
MAX_BYTES = 64 * 1024 * 1024
_RECORD_BYTES = 300
RETRY_MS = 1000


class Backlog:
    """Records that the disk refuses, in order.

    One record is tried for all. Memory is bounded: what no longer fits is lost, counted and logged.
    """

    def __init__(self, spool: Spool, *, refuse_at: int = 0, max_bytes: int = MAX_BYTES) -> None:
        """Take the spool, and from how many waiting records on no calls are taken; 0 for never."""
        self._spool = spool
        self._refuse_at = refuse_at
        self._max_bytes = max_bytes
        self._bytes = 0
        # What comes while there are any has its place behind them.
        self.records: deque[Record] = deque()
        # Set while records wait.
        self.waiting = asyncio.Event()
        # Whether calls are to be refused. No property: each call looks.
        self.refuses_calls = False
        # Records that no longer fitted, since the start and since the disk began to refuse.
        self.lost = 0
        self._lost_now = 0
        self._log = structlog.get_logger("charging")

    def keep(self, kind: bytes, message: bytes, error: OSError | None = None) -> None:
        """Keep a record: the first one that the disk refused, with its error, or one behind it."""
        if error:
            self._log.error("spool_refused", reason=str(error))
        size = len(message) + _RECORD_BYTES
        if self._bytes + size > self._max_bytes:
            self._lose()
            return
        self._bytes += size
        self.records.append((kind, message))
        self.refuses_calls = self._is_long
        self.waiting.set()

    async def retry(self) -> None:
        """Store what the disk refused before.

        OSError if it still refuses, which one record is enough to learn.
        """
        slices = Slices()
        stored = 0
        self._spool.begin()
        while self.records:
            kind, message = self.records[0]
            self._spool.append(kind, message)
            self.records.popleft()
            self._bytes -= len(message) + _RECORD_BYTES
            self.refuses_calls = self._is_long
            stored += 1
            await slices.pause()
        if stored:
            self._log.info("spool_recovered", stored=stored, lost=self._lost_now)
            self._lost_now = 0

    def refusal(self) -> ServiceUnavailable:
        """Return the error that callers receive while calls are refused."""
        return ServiceUnavailable(
            "Conduit's disk takes no charges, and as many wait as may",
            service="router",
            retry_after_ms=str(RETRY_MS),
        )

    def give_up(self) -> None:
        """Tell of what is lost with this process."""
        if self.records:
            self._log.error("charges_lost", lost=len(self.records) + self._lost_now)

    def _lose(self) -> None:
        if not self._lost_now:
            self._log.error("charges_lost", waiting=len(self.records))
        self._lost_now += 1
        self.lost += 1

    @property
    def _is_long(self) -> bool:
        return 0 < self._refuse_at <= len(self.records)
