"""Calls that find everything at rest wait for it within their time, in order.

Each caller has a line of its own, so that nobody waits behind what another sends. In it, whoever
came first asks first. When a rest ends, the others follow one after the other, a little apart, so
that what has just come back does not meet all of them at once.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Protocol

from conduit_kernel.counters import decrement
from conduit_providers.operation import Requirements
from conduit_router.context import CallerContext
from conduit_router.routing.attempt_plan import AttemptPlan
from conduit_router.routing.refusals import wait_for

# A longer wait is the caller's.
MAX_WAIT_SECONDS = 10.0
# However short a rest is, it is not looked at again before.
MIN_WAIT_SECONDS = 0.01
# As many calls may wait, and of one caller's no more than there are places left; others are told
# at once.
MAX_WAITING = 1_000
# How far those who follow are apart, drawn at random up to twice as much; where several callers
# wait, as many times that.
SPACE_SECONDS = 0.01
MOST_ABREAST = 20


class WaitingCall(Protocol):
    """A call without candidates, as it stands in a line."""

    caller: CallerContext
    requirements: Requirements
    plan: AttemptPlan
    # Seconds.
    waited: float

    def left(self) -> float:
        """Return the seconds until its deadline."""
        ...

    def decide_again(self) -> bool:
        """Tell whether it has candidates by now."""
        ...


class _Line:
    """The calls of a caller that wait for the same alias and operation."""

    __slots__ = ("length", "turn")

    def __init__(self) -> None:
        # Who waits for it gets it in order.
        self.turn = asyncio.Lock()
        self.length = 0


class WaitingLines:
    """The lines in which calls wait, one for each caller, alias and operation."""

    def __init__(
        self,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        most: int = MAX_WAITING,
    ) -> None:
        self._clock = clock
        self._lines: dict[tuple[int, str, str], _Line] = {}
        # How many calls of each caller wait, and how many lines there are at each alias.
        self._waiting = Counter[int]()
        self._abreast = Counter[str]()
        self._sleep = sleep
        self._left = most

    async def wait(self, call: WaitingCall) -> bool:
        """Wait until a call has candidates; return False if that would be too long."""
        caller = call.caller.caller.virtual_key_id
        if self._waiting[caller] >= self._left or not _is_short(call):
            return False
        name = caller, call.requirements.model, call.requirements.operation
        line = self._enter(name)
        is_first = line.length == 1
        began = self._clock()
        try:
            async with asyncio.timeout(min(call.left(), MAX_WAIT_SECONDS)):
                return await self._stand(call, line, is_first=is_first)
        except TimeoutError:
            return False
        finally:
            call.waited += self._clock() - began
            self._leave(name, line)

    def _enter(self, name: tuple[int, str, str]) -> _Line:
        line = self._lines.get(name)
        if line is None:
            line = self._lines[name] = _Line()
            self._abreast[name[1]] += 1
        line.length += 1
        self._waiting[name[0]] += 1
        self._left -= 1
        return line

    def _leave(self, name: tuple[int, str, str], line: _Line) -> None:
        self._left += 1
        line.length -= 1
        decrement(self._waiting, name[0])
        if not line.length:
            del self._lines[name]
            decrement(self._abreast, name[1])

    async def _stand(self, call: WaitingCall, line: _Line, *, is_first: bool) -> bool:
        async with line.turn:
            while not call.decide_again():
                if not _is_short(call):
                    return False
                await self._sleep(max(MIN_WAIT_SECONDS, wait_for(call.plan.decision) or 0.0))
            # Those in front, and the others who are the first of theirs.
            others = min(self._abreast[call.requirements.model] - is_first, MOST_ABREAST)
            if others:
                await self._sleep(2 * SPACE_SECONDS * others * random.random())  # noqa: S311 # jitter
            return True


def _is_short(call: WaitingCall) -> bool:
    """Tell whether something passes by itself within a call's time."""
    wait = wait_for(call.plan.decision)
    return wait is not None and wait < min(call.left(), MAX_WAIT_SECONDS)
