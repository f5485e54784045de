"""A place where one task waits for a socket's callback, without the detour of a future.

A future wakes its task through the event loop: one more object, one more handle and one more turn
of the loop per wait. A slot belongs to a connection, is used over and over, and steps its waiting
task at once, from within the transport's callback. It speaks the protocol that tasks know from
futures (``_asyncio_future_blocking``), made for such look-alikes (see ``asyncio.isfuture``).
"""

import asyncio
from collections.abc import Callable, Generator
from contextvars import Context


class WakeSlot:
    """Wakes its one waiter; keeps no value, so waiters look at their own state after it."""

    __slots__ = ("_asyncio_future_blocking", "_context", "_loop", "waiter")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._asyncio_future_blocking = False
        self._loop = loop
        self._context: Context
        self.waiter: Callable[[WakeSlot], object] | None = None
        """The waiting task's wake-up call, if one waits."""

    def __await__(self) -> Generator["WakeSlot", None, None]:
        """Wait for ``wake``."""
        if self.waiter is not None:
            raise RuntimeError("another task waits at this slot")
        self._asyncio_future_blocking = True
        yield self

    def wake(self) -> None:
        """Run the waiter now, or soon if another task is being run. No waiter: no effect.

        This may run any code of the waiter, so call it last.
        """
        waiter = self.waiter
        if waiter is None:
            return
        self.waiter = None
        try:
            self._context.run(waiter, self)
        except RuntimeError:
            # A task cannot be stepped inside another; what the waiter raises stays in its task.
            self._loop.call_soon(waiter, self, context=self._context)

    # What follows is called by the waiting task only.

    def add_done_callback(
        self, waiter: Callable[["WakeSlot"], object], *, context: Context
    ) -> None:
        """Take the wake-up call."""
        self.waiter = waiter
        self._context = context

    def result(self) -> None:
        """Give the waiter nothing."""

    def cancel(self, msg: object = None) -> bool:
        """Wake the waiter soon; not having been cancelled here, the task cancels itself."""
        waiter = self.waiter
        if waiter is not None:
            self.waiter = None
            self._loop.call_soon(waiter, self, context=self._context)
        return False
