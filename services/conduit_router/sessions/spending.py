"""Holds what a session may cost next of its virtual key's hard budgets, while they have it."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Protocol

from conduit_kernel.errors import BudgetExceeded, ServiceUnavailable
from conduit_router.spending.leases import Reservation
from conduit_router.spending.purse import Reserved

# How often it is looked at what a session has used, at least.
LOOK_SECONDS = 1.0
# How long nobody is asked for more, who just had none.
PAUSE_SECONDS = 1.0


class Owing(Protocol):
    """The account of a session: of what it used that was not charged yet."""

    def owed(self) -> int:
        """Return it in nano-dollars. CostUnknown if nobody knows."""
        ...

    def charge_counted(self) -> None:
        """Charge it, as far as it is counted."""
        ...


class SessionSpending:
    """Holds pieces of budgets for a session, one after the other.

    The piece that is held covers what the session may use until it is looked at again. Once there
    is no other one, the session goes on for as long as the last one lasts.
    """

    def __init__(
        self,
        charges: Owing,
        reserved: Reserved,
        more: Callable[[int], Awaitable[Reservation]],
        clock: Callable[[], float],
        *,
        piece: int,
        least: int,
    ) -> None:
        """Take what reserves more of the budgets, and a clock of seconds.

        `piece`: how much is held beside what was used, in nano-dollars; `least`: with less than
        that beside it the session ends.
        """
        self._charges = charges
        self._reserved = reserved
        self._more = more
        self._clock = clock
        self._piece = piece
        self._least = least
        self._asks_from = clock()
        self._is_over = False
        self._turn = asyncio.Lock()
        self._used = asyncio.Event()

    def note_use(self) -> None:
        """Have it looked at what was used."""
        self._used.set()

    def end(self) -> None:
        """Hold nothing more, as the session is over."""
        self._is_over = True

    async def watch(self) -> None:
        """Look now and then, and when something was used; raises as `look` does."""
        while True:
            await self.look()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._used.wait()
            self._used.clear()

    async def look(self) -> None:
        """Hold the next piece, if it is time for it.

        BudgetExceeded once there is none, and the last one is used; ServiceUnavailable if nobody
        can say, then; CostUnknown if that is what it is.
        """
        async with self._turn:
            if self._is_over:
                return
            reserved, owed = self._reserved, self._charges.owed()
            if reserved.has_held(owed + self._piece):
                return
            now = self._clock()
            if reserved.is_usable(now) and reserved.covers(owed + self._piece):
                return
            if now < self._asks_from and reserved.covers(owed + self._least):
                return
            try:
                more = await self._more(owed + self._piece)
            except (BudgetExceeded, ServiceUnavailable) as error:
                self._asks_from = self._clock() + PAUSE_SECONDS
                # Its own lease may have something left, though calls begin on it no more.
                if reserved.covers(owed + self._piece) or reserved.covers(owed + self._least):
                    return
                if isinstance(error, ServiceUnavailable):
                    raise
                await self._swap()
            else:
                if not self._is_over:
                    # What was used before is paid from the former lease.
                    self._charges.charge_counted()
                self._go_on_with(more)

    async def _swap(self) -> None:
        """Give the piece back that is held, and take another one: both at once are too much.

        BudgetExceeded if what is left is too little; until then nothing is held for a moment.
        """
        self._charges.charge_counted()
        self._reserved.give_back_cost()
        self._go_on_with(await self._more(self._charges.owed() + self._piece))

    def _go_on_with(self, more: Reservation) -> None:
        if self._is_over:
            # Nobody would give it back.
            more.end()
        else:
            self._reserved.go_on_with(more)
