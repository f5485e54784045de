"""An answer under way, for whoever asked for it: the first caller and those with the same key."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from copy import copy
from typing import Any

from conduit_kernel.errors import ConduitError
from conduit_kernel.idempotency_errors import IdempotentCallUnderWay, IdempotentResultNotKept
from conduit_kernel.rpc import error_from

# What is remembered of an answer, before it is compressed. A longer one goes to its first caller
# alone, as fast as that one takes it.
MAX_RECORDED_BYTES = 64 * 1024 * 1024
RETRY_MS = "1000"


class Recording:
    """The messages of an answer, as they come, and how it ended."""

    def __init__(self, fingerprint: bytes, max_bytes: int = MAX_RECORDED_BYTES) -> None:
        """Take what was asked, and how much of the answer is remembered."""
        self.fingerprint = fingerprint
        self.messages: list[Any] = []
        # Whether all messages so far are there; whether the first caller is.
        self.is_whole = True
        self.is_led = True
        # What the log is to know of the call.
        self.facts: Mapping[str, object] | None = None
        self._max_bytes = max_bytes
        self._bytes = 0
        # How many messages are there no more.
        self._gone = 0
        self.is_done = False
        self._error: BaseException | None = None
        self._changed = asyncio.Event()
        self._taken = asyncio.Event()

    async def add(self, message: Any) -> None:  # noqa: ANN401 # of each RPC its own
        """Take a message; wait for the first caller where not all can be remembered."""
        self.messages.append(message)
        self._bytes += message.ByteSize()
        self._notify()
        if self._bytes > self._max_bytes:
            self.is_whole = False
            while self.messages and self.is_led:
                self._taken.clear()
                await self._taken.wait()

    def end(self, error: BaseException | None = None) -> None:
        """Note that no more messages come, and why, if that is a failure."""
        # A fault of ours is told with all that it came through. Others refer to the call that way,
        # and what is raised to whoever hears it refers to this.
        self.is_done, self._error = True, _told(error) if error is not None else None
        self._notify()

    async def lead(self) -> AsyncGenerator[Any, None]:
        """Yield the messages to the first caller. Raises what the call failed with."""
        at = 0
        try:
            while True:
                changed = self._changed
                while at - self._gone < len(self.messages):
                    message = self.messages[at - self._gone]
                    at += 1
                    yield message
                    self._let_go(at)
                if self.is_done:
                    if self._error is not None:
                        raise _told(self._error)
                    return
                await changed.wait()
        finally:
            self.is_led = False
            self._taken.set()

    async def follow(self, seconds: float, clock: Callable[[], float]) -> AsyncGenerator[Any, None]:
        """Yield the messages to another caller, who waits for so long. Raises as `lead` does."""
        at, until = 0, clock() + seconds
        while True:
            changed = self._changed
            while at < len(self.messages) and self.is_whole:
                yield self.messages[at]
                at += 1
            if not self.is_whole:
                raise not_kept()
            if self.is_done:
                if self._error is not None:
                    raise _again(self._error)
                return
            try:
                async with asyncio.timeout(max(0.0, until - clock())):
                    await changed.wait()
            except TimeoutError:
                raise under_way() from None

    def _let_go(self, taken: int) -> None:
        """Forget what the first caller has, where not all can be remembered."""
        if not self.is_whole:
            del self.messages[: taken - self._gone]
            self._gone = taken
            self._taken.set()

    def _notify(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


def not_kept() -> IdempotentResultNotKept:
    """Return the error of callers for whom there is no answer any more."""
    message = "A call with this idempotency key was made; its answer was too large to be kept"
    return IdempotentResultNotKept(message)


def under_way() -> IdempotentCallUnderWay:
    """Return the error of callers whose time ends before the first one's call does."""
    message = "A call with this idempotency key is still under way"
    return IdempotentCallUnderWay(message, retry_after_ms=RETRY_MS)


def _told(error: BaseException) -> BaseException:
    """Return an error to be raised or kept, without what it was raised through."""
    return copy(error) if isinstance(error, ConduitError) else error


def _again(error: BaseException) -> BaseException:
    """Return an error for one more caller: each notes its own facts in it."""
    if isinstance(error, ConduitError):
        known = {k: v for k, v in error.metadata.items() if k != "request_id"}
        return error_from(error.reason, error.message, known)
    return error
