"""A second candidate beside a slow one: the first good answer is the caller's, the other ends.

The other is cancelled at once, and charged as each attempt is that nobody waits for any more.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from conduit_kernel.errors import DeadlineExceeded, InvalidRequest
from conduit_router.calls.attempt_ends import end_failed
from conduit_router.calls.call_scope import CallScope
from conduit_router.routing.attempt_plan import Attempt, Outrun
from conduit_router.routing.hedges import Budgets
from conduit_router.routing.policy import NO_CAPS, Hedging

ResultT = TypeVar("ResultT")
Make = Callable[[CallScope, Attempt], Awaitable[ResultT]]
# Notes what an answer used that nobody takes, and closes it.
Drop = Callable[[CallScope, Attempt, ResultT], None]
# Only chats are asked twice: what else costs, costs more.
HEDGED = frozenset({"chat"})
# How long an attempt may take to be cancelled; it lets its connection go at once.
CANCEL_SECONDS = 0.1


async def hedged(
    scope: CallScope, attempt: Attempt, make: Make[ResultT], drop: Drop[ResultT]
) -> tuple[Attempt, Awaitable[ResultT]]:
    """Make an attempt that has begun, and a second one where it is slow.

    Returns the one that the call goes on with, over, and what it came to: an answer, or its error.
    The other one is accounted for.
    """
    hedging, caps = attempt.candidate.hedging, scope.caller.caller.caps or NO_CAPS
    if hedging is None or scope.operation.name not in HEDGED or not caps.hedging:
        return attempt, make(scope, attempt)
    budgets: Budgets = {scope.requirements.model: hedging.budget}
    if caps.hedging < NO_CAPS.hedging:
        budgets[scope.caller.caller.virtual_key_id] = caps.hedging
    if scope.plan.attempts == 1:
        scope.runtime.hedges.earn(budgets)
    race = _Race(scope, attempt, make, drop, budgets)
    try:
        await race.run(hedging)
    except BaseException as error:
        await race.call_off(error)
        raise
    return race.attempt, _outcome(race.task)


class _Race(Generic[ResultT]):
    """An attempt, and maybe a second one."""

    def __init__(
        self,
        scope: CallScope,
        attempt: Attempt,
        make: Make[ResultT],
        drop: Drop[ResultT],
        budgets: Budgets,
    ) -> None:
        self._scope = scope
        self._make = make
        self._drop = drop
        self._budgets = budgets
        # The one that the call goes on with.
        self.attempt = attempt
        self.task = self._start(attempt)
        self._waited = scope.waited
        self._other: tuple[Attempt, asyncio.Task[ResultT]] | None = None

    async def run(self, hedging: Hedging) -> None:
        """Wait until one has answered, or all have failed."""
        first, task, hedges = self.attempt, self.task, self._scope.runtime.hedges
        place = first.candidate.provider_id, first.candidate.model
        delay = hedges.delay(hedging, place)
        await asyncio.wait({task}, timeout=delay)
        if delay is not None and not task.done() and (second := self._second()) is not None:
            self._other = second, self._start(second)
            await self._until_good({task, self._other[1]})
            await self._decide(self._other)
        if hedging.delay is None and (_is_good(task) or self.task is not task):
            hedges.note(place, first.waited or self._scope.runtime.clock() - first.began)

    async def call_off(self, error: BaseException) -> None:
        """End everything, as nobody waits any more; the call itself ends its own attempt."""
        await _cancel(self.task)
        if self._other is not None:
            attempt, task = self._other
            await _cancel(task)
            self._end(attempt, task, error)
            self._scope.attempt = self.attempt
        if _is_good(self.task):
            self._drop(self._scope, self.attempt, self.task.result())

    def _start(self, attempt: Attempt) -> asyncio.Task[ResultT]:
        return asyncio.ensure_future(self._make(self._scope, attempt))

    def _second(self) -> Attempt | None:
        """Begin an attempt at the next candidate, if there is one, and a hedge left."""
        scope, first = self._scope, self.attempt
        # One that fetches what the request names is not slow, nor is one that answers already.
        is_waiting = first.is_sent and first.waited == 0
        second = scope.plan.hedge() if is_waiting else None
        if second is None or not scope.runtime.hedges.take(self._budgets):
            return None
        try:
            has_begun = scope.begin_attempt(second)
        except DeadlineExceeded:
            # The first one has what is left of the time.
            return None
        return second if has_begun and scope.plan.once_more() else None

    async def _until_good(self, tasks: set[asyncio.Task[ResultT]]) -> None:
        while tasks:
            done, tasks = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if any(_is_good(task) for task in done):
                return

    async def _decide(self, other: tuple[Attempt, asyncio.Task[ResultT]]) -> None:
        """Go on with the one that answered, or with the second one's failure."""
        scope, first, second = self._scope, (self.attempt, self.task), other
        is_first = _is_good(first[1])
        (self.attempt, self.task), loser = (first, second) if is_first else (second, first)
        # Until it has ended: the caller may leave meanwhile.
        self._other = loser
        if not is_first:
            scope.plan.overtaken()
        await _cancel(loser[1])
        self._other = None
        self._end(*loser, Outrun())
        scope.waited = self._waited + (0.0 if is_first else second[0].began - first[0].began)
        scope.attempt = self.attempt

    def _end(self, attempt: Attempt, task: asyncio.Task[ResultT], why: BaseException) -> None:
        """End an attempt that the call does not go on with."""
        scope = self._scope
        failure = task.exception() if task.done() and not task.cancelled() else None
        if failure is not None:
            end_failed(scope, attempt, failure)
            if isinstance(failure, InvalidRequest):
                scope.plan.unmade()
            return
        if _is_good(task):
            self._drop(scope, attempt, task.result())
        elif not task.done():
            task.add_done_callback(lambda late: self._drop_late(attempt, late))
        scope.end_attempt(attempt, why)

    def _drop_late(self, attempt: Attempt, task: asyncio.Task[ResultT]) -> None:
        """Close what came of an attempt that was accounted for while it still ran."""
        if _is_good(task):
            self._drop(self._scope, attempt, task.result())


async def _outcome(task: asyncio.Task[ResultT]) -> ResultT:
    """Return what a task came to, or raise its error."""
    try:
        return await task
    finally:
        # A task refers to its error, which refers to this frame: the call's body would be kept.
        del task


def _is_good(task: asyncio.Task[ResultT]) -> bool:
    """Tell whether an attempt has answered."""
    return task.done() and not task.cancelled() and task.exception() is None


async def _cancel(task: asyncio.Task[ResultT]) -> None:
    """Cancel a task; one that takes its time over it keeps nobody waiting."""
    task.cancel()
    await asyncio.wait({task}, timeout=CANCEL_SECONDS)
