"""How many bytes of messages a gRPC server holds, of all calls together.

What has come is counted. What is on its way gRPC keeps, and tells nobody how much of it there is;
each may grow to the largest that is taken. While that could be more than there is room for, the
memory of the process is looked at, and calls that wait for their message are ended where it grows
beyond the room: as Envoy's overload manager resets streams by the size of its heap.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any, Self

import structlog

from conduit_kernel.errors import ServiceUnavailable
from conduit_kernel.http.body_room import BodyRoom, HeldBodies

# Memory is looked at so often while messages on their way could be too many. A connection of one
# machine with itself brings some hundred MiB in that time.
LOOK_SECONDS = 0.1
_RETRY_AFTER_MS = "1000"


class MessageRoom:
    """Counts messages of a server, and ends calls whose messages would be too many together.

    No caller has more than three quarters, as with bodies over HTTP.
    """

    def __init__(
        self,
        most: int,
        largest: int,
        in_use: Callable[[], int],
        *,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        """Take how many bytes there may be, the most of one message, and a meter of memory."""
        self._most = most
        self._largest = largest
        self._in_use = in_use
        self._look_seconds = look_seconds
        self._bodies = BodyRoom(most)
        self._awaited: dict[HeldMessages, asyncio.Task[Any]] = {}
        self._before = 0
        # What calls had that were just ended comes back in a moment.
        self._has_ended = False
        self._look: asyncio.TimerHandle | None = None
        self._log = structlog.get_logger("rpc")

    def for_call(self, caller: str, *, speaks_for_others: bool) -> "HeldMessages":
        """Return what holds the messages of one call."""
        return HeldMessages(self, self._bodies, caller, speaks_for_others=speaks_for_others)

    def begin(self, call: "HeldMessages", task: asyncio.Task[Any]) -> None:
        """Know that a call waits for a message, in a task."""
        self._awaited[call] = task
        if self._look is None and self._may_be_too_many():
            self._before = self._in_use()
            self._look_later()

    def end(self, call: "HeldMessages") -> None:
        """Know that it has come, or does not any more."""
        self._awaited.pop(call, None)

    def _may_be_too_many(self) -> bool:
        on_their_way = len(self._awaited) * self._largest
        return on_their_way > self._bodies.left

    def _look_later(self) -> None:
        loop = asyncio.get_running_loop()
        self._look = loop.call_later(self._look_seconds, self._look_at_memory)

    def _look_at_memory(self) -> None:
        self._look = None
        if not self._may_be_too_many():
            return
        # What others gave back meanwhile is no room for these.
        self._before = min(self._before, now := self._in_use())
        self._has_ended = not self._has_ended and now - self._before > self._most
        if self._has_ended:
            self._end_most()
        self._look_later()

    def _end_most(self) -> None:
        """End the calls of whoever waits for most messages; who speaks for others comes last."""
        waiting = Counter((not call.speaks_for_others, call.caller) for call in self._awaited)
        worst = max(waiting, key=lambda each: (each[0], waiting[each]))
        ended = [
            (call, task)
            for call, task in self._awaited.items()
            if (not call.speaks_for_others, call.caller) == worst
        ]
        self._log.warning("messages_refused", peer=worst[1], calls=len(ended))
        for call, task in ended:
            call.is_ended = True
            task.cancel()


class HeldMessages:
    """The messages of one call: its only one until the call ends, of several the one at work."""

    __slots__ = ("_held", "_room", "caller", "is_ended", "speaks_for_others")

    def __init__(
        self, room: MessageRoom, bodies: BodyRoom, caller: str, *, speaks_for_others: bool
    ) -> None:
        self.caller = caller
        self.speaks_for_others = speaks_for_others
        self.is_ended = False
        self._room = room
        self._held = HeldBodies(bodies)
        self._held.count_as(caller, speaks_for_others=speaks_for_others)

    def __enter__(self) -> Self:
        """Count nothing yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """Count all of them out: the call has ended."""
        self._held.release()

    async def next(self, stream: AsyncIterator[bytes]) -> bytes | None:
        """Return the next message in place of the one before; None if there is none.

        Raises ServiceUnavailable where there is no room.
        """
        data = await self._come(stream)
        self._held.release()
        if data is not None and not self._held.take(len(data)):
            raise _no_room()
        return data

    async def _come(self, stream: AsyncIterator[bytes]) -> bytes | None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("messages are read in tasks")
        self._room.begin(self, task)
        try:
            return await anext(stream, None)
        except asyncio.CancelledError:
            if not self.is_ended:
                raise
            task.uncancel()
        finally:
            self._room.end(self)
        raise _no_room()


def _no_room() -> ServiceUnavailable:
    message = "The service holds as many messages as it can"
    return ServiceUnavailable(message, retry_after_ms=_RETRY_AFTER_MS)
